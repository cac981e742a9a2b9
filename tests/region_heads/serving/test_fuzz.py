"""Whatever is sent, the reply is an answer or a problem in words, and the work for it is bounded, told by counting."""

from __future__ import annotations

import base64
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

import region_heads.serving.requests as parsing
from region_heads.asking import Images, Limits, answering, checks
from region_heads.prediction import load
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("REGION_HEADS_FUZZ_EXAMPLES", "300"))
WIDTH, HEIGHT = 48, 32
LIMITS = Limits(pixels=100_000, all_pixels=200_000, regions=8, characters=400, spans=2_000, measured=10_000)
SERVER = ServerLimits(body=200_000, questions=8)


def encoded(mode: str, kind: str, *, size: tuple[int, int] = (WIDTH, HEIGHT), **given: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 1).save(buffer, format=kind, **given)
    return buffer.getvalue()


def metres(*values: float) -> bytes:
    depth = np.full((HEIGHT, WIDTH), 2.5, np.float32)
    depth[:, : len(values)] = values
    buffer = io.BytesIO()
    Image.fromarray(depth).save(buffer, format="TIFF")
    return buffer.getvalue()


PICTURES = [
    *(encoded("RGB", kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "ICO")),
    *(encoded(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
    *(encoded(mode, "TIFF") for mode in ("CMYK", "F", "I")),
    *(metres(*values) for values in ([np.nan], [np.inf], [-np.inf, -1], [1e38], [np.nan] * WIDTH)),
    encoded("RGB", "PNG", size=(400, 300)),
    encoded("RGB", "PNG", size=(1, 90_000)),
    encoded("RGB", "JPEG", exif=bytes.fromhex("4578696600004d4d002a000000080001011200030000000100060000000000000000")),
    encoded("RGB", "GIF", save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT), 9)]),
    encoded("RGB", "PNG").replace(b"\x00\x00\x000\x00\x00\x00 ", b"\x7f\xff\xff\xff\x7f\xff\xff\xff"),
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    b"P6\n99999 99999\n255\n",
]
MASK = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
MASK[5:20, 4:30] = 1
RLE = coco.encode(MASK)["counts"].decode()


def mutated(sound: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some bytes written over, and cut off somewhere."""
    edits = st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=3)

    def change(content: bytes, edits: list[tuple[int, bytes]], end: int | None) -> bytes:
        for place, new in edits:
            content = content[:place] + new + content[place + len(new) :]
        return content[:end]

    return st.builds(change, sound, edits, st.none() | st.integers(0, 400))


NUMBERS = st.one_of(
    st.integers(-3, 60), st.floats(), st.sampled_from([1e308, 10**400, -(2**63), 65_536, True, None, "1"])
)
ANY = st.recursive(
    NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
SOUND = st.sampled_from(PICTURES)
PICTURE = st.one_of(
    SOUND.map(base64.b64encode).map(bytes.decode),
    st.just(base64.b64encode(PICTURES[0]).decode()),
    mutated(SOUND).map(lambda content: "data:image/png;base64," + base64.b64encode(content).decode()),
    st.sampled_from(["0.png", "../0.png", "/etc/passwd", "/dev/stdin", "folder", "a" * 5_000, "0.png\0", "~", ""]),
    ANY,
)
REGION = st.one_of(
    st.just([4, 4, 20, 20]),
    st.just(RLE),
    st.just({"size": [HEIGHT, WIDTH], "counts": RLE}),
    st.lists(NUMBERS, max_size=5),
    mutated(st.just(RLE.encode())).map(lambda text: text.decode("latin-1")),
    st.fixed_dictionaries({"size": st.lists(NUMBERS, max_size=3), "counts": st.text(alphabet="0`o1PQ", max_size=40)}),
    ANY,
)
WORDS = st.lists(
    st.sampled_from(
        ["How far is", "<mask>", "from", "to", "Which of", "left", "or right", "how many", "between", "and", "<image>",
         "<depth>", "<|im_start|>", "USER:", "[Region 1]", "<video>", "\ud800", "\0", "\x1b[2J", "ﬀ", "٣", "🧱"]
    ),
    max_size=14,
).map(" ".join)  # fmt: skip
TEXT = WORDS | st.sampled_from(
    ["How far is <mask> from <mask>?", "Which of <mask> <mask> is leftmost?", "from to " * 50]
)
FIELDS = {
    "question": TEXT | ANY,
    "regions": st.lists(REGION, max_size=4) | ANY,
    "image": PICTURE,
    "depth": PICTURE,
    "task": st.sampled_from(["distance", "count", "size", ""]) | ANY,
    "without_depth": st.booleans() | ANY,
    "field_of_view": st.floats(0, 200) | ANY,
    "intrinsics": st.dictionaries(st.sampled_from(["fx", "fy", "cx", "cy"]), NUMBERS) | st.lists(NUMBERS) | ANY,
    "more": ANY,
}
GOOD = {
    "question": "How far is <mask> from <mask>?",
    "regions": [[4, 4, 20, 20], RLE],
    "image": base64.b64encode(PICTURES[0]).decode(),
    "depth": base64.b64encode(metres(1.0)).decode(),
}
CHANGE = st.sampled_from(list(FIELDS)).flatmap(lambda name: FIELDS[name].map(lambda value: {name: value}))
ALMOST = CHANGE.map(lambda change: GOOD | change)
QUESTION = ALMOST | st.fixed_dictionaries({}, optional=FIELDS)
BATCH = st.fixed_dictionaries(
    {"questions": st.lists(QUESTION, max_size=4) | ANY}, optional={"image": PICTURE, "depth": PICTURE, "more": ANY}
)
CONTENT = ALMOST | QUESTION | BATCH | ANY
JSON_TEXT = CONTENT.map(lambda content: json.dumps(content).encode())
BODY = st.one_of(
    JSON_TEXT,
    JSON_TEXT,
    mutated(JSON_TEXT),
    st.binary(max_size=80),
    st.builds(
        lambda piece, times, tail: piece * times + tail,
        st.sampled_from([b"[", b'{"questions":[', b'{"regions":', b"1", b"{},", b'"', b"\\", b"\xff"]),
        st.integers(0, 30_000),
        st.binary(max_size=9),
    ),
    st.integers(0, 40_000).map(lambda times: b'{"questions": [' + b"{}," * times + b"{}]}"),
    st.integers(4_000, 6_000).map(lambda digits: b'{"question": ' + b"9" * digits + b', "regions": []}'),
)
HEADERS = st.fixed_dictionaries(
    {
        "content-type": st.sampled_from(
            ["application/json"] * 9 + ["", "text/plain", "application/json; charset=utf-16"]
        )
    },
    optional={"content-encoding": st.just("gzip"), "expect": st.just("100-continue")},
)


@pytest.fixture(scope="module")
def spent() -> Iterator[Counter[str]]:
    """What the work of a request is counted by."""
    counted: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for place, name, amount in (
            (parsing, "_reason", lambda *_: 1),
            (Images, "content", lambda *_: 1),
            (answering, "predict", lambda found, *_: found.num_rows),
            (checks, "spans", lambda found, *_: len(found.column)),
        ):
            real = getattr(place, name)

            def call(*given: Any, real: Any = real, name: str = name, amount: Any = amount, **named: Any) -> Any:
                found = real(*given, **named)
                counted[name] += amount(found)
                return found

            patch.setattr(place, name, call)
        yield counted


@pytest.fixture(scope="module")
def client(untrained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "0.png").write_bytes(PICTURES[0])
    (folder / "folder").mkdir()
    (folder.parent / "0.png").write_bytes(PICTURES[0])
    loaded = load(untrained_model)
    worker = Worker(lambda: loaded, images=Images(folder), limits=LIMITS)
    with TestClient(create_app(worker, SERVER, {}), raise_server_exceptions=False) as client:
        while client.get("/readyz").status_code != 200:
            assert worker.lost is None, worker.failure
        yield client


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODY, headers=HEADERS)
def test_whatever_is_sent_there_is_an_answer_or_a_problem_and_little_work(
    client: TestClient, spent: Counter[str], body: bytes, headers: dict[str, str]
) -> None:
    spent.clear()
    reply = client.post("/v1/answers", content=body, headers=headers)
    event(str(reply.status_code))
    content = json.loads(reply.content, parse_constant=lambda name: pytest.fail(f"no JSON: {name}"))
    if reply.status_code == 200:
        answers = content.get("answers", [content])
        assert all("answer" in one or one["error"]["expected"] for one in answers)
    else:
        assert reply.status_code in (400, 413, 415, 422, 503, 504), content
        assert 1 <= len(content["errors"]) <= 20
        for problem in content["errors"]:
            assert {"field", "expected", "found", "advice"} <= set(problem)
            assert problem["expected"]
            assert problem["advice"]
    assert len(reply.content) < 20_000
    assert spent["_reason"] <= 20
    assert spent["content"] <= 2 * SERVER.questions
    assert spent["predict"] <= SERVER.questions
    assert spent["spans"] <= LIMITS.spans + SERVER.questions * 65_535
    assert client.get("/readyz").status_code == 200
