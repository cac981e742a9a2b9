"""Data steps on a Ray cluster of three nodes against one, and what of them stays with the machine that starts them.

    python -m benchmarks.nodes [--scenes 60] [--questions 20000]

Nodes are processes of this machine, a core each: on two cores three of them are little faster than one, and the ratio
only shows that they do not wait for each other. What counts for real machines is the other figure: the time of the
process that hands out the work and takes the results, beside that of one that does all of it. Their quotient is the
number of cores beyond which more of them bring nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster
from rich.console import Console
from rich.table import Table

from benchmarks import annotations as public_form
from components.sample_data import step as sample_data
from region_heads.parallel import in_order
from region_heads.quality.validation.collecting import Passed
from region_heads.quality.validation.judging import Judge
from region_heads.quality.validation.layout import Layout
from region_heads.quality.validation.lenses import Lenses
from region_heads.quality.validation.pictures import Pictures
from region_heads.quality.validation.quarantine import Quarantine
from region_heads.quality.validation.sources import find_sources
from region_heads.rendering.settings import Params as SampleParams
from region_heads.settings import DatasetParams
from region_heads.tagging.settings import Params as TagParams
from region_heads.tagging.table import tag_table


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of the processor in the process that hands out the work."""

    wall: float
    own: float


@contextlib.contextmanager
def nodes(count: int) -> Iterator[None]:
    """A cluster of ``count`` nodes with a core each, whose processes have started."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(count):
        cluster.add_node(num_cpus=1, object_store_memory=200 * 2**20)
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        list(in_order(time.sleep, [0.5] * count * 3, processes=1, doing="starting"))
        yield
    finally:
        del os.environ["RAY_ADDRESS"]
        ray.shutdown()
        cluster.shutdown()


def measured(doing: Callable[[], object]) -> Cost:
    """What ``doing`` takes; what it prints is left out."""
    wall, own = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        doing()
    return Cost(time.perf_counter() - wall, time.process_time() - own)


def collected(dataset: Path, out: Path, *, pictures: bool) -> None:
    """Every record judged and its pictures read, as ``validate`` does before its suite."""
    data = DatasetParams()
    root, sources = find_sources(dataset, data)
    with out.with_suffix(".jsonl").open("w", encoding="utf-8") as file:
        seen = Pictures(root, data.depth_scale) if pictures else None
        passed = Passed(out, Lenses(None))
        passed.collect(sources, Judge(Layout(data)), seen, Quarantine(file), processes=1)
    if pq.read_metadata(out).num_rows == 0:
        raise SystemExit(f"{dataset}: no record passed")


def main() -> None:
    """Prints a row for each kind of work."""
    parser = argparse.ArgumentParser(description="Three nodes of a Ray cluster against one.")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--questions", type=int, default=20_000)
    options = parser.parse_args()
    scenes = SampleParams(scenes=options.scenes, workers=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        public_form.write(folder / "questions", questions=options.questions)
        costs: dict[str, dict[int, Cost]] = {}
        work: dict[str, tuple[int, Callable[[], object]]] = {
            "rendering, scenes of 640 x 360": (
                options.scenes,
                lambda: sample_data.run(dataset=folder / "sample", sample_data=scenes),
            ),
            "pictures with depth, 640 x 360": (
                options.scenes, lambda: collected(folder / "sample", folder / "sample.parquet", pictures=True),
            ),
            "judging, questions of 8.6 KB": (
                options.questions, lambda: collected(folder / "questions", folder / "records.parquet", pictures=False),
            ),
            "tagging, questions": (
                options.questions,
                lambda: tag_table(
                    records=folder / "records.parquet", tagged=folder / "tagged.parquet",
                    quarantine=folder / "untagged.jsonl", report=folder / "router.json", settings=TagParams(workers=1),
                ),
            ),
        }  # fmt: skip
        for count in (1, 3, 0):  # the last without a cluster
            with nodes(count) if count else contextlib.nullcontext():
                for title, (_, doing) in work.items():
                    costs.setdefault(title, {})[count] = measured(doing)
    columns = ("one node", "three", "ratio", "a core alone", "handing out, taking", "cores at most")
    table = Table("", *columns, box=None, pad_edge=False)
    for title, (number, _) in work.items():
        one, three, alone = (costs[title][count] for count in (1, 3, 0))
        table.add_row(
            title, f"{number / one.wall:,.1f}/s", f"{number / three.wall:,.1f}/s", f"{one.wall / three.wall:.2f}x",
            f"{number / alone.own:,.1f}/s", f"{number / three.own:,.0f}/s", f"{alone.own / three.own:.0f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
