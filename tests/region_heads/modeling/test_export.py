"""Exported heads and region encoders answer as the modules do, for other numbers of questions and of regions."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from region_heads import ModelSettings, RegionHeads, RegionHeadsConfig, build, export_heads, export_region_encoder
from region_heads.close_ups import CLOSE_UP
from region_heads.errors import RegionHeadsError
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.export import RETURNED
from region_heads.modeling.heads import HeadInputs
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.region_encoder import NAME
from region_heads.tasks import TASK_NAMES

pytestmark = pytest.mark.slow

N, D, G, W = 6, 16, 4, 5


@pytest.fixture(scope="module")
def heads() -> RegionHeads:
    torch.manual_seed(0)
    return RegionHeads(RegionHeadsConfig(feature_size=D, geometry_size=G))


@pytest.fixture(scope="module")
def program(heads: RegionHeads) -> torch.export.ExportedProgram:
    return export_heads(heads, regions=N)


@pytest.fixture(scope="module")
def model(table: pa.Table) -> RegionHeadsModel:
    torch.manual_seed(0)
    return build(ModelSettings(), table)[0].eval()


def asked(questions: int, regions: int) -> dict[str, Tensor]:
    """Inputs by name."""
    drawn = torch.Generator().manual_seed(questions)
    return {
        "features": torch.randn(questions, regions, D, generator=drawn),
        "geometry": torch.rand(questions, regions, G, generator=drawn),
        "valid": torch.ones(questions, regions, dtype=torch.bool),
        "question": torch.randn(questions, D, generator=drawn),
        "inside": torch.rand(questions, regions, regions, generator=drawn),
    }


def padded(inputs: dict[str, Tensor], more: int) -> dict[str, Tensor]:
    sides = {"features": (0, 0, 0, more), "geometry": (0, 0, 0, more), "valid": (0, more), "inside": (0, more, 0, more)}
    return {name: pad(tensor, sides[name]) if name in sides else tensor for name, tensor in inputs.items()}


@pytest.mark.parametrize(("questions", "regions"), [(1, 6), (7, 3), (0, 6)])
def test_a_program_answers_as_the_heads_do(
    heads: RegionHeads, program: torch.export.ExportedProgram, questions: int, regions: int
) -> None:
    inputs = asked(questions, regions)
    found = program.module()(**padded(inputs, N - regions))
    heads.eval()
    for task in TASK_NAMES:
        known = {name: tensor for name, tensor in inputs.items() if name != "features"}
        (expected, _) = heads(inputs["features"], [task] * questions, **known)
        torch.testing.assert_close(found[f"{task}.answer"], expected[task].answer)
        torch.testing.assert_close(found[f"{task}.confidence"], expected[task].confidence)
        torch.testing.assert_close(found[f"{task}.answer_weights"][:, :regions], expected[task].answer_weights)


def test_exporting_changes_nothing_of_the_heads() -> None:
    few = {task: {"enabled": False} for task in TASK_NAMES[1:]}
    small = RegionHeads(RegionHeadsConfig(feature_size=D, region_heads_cfg=few)).train()
    export_heads(small, regions=2)
    assert all(module.training for module in small.modules())
    assert all(weight.requires_grad for weight in small.parameters())


@pytest.mark.parametrize(("enabled", "regions"), [(False, 4), (True, 0)])
def test_what_has_no_head_or_no_region_is_refused(enabled: bool, regions: int) -> None:
    cfg = {task: {"enabled": enabled} for task in TASK_NAMES}
    with pytest.raises(RegionHeadsError, match=r"expected a model with heads and at least 1 region, found \d heads"):
        export_heads(RegionHeads(RegionHeadsConfig(feature_size=D, region_heads_cfg=cfg)), regions=regions)


def test_a_program_is_saved_and_read(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    torch.export.save(program, tmp_path / "heads.pt2")
    again, inputs = torch.export.load(tmp_path / "heads.pt2"), asked(3, N)
    torch.testing.assert_close(again.module()(**inputs), program.module()(**inputs))


def test_the_heads_of_a_model_are_exported_with_the_words_that_fit_regions(model: RegionHeadsModel) -> None:
    torch.manual_seed(0)
    questions, width = 3, model.region_encoder.norm.normalized_shape[0]
    given = {
        "valid": torch.rand(questions, N) < 0.7, "inside": torch.rand(questions, N, N),
        "states": torch.randn(questions, N, width),
        "vectors": torch.randn(questions, N, model.region_encoder.vector_size),
        "positions": torch.randn(questions, N, 3), "question": torch.randn(questions, width),
        "words": torch.randn(questions, W, width), "limit": torch.tensor([0.0, 0.5, 2.0]),
    }  # fmt: skip
    model = deepcopy(model)
    torch.nn.init.ones_(model.region_heads.heads["counting"].lies.limit.bias)  # of a model that has learned of limits
    given["valid"][:, 0] = True
    looks, embeddings = torch.randn(questions, N, NAME), torch.randn(questions, W, width)
    said = torch.tensor([True] * (W - 1) + [False]).expand(questions, W)
    found = export_heads(model, regions=N).module()(**given, looks=looks, embeddings=embeddings, said=said)
    fits = model.region_encoder.fits(looks, embeddings) * said[:, None] * given["valid"][..., None]
    inputs = HeadInputs(**given, fits=fits, length_unit=model.config.length_unit)
    for task, expected in model.region_heads(inputs, dict.fromkeys(TASK_NAMES, torch.arange(questions))).items():
        for name in RETURNED:
            torch.testing.assert_close(found[f"{task}.{name}"], getattr(expected, name))


def test_a_region_encoder_is_exported_for_any_number_of_images_regions_and_cells(
    model: RegionHeadsModel, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.export.save(export_region_encoder(model.region_encoder), tmp_path / "encoder.pt2")
    again = torch.export.load(tmp_path / "encoder.pt2")
    for images, regions, cells in ((1, 1, 9), (3, 5, 16)):
        inputs = {
            "features_IPD": torch.randn(images, cells, model.region_encoder.norm.normalized_shape[0]),
            "coverage_IMP": torch.rand(images, regions, cells),
            "enclosure_IMP": torch.rand(images, regions, cells),
            "geometry_IMG": torch.rand(images, regions, GEOMETRY_SIZE),
            "close_ups_IM": torch.randint(256, (images, regions, 4, CLOSE_UP, CLOSE_UP), dtype=torch.uint8),
            "cells_I": torch.full((images,), cells),
        }
        torch.testing.assert_close(again.module()(**inputs), model.region_encoder(**inputs)._asdict())
