"""The servers as processes: ours under a mixed load and at its end, and MLflow's own on the same model."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from region_heads.prediction import predict
from region_heads.settings import TrackingParams
from region_heads.tasks import Task
from tests.postgres import free_port
from tests.region_heads.serving.server_process import post, running, serve_command

pytestmark = pytest.mark.slow


def test_two_hundred_mixed_requests_each_get_their_reply_and_the_end_waits_for_the_last(
    tmp_path: Path, champion: TrackingParams, untrained_model: Path, splits: Path, dataset: Path
) -> None:
    test = pq.read_table(splits / "test.parquet")
    expected = {row["id"]: row for row in predict(untrained_model, test, dataset).to_pylist()}
    good = [
        ({"question": row["question"], "regions": row["rle"],
          "image": base64.b64encode((dataset / row["image"]).read_bytes()).decode()}, row["id"])
        for row in test.to_pylist()
    ]  # fmt: skip
    bad: list[tuple[Any, str]] = [
        (b"{", ""),
        (b"x" * (2 * 2**20), ""),
        ({"question": "How far?"}, "regions"),
        (good[0][0] | {"regions": []}, "regions"),
        (good[0][0] | {"image": "AAAA"}, "image"),
        (good[0][0] | {"question": "Good morning, <mask> <mask>!"}, "question"),
        (good[0][0] | {"regions": ["?", "?"]}, "regions.0"),
        (good[0][0] | {"colour": "red"}, "colour"),
    ]
    requests = [good[number % len(good)] if number % 2 else bad[number // 2 % len(bad)] for number in range(200)]
    port = free_port()
    more = ("--max-body", "1", "--waiting", "300", "--timeout", "100")
    command = serve_command(f"models:/{champion.model_name}/1", port, tmp_path, *more)
    url = f"http://127.0.0.1:{port}/v1/answers"
    log = tmp_path / "server.log"
    with running(command, log, {}, f"http://127.0.0.1:{port}/readyz") as server, ThreadPoolExecutor(24) as threads:
        replies = list(threads.map(lambda request: post(url, request[0]), requests))
        assert len(replies) == 200
        for number, ((status, content), (_, about)) in enumerate(zip(replies, requests, strict=True)):
            if number % 2:
                row = expected[about]
                task = Task.of(row["task"])
                assert (status, content["task"]) == (200, task.name)
                answer = json.loads(row["prediction"])
                if isinstance(answer, float):
                    assert content["answer"] == pytest.approx(answer, rel=1e-3)
                else:
                    assert content["answer"] == (str(answer) if task.names_region else answer)
            else:
                assert 400 <= status < 500, content
                assert content["errors"][0]["field"] == about
                assert content["errors"][0]["advice"]

        late = [threads.submit(post, url, request) for request, _ in good]
        while not any(future.done() for future in late):
            time.sleep(0.005)
        server.send_signal(signal.SIGTERM)
        answered = [future.exception() is None and future.result()[0] == 200 for future in late]
        assert server.wait(60) == 0
    text = log.read_text()
    assert "Traceback" not in text
    # Requests whose connection was refused were never taken; those in the log were answered.
    assert sum(answered) == text.count('"POST /v1/answers HTTP/1.1" 200') - 100
    assert sum(answered) > 0


def test_mlflows_own_server_refuses_bad_rows_with_a_reason(
    tmp_path: Path, champion: TrackingParams, splits: Path, dataset: Path
) -> None:
    row = pq.read_table(splits / "test.parquet").slice(0, 1).to_pylist()[0]
    picture = base64.b64encode((dataset / row["image"]).read_bytes()).decode()
    good = {"question": row["question"], "image": picture, "regions": row["rle"]}
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{champion.model_name}@champion",
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    environment = {
        "MLFLOW_TRACKING_URI": champion.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "REGION_HEADS_IMAGE_ROOT": os.devnull,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    url = f"http://127.0.0.1:{port}/invocations"
    with running(command, tmp_path / "mlflow.log", environment, f"http://127.0.0.1:{port}/ping"):
        status, content = post(url, {"dataframe_records": [good, good]})
        assert status == 200
        assert [answer["task"] for answer in content["predictions"]] == ["distance", "distance"]
        for change, words in (
            ({"regions": row["rle"][:1]}, "row 1: field regions: expected one for each of the 2 <mask>"),
            ({"image": "/etc/passwd"}, "row 1: field image: expected a picture in base64"),
            ({"question": "Good morning, <mask> <mask>!"}, "row 1: field question: expected one of the tasks"),
        ):
            status, content = post(url, {"dataframe_records": [good, good | change]})
            assert status == 400
            assert words in content["message"]
