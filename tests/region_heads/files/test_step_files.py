"""Files between the steps: whole as their types say, or refused in words; what is let through can be used."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from rich.console import Console

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.table import print_evaluation
from region_heads.files.inputs import first_problem, read_json
from region_heads.files.step_files import (
    Arguments,
    Evaluation,
    Promotion,
    Registration,
    Routing,
    RunStatus,
    Training,
    Validation,
)
from region_heads.registry.registration.lineage import lineage_tags
from region_heads.report.composing import render
from region_heads.settings import SourceParams
from tests.components.visualize.conftest import ROUTER
from tests.region_heads.files.written_files import evaluation, validation

TRAINING = {
    "splits_digest": "splits", "mlflow_run_id": "run", "params": {"epochs": 2}, "seconds": 3.5, "val_score": 0.5,
    "undelivered": {"id": "a", "params": True, "samples": [["loss", 2.5, 1_764_000_000_000, 1]], "open": False},
}  # fmt: skip
FILES: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "evaluate": (Evaluation, evaluation("3")),
    "validate": (Validation, validation()),
    "register": (Registration, {"model_name": "region-heads", "version": "3"}),
    "promote": (Promotion, {"version": "3", "sentence": "Promoted."}),
    "tag_tasks": (Routing, ROUTER),
    "finetune": (Training, TRAINING),
    "notify": (RunStatus, {"state": "SUCCEEDED"}),
    "launch": (Arguments, {"ranks": 2, "step": {}}),
}
FREE = ("slices", "label_to_read", "params")
"""Fields whose keys are data: one less is no fault."""
UNREAD = (("agreement", "share"), ("agreement", "disagreements", 0, "id"), ("params", "epochs"))
OF_THE_GATE = (("finetune", ("splits_digest",)), ("validate", ("records_digest",)))
"""Where they are missing, the file can be read, and the gate refuses it."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; run the step register first"),
        (b"{", "not readable as JSON: .*; run the step register again"),
        (b"\xff", "not readable as JSON: .*; run the step register again"),
        (b"[" * 100_000, "not readable as JSON: .*; run the step register again"),
        (b"[]", r"expected an object, found \[\]; run the step register again"),
        (b'{"model_name": "a"}', "field version: expected a value, found none; run the step register again"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    with pytest.raises(RegionHeadsError, match=f"file: {said}"):
        read_json(tmp_path / "file", Registration, writer="register")


def _fields(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [one for key, value in parts for one in ((*at, key), *_fields(value, (*at, key)))]


def _changed(content: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(content)
    part: Any = content
    for key in path[:-1]:
        part = part[key]
    if value == "missing":
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return content


def _of_another_type(value: Any) -> Any:
    return {"str": 7, "bool": "true", "list": {}, "dict": [], "NoneType": {}}.get(type(value).__name__, str(value))


@given(
    spoilt=st.sampled_from([(writer, path) for writer, (_, content) in FILES.items() for path in _fields(content)]),
    missing=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_any_field_missing_or_of_another_type_is_refused_by_its_name(
    tmp_path: Path, spoilt: tuple[str, tuple[Any, ...]], missing: bool
) -> None:
    (writer, path), (schema, content) = spoilt, FILES[spoilt[0]]
    assume(path not in UNREAD)
    missing &= not isinstance(path[-1], int) and not any(part in FREE for part in path[:-1])
    assume(not missing or spoilt not in OF_THE_GATE)
    value = "missing" if missing else _of_another_type(_at(content, path))
    (tmp_path / "file").write_text(json.dumps(_changed(content, path, value)))
    with pytest.raises(RegionHeadsError) as refused:
        read_json(tmp_path / "file", schema, writer=writer)
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'file'}: field ")
    assert f"run the step {writer} again" in said
    assert "found" in said
    assert str(path[-1]) in said


def _at(content: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        content = content[key]
    return content


@given(
    path=st.sampled_from(_fields(evaluation("3"))),
    value=st.sampled_from(["missing", None, 0, 1, 0.5, -1e9, "", "text", True, [], [0.5], {}, {"a": 1}]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_evaluation_is_let_through_can_be_shown_and_registered(path: tuple[Any, ...], value: Any) -> None:
    content = _changed(evaluation("3"), path, value)
    if first_problem(content, Evaluation) is None:
        print_evaluation(content, Console(file=io.StringIO()))
        lineage_tags(content, TRAINING, SourceParams(), code=("region_heads", "components"))
        _page(evaluation=content)


@given(
    path=st.sampled_from(_fields(ROUTER)),
    value=st.sampled_from(["missing", None, 0, 1, 0.5, -1, "", "text", True, [], ["a"], {}, {"a": 1}]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_routing_is_let_through_can_be_shown(path: tuple[Any, ...], value: Any) -> None:
    content = _changed(ROUTER, path, value)
    if first_problem(content, Routing) is None:
        _page(router=content)


def _page(**changed: Any) -> None:
    told: dict[str, Any] = {"evaluation": evaluation("3"), "router": ROUTER} | changed
    gallery: dict[str, Any] = {"images": [], "slices": [], "questions": []}
    render(title="Report", rows=[], curves={}, gallery=gallery, origin={}, **told)
