"""A fifth task is two new files, its definition and its head: the whole line takes it up without any other edit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from region_heads.modeling.settings import ModelSettings
from region_heads.training.build import build

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "nearer_task"
TASK = (EXAMPLE / "nearer_task.py").read_text(encoding="utf-8")
PARAMS = """
sample_data: {scenes: 16, width: 160, height: 90, workers: 1}
validate: {workers: 1}
tag_tasks: {workers: 1}
finetune: {epochs: 1, evaluations: 1, workers: 0}
evaluate: {resamples: 200}
visualize: {max_questions: 10}
"""
LINE = """
import json, sys
from pathlib import Path

import yaml

from components.command import main
from components.params import STEPS

stages = yaml.safe_load(Path(sys.argv[1], "dvc.yaml").read_text())["stages"]
for step in STEPS:
    words = stages[step]["cmd"].replace("${data.path}", "data/sample").split()
    main(step, words[words.index(step) + 1 :])
    if step == "sample_data":  # what lies on which side is here also what is nearer; about learning nothing is said
        for file in Path("data/sample").glob("*.json"):
            records = json.loads(file.read_text())
            for record in [one for one in records if one["category"] == "left_right"]:
                side = {"left": "nearer", "right": "farther"}[record["normalized_answer"]]
                asked = "Is <mask> nearer to the camera than <mask>, or farther?"
                talk = [{"from": "human", "value": asked}, {"from": "gpt", "value": f"It is {side}."}]
                more = {"id": f"{record['id']}n", "category": "depth_order", "normalized_answer": side}
                records.append(record | more | {"conversations": talk})
            file.write_text(json.dumps(records))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The code with two files more."""
    source = tmp_path_factory.mktemp("source")
    for room in ("region_heads", "components"):
        shutil.copytree(repository / room, source / room)
    inside = TASK.replace("nearer_head:", "region_heads.modeling.heads.nearer:")
    (source / "region_heads" / "tasks" / "nearer.py").write_text(inside)
    shutil.copy(EXAMPLE / "nearer_head.py", source / "region_heads" / "modeling" / "heads" / "nearer.py")
    return source


def _python(program: str, *arguments: Path, source: Path, repository: Path, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (source, repository)))
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
def test_the_line_takes_up_a_fifth_task(source: Path, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    _python(LINE, repository, source=source, repository=repository, folder=tmp_path)
    router = json.loads((tmp_path / "metrics/router.json").read_text())
    assert router["tasks"]["nearer"] > 0
    evaluation = json.loads((tmp_path / "metrics/evaluation.json").read_text())
    assert evaluation["tasks"]["nearer"]["n"] > 0
    assert 0 <= evaluation["tasks"]["nearer"]["accuracy"] <= 1
    assert "nearer" in evaluation["judged_tasks"]
    promotion = json.loads((tmp_path / "metrics/promotion.json").read_text())
    assert any(check["name"] == "level/nearer" for check in promotion["checks"])
    report = (tmp_path / "reports/report.html").read_text()
    assert "nearer" in report.replace("nearer to the camera", "")


def test_words_of_a_fifth_task_are_known_and_a_task_without_examples_is_never_read(
    source: Path, repository: Path, tmp_path: Path
) -> None:
    program = """
from region_heads.tagging.classifier import WordingClassifier
from region_heads.tagging.router import tag
from region_heads.tasks import TASK_NAMES, Task

print(TASK_NAMES, tag("Is the crate <mask> nearer to the camera than the box <mask>?").task)
object.__setattr__(Task.of("nearer"), "wordings", ())
print(WordingClassifier()("is # nearer to the camera than # ?")["nearer"])
"""
    said = _python(program, source=source, repository=repository, folder=tmp_path).splitlines()
    assert said == ["('distance', 'left_right', 'multiple_choice', 'counting', 'nearer') nearer", "0.0"]


def test_a_task_may_come_from_a_package_of_its_own(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "my_tasks.py").write_text(TASK)
    metadata = tmp_path / "my_tasks-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-tasks\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[region_heads.tasks]\nnearer = my_tasks:NEARER\n")
    program = "from region_heads.tasks import TASK_NAMES; print(TASK_NAMES[-1])"
    assert _python(program, source=tmp_path, repository=repository, folder=tmp_path) == "nearer\n"


@pytest.mark.slow
def test_a_model_that_was_saved_before_a_fifth_task_knows_nothing_of_it(
    source: Path, repository: Path, tmp_path: Path, table: pa.Table
) -> None:
    model, processor = build(ModelSettings(), table)
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    with_another = table.set_column(table.column_names.index("task"), "task", [["nearer"] * table.num_rows])
    pq.write_table(with_another, tmp_path / "questions.parquet")
    program = """
from pathlib import Path
import pyarrow.parquet as pq
from region_heads.errors import RegionHeadsError
from region_heads.prediction import load, predict

model = load(Path("model"))
print(*model.network.region_heads.heads)
try:
    predict(model, pq.read_table("questions.parquet"), Path())
except RegionHeadsError as error:
    print(error)
"""
    heads, said = _python(program, source=source, repository=repository, folder=tmp_path).splitlines()
    assert heads == "distance left_right multiple_choice counting"
    assert said.startswith("the model has no enabled head for nearer; it answers distance, left_right,")
