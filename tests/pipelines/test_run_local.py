"""The local runner is believed for what it wrote, never for what it reports.

Without deferred annotations: kfp reads the types of a component when it is defined.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from pipelines import run_local as module
from pipelines.run_local import run_local
from region_heads.errors import RegionHeadsError


@dsl.component(base_image="python", install_kfp_package=False)
def honest(table: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> None:
    from pathlib import Path

    Path(table.path).write_text("rows")
    metrics.log_metric("rows", 1.0)


@dsl.component(base_image="python", install_kfp_package=False)
def forgetful(source: dsl.Input[dsl.Dataset], table: dsl.Output[dsl.Dataset]) -> None:
    print(f"read {source.path}, wrote nothing to {table.path}")


@dsl.component(base_image="python", install_kfp_package=False)
def failing(source: dsl.Input[dsl.Dataset]) -> None:
    raise SystemExit(f"failing: {source.path}: not what was expected")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[module.Output]]:
    """Runs one task, or it and a second one behind it."""

    def call(second: Any = None) -> list[module.Output]:
        @dsl.pipeline(name="small")
        def small(gpus: str = "1") -> None:  # noqa: ARG001 - which every pipeline has
            first = honest()
            if second is not None:
                second(source=first.outputs["table"])

        monkeypatch.setattr(module, "build", lambda *_: small)
        return run_local(tmp_path / "params.yaml", tmp_path / "outputs")

    return call


def test_it_says_where_each_output_is(run: Callable[..., list[module.Output]]) -> None:
    (output,) = run()
    assert (output.task, output.port) == ("honest", "table")
    assert output.path.read_text() == "rows"


def test_a_task_that_wrote_nothing_is_found_out(run: Callable[..., list[module.Output]]) -> None:
    with pytest.raises(RegionHeadsError, match="task forgetful: reported success but did not write its output 'table'"):
        run(forgetful)


def test_a_task_that_failed_is_named_and_its_words_are_shown(
    run: Callable[..., list[module.Output]], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RegionHeadsError, match=r"failing.* Its log is above; what the tasks before it wrote is in"):
        run(failing)
    assert "not what was expected" in capfd.readouterr().out
