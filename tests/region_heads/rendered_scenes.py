"""Scenes of the rendered warehouse seen through a lens of one's choice: exact depth, and what each pixel shows."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from region_heads.lens import focal_length
from region_heads.rendering.camera import Camera
from region_heads.warehouse.drawing import draw_scene
from region_heads.warehouse.render import look

WIDTH, HEIGHT = 320, 180


@cache
def scene(number: int, degrees: float) -> tuple[NDArray[np.float32], NDArray[np.float64], Camera]:
    """Depth in whole millimetres ``[H, W]``, the world's point at each pixel ``[H, W, 3]``, and the camera."""
    drawn = draw_scene(np.random.default_rng([3, number]), (WIDTH, HEIGHT))
    camera = replace(drawn.camera, focal=focal_length(WIDTH, degrees))
    hits = look(replace(drawn, camera=camera)).hits
    depth = (np.rint(hits.distance * 1000) / 1000).reshape(HEIGHT, WIDTH)
    return depth.astype(np.float32), hits.point.reshape(HEIGHT, WIDTH, 3).astype(np.float64), camera
