"""What a person sees of a training in a log: a line every minute, with the time that is left."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from region_heads.training import progress


def test_a_log_has_a_line_every_minute(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(range(0, 100_000, 25))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    line, state = progress.ProgressLine(), SimpleNamespace(global_step=100, max_steps=200)
    line.on_train_begin(None, state, None)
    line.on_log(None, state, None, logs={"loss": 1.5})
    for step in range(101, 109):
        state.global_step = step
        line.on_step_end(None, state, None)
    line.on_train_end(None, state, None)
    said = [text for text in capsys.readouterr().out.splitlines() if text.startswith("step")]
    assert len(said) == 2
    assert said[0].startswith("step 103 of 200  loss 1.500  left 0:")
