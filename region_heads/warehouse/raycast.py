"""Finds what a ray meets: a thin layer over embree in terms of boxes and faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.errors import RegionHeadsError
from region_heads.warehouse.boxes import BoxArrays

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Hits:
    """Where rays end: ``n`` points on faces of boxes."""

    distance: Floats  # [n], in lengths of the ray's direction
    point: Floats  # [n, 3]
    box: Ints  # [n]
    face: Ints  # [n], 0..5

    @property
    def key(self) -> Ints:
        """One number for each face of each box ``[n]``."""
        key: Ints = self.box * 6 + self.face
        return key


class Caster:
    """A scene's boxes, ready for rays. The boxes must enclose every ray's origin (the hall does).

    Raises:
        RegionHeadsError: embree is not installed; for Linux on arm64 there is no package of it.
    """

    def __init__(self, boxes: BoxArrays) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ModuleNotFoundError as error:
            raise RegionHeadsError(
                "the warehouse is rendered with the package embreex, which is not installed; on x86_64 run "
                "`pip install 'region-heads[sample]'`, where there is none (Linux on arm64) set sample_data.domain to "
                "tabletop, which needs none, or render elsewhere"
            ) from error
        self._scene = EmbreeScene()
        self._mesh = TriangleMesh(self._scene, *boxes.triangles())  # the scene keeps no reference of its own
        self._normals = np.empty((len(boxes.centre) * 6, 3), np.float32)
        for axis in range(3):
            for side, sign in enumerate((-1.0, 1.0)):
                self._normals[2 * axis + side :: 6] = sign * boxes.rotation[:, :, axis]

    def first_hits(self, origin: NDArray[np.float64], directions: Floats) -> Hits:
        """What rays from one point ``[3]`` along ``directions`` ``[n, 3]`` meet first."""
        origins = np.empty_like(directions)
        origins[:] = origin
        found = self._scene.run(origins, directions, output=1)
        triangle = np.maximum(found["primID"], 0).astype(np.int64)
        distance = found["tfar"]
        return Hits(distance, origins + distance[:, None] * directions, triangle // 12, triangle % 12 // 2)

    def normals(self, hits: Hits) -> Floats:
        """Outward unit normals ``[n, 3]``."""
        normals: Floats = self._normals[hits.key]
        return normals

    def blocked(self, origins: Floats, directions: Floats, reach: float) -> NDArray[np.bool_]:
        """Whether something lies on each ray within ``reach`` lengths of its direction ``[n]``."""
        reaches = np.full(len(origins), reach, np.float32)
        hit = self._scene.run(
            np.ascontiguousarray(origins), np.ascontiguousarray(directions), reaches, query="OCCLUDED"
        )
        blocked: NDArray[np.bool_] = hit >= 0
        return blocked
