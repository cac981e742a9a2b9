"""params.yaml is checked against the schema, and mistakes are answered with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.params import STEPS, load_params, parse_section, sections
from region_heads.errors import RegionHeadsError


def _load(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    load_params(file)


def test_the_shipped_file_is_valid_and_shows_every_key(repository: Path) -> None:
    file = repository / "params.yaml"
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(load_params(file)) == {
        "data",
        "source",
        "tracking",
        "cluster",
        "preflight",
        "compare_data",
        "notify",
        *STEPS,
    }
    for name, schema in sections().items():
        assert set(written[name]) == set(schema.model_fields), name


def test_every_field_says_what_it_is() -> None:
    for name, schema in sections().items():
        for key, field in schema.model_fields.items():
            assert field.description, f"{name}.{key}"


def test_what_is_left_out_takes_its_default(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("finetune:\n  epochs: 3\n", encoding="utf-8")
    loaded = load_params(file)
    assert loaded["finetune"].model_dump()["epochs"] == 3
    assert loaded["data"] == sections()["data"]()


@pytest.mark.parametrize(
    ("text", "unknown", "meant"),
    [
        ("finetun: {}", "finetun", "finetune"),
        ("finetune: {epoch: 3}", "finetune.epoch", "epochs"),
        ("data: {pth: data/mine}", "data.pth", "path"),
        ("finetune: {region_heads_cfg: {distance: {dropot: 0.1}}}", "dropot", "dropout"),
        ("finetune: {region_heads_cfg: {distence: {}}}", "distence", "distance"),
        ("finetune: {loss_weights: {countin: 2}}", "countin", "counting"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_named(tmp_path: Path, text: str, unknown: str, meant: str) -> None:
    with pytest.raises(RegionHeadsError) as error:
        _load(tmp_path, text)
    assert unknown in str(error.value)
    assert repr(meant) in str(error.value)
    assert "params.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("finetune: {epochs: many}", "finetune.epochs"),
        ("finetune: {epochs: -1}", "greater than 0"),
        ("data: 3", "data: expected"),
        ("- data", "expected sections at the top level, found list"),
        ("data: {path: [}", "not readable as YAML"),
        ("tracking: {experiment: 2026-02-30}", "line 1: not readable as YAML: 2026-02-30 is a date"),
        ("tracking: {experiment: 2026-02-03}", "put it in quotes"),
        ("data: {}\ndrift: {}\ndata: {}\n", "line 3: not readable as YAML: the key 'data' stands here and in line 1"),
        ("data:\n  path: a\n  path: b\n", "line 3: not readable as YAML: the key 'path' stands here and in line 2"),
        ("data: {path: a, path: a}", "the key 'path' stands here and in line 1"),
        ("data: {3: a}", "expected text as a key, found '3'"),
        ("on: {}", "expected text as a key, found 'on'"),
        ("data: {depth_scale: .nan}", "expected a finite number, found .nan"),
        ("data: {depth_scale: 1e999}", "data.depth_scale: Input should be a finite number"),
        (f"sample_data: {{scenes: {'9' * 5000}}}", "not readable as YAML: Exceeds the limit"),
        ("a: " + "[" * 3000, "nested too deeply"),
        ("a: " + "{a: " * 60 + "1" + "}" * 60, "nested too deeply"),
        ("a: &a [*a]", "nested too deeply"),
        (
            "a0: &a0 [1, 2]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)),
            "at most 100,000 values",
        ),
        ("sample_data: {seed: 010}", "010 is another number to YAML"),
        ("sample_data: {scenes: 1:30}", "1:30 is another number to YAML"),
        ("data: {depth_scale: 1:30.5}", "expected a finite number, found 1:30.5"),
        ("sample_data: {scenes: yes}", "scenes: expected a number"),
        ("data: []", "data: expected keys with values, found []"),
        ("data: false", "data: expected keys with values, found False"),
        ("0", "expected sections at the top level, found int"),
        (r'data: {path: "a\0b"}', "expected a text without control characters"),
        (r'data: {path: "\ud800"}', "expected a text without control characters"),
        ("tracking: {model_name: a/b}", "tracking.model_name: expected a name as MLflow takes it"),
        ("tracking: {model_name: ..}", "tracking.model_name: expected a name as MLflow takes it"),
        ("tracking: {model_name: ''}", "tracking.model_name: expected a name as MLflow takes it"),
        ("tracking: {experiment: ''}", "tracking.experiment: String should have at least 1"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RegionHeadsError, match=r"params\.yaml") as error:
        _load(tmp_path, text)
    assert said in str(error.value)


def test_a_mapping_may_be_named_once_and_used_again(tmp_path: Path) -> None:
    _load(tmp_path, "cluster:\n  node_selector: &labels {zone: a}\npreflight: {}\ndata: {<<: {path: a}, path: b}\n")


def test_a_section_from_kubeflow_takes_no_number_that_is_not_finite() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(RegionHeadsError, match=r"data\.depth_scale: Input should be a finite number"):
            parse_section("data", {"depth_scale": value}, source="test")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"no such file; run in the repository or give --params FILE"):
        load_params(tmp_path / "params.yaml")


@given(text=st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8", errors="ignore")
    try:
        load_params(file)
    except RegionHeadsError as error:
        assert str(file) in str(error)


@pytest.mark.parametrize("name", ["data", "tracking", *STEPS])
def test_a_section_survives_the_way_through_kubeflow(name: str) -> None:
    """Kubeflow carries parameters as protobuf structs, in which every number is a double."""
    section = sections()[name]()

    def doubles(value: object) -> object:
        if isinstance(value, dict):
            return {key: doubles(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [doubles(inner) for inner in value]
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    carried = doubles(section.model_dump(mode="json"))
    assert isinstance(carried, dict)
    assert parse_section(name, carried, source="test") == section


@pytest.mark.parametrize("key", ["split.group", "evaluate.camera"])
def test_what_is_no_regular_expression_is_refused_where_it_is_set(tmp_path: Path, key: str) -> None:
    name, setting = key.split(".")
    for pattern in ("(", "a{99999999999}", "x" * 2000):
        with pytest.raises(RegionHeadsError, match=rf"params.yaml: {key}: expected a regular expression.*, found '"):
            _load(tmp_path, f"{name}: {{{setting}: '{pattern}'}}")
    _load(tmp_path, f"{name}: {{{setting}: '(cam[0-9]+)/'}}")
