"""The public names: their signatures change only on purpose, and the example of each docstring runs."""

from __future__ import annotations

import doctest
import inspect
import re
import shutil
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import region_heads
from region_heads.training.build import ModelSettings, build

# A change here breaks the programs of others: it belongs into the release notes.
SIGNATURES = {
    "HeadInputs": "(states, vectors, positions, inside, question, words, fits, valid, length_unit, limit)",
    "HeadInputs.of": "(rows)",
    "Answerer": "(network, processor)",
    "Answerer.ask": ("(image, question, regions, *, depth, task, field_of_view, without_depth, depth_scale)"),
    "Answerer.push_to_hub": "(repo_id, *, private, token)",
    "Answerer.save_pretrained": "(folder)",
    "RegionDataCollator": "(processor)",
    "RegionDataCollator.__call__": "(questions)",
    "RegionDataset": "(table, root, processor, *, depth_scale, augmentation, text_answer, seed, cached_scenes)",
    "RegionHeads": "(config)",
    "RegionHeads.forward": ("(features, task_types, labels, *, geometry, valid, question, inside, grounding)"),
    "RegionHeadsModel": "(config, backbone)",
    "RegionHeadsModel.forward": "(*, batch, cache)",
    "RegionHeadsModel.from_pretrained": "(folder, *, config, dtype, **options)",
    "RegionHeadsModel.save_pretrained": "(folder, **options)",
    "RegionProcessor": "(tokenizer, *, image_format, prompt, wordings, text_encoder)",
    "RegionProcessor.from_pretrained": "(folder)",
    "RegionProcessor.save_pretrained": "(folder)",
    "Task.of": "(name)",
    "build": "(settings, train, weights)",
    "export_heads": "(heads, *, regions)",
    "export_region_encoder": "(encoder)",
    "load": "(uri, *, revision)",
    "question_table": "(records, root, *, depth_scale)",
}
CONFIGURATION = [
    "backbone_config", "region_heads_cfg", "region_size", "head_size", "image_token_grid", "image_coordinates",
    "word_state_size", "answer_mirrored", "loss_weights",
    "grounding_loss_weight", "naming_loss_weight", "name_tokens", "name_shares", "language_loss_weight",
    "text_tokens", "loss_weighting", "backbone_precision", "depth_share", "length_unit", "new_tokens", "mask_token_id",
    "read_out_token_id", "answer_token_id", "feature_size", "geometry_size", "format_version",
]  # fmt: skip


def shown(name: str) -> str:
    """The parameters of a public class or method, without types, defaults and ``self``."""
    found = region_heads
    for part in name.split("."):
        found = getattr(found, part)
    signature = inspect.signature(found)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_is_what_programs_were_written_for(name: str) -> None:
    assert shown(name) == SIGNATURES[name]


def test_the_configuration_has_the_fields_that_saved_models_name() -> None:
    own = [name for name in inspect.get_annotations(region_heads.RegionHeadsConfig) if name != "model_type"]
    assert own == CONFIGURATION


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, table: pa.Table, image_folder: Path) -> Path:
    """A folder in which the line has run, with a model of random weights."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(image_folder, folder / "data" / "sample")
    shutil.copytree(image_folder, folder / "photos")
    (folder / "data" / "splits").mkdir()
    pq.write_table(table, folder / "data" / "splits" / "test.parquet")
    torch.manual_seed(0)
    model, processor = build(ModelSettings(), table)
    model.save_pretrained(folder / "models" / "region_heads")
    processor.save_pretrained(folder / "models" / "region_heads")
    return folder


def test_the_code_of_the_page_runs_from_top_to_bottom(
    clone: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    page = (repository / "docs" / "library.md").read_text(encoding="utf-8")
    blocks = [textwrap.dedent(block) for block in re.findall(r"\n\n((?:    .*\n|\n)+)", page)]
    code = [block for block in blocks if "import " in block]
    assert len(code) > 4
    exec(compile("\n".join(code), "docs/library.md", "exec"), {})


def test_the_code_of_the_readme_runs(
    clone: Path, repository: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone)
    (code,) = re.findall(
        r"\n\n((?:    .*\n|\n)*    import region_heads\n(?:    .*\n|\n)+)",
        (repository / "README.md").read_text(encoding="utf-8"),
    )
    pictures = re.findall(r'"(data/sample/[^"]+)"', code)
    assert len(pictures) == 2
    for path, kind in zip(pictures, ("", "_depth"), strict=True):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # As large as the sample's, in which the page's regions lie.
        Image.open(image_folder / f"0{kind}.png").resize((640, 360)).save(path)
    exec(compile(textwrap.dedent(code), "README.md", "exec"), {})


@pytest.mark.parametrize("name", region_heads.__all__)
def test_the_example_of_a_public_name_runs(name: str, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    found = doctest.DocTestFinder(recurse=False).find(getattr(region_heads, name), name, globs={})
    assert sum(len(test.examples) for test in found) > 1, f"{name}: expected an example in its docstring"
    report: list[str] = []
    for test in found:
        doctest.DocTestRunner().run(test, out=report.append)
    assert not report, "".join(report)
