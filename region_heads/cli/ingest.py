"""``region-heads ingest``: a data set as it was downloaded, into place and under DVC."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli.extras import check_installed
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError


def ingest(
    source: Annotated[Path, typer.Argument(help="Folder that the data set was downloaded to.")],
    name: Annotated[str, typer.Option("--name", help="What it is called here: data/NAME and data/NAME.dvc.")],
    folder: Annotated[Path, typer.Option("--into", help="Folder that it goes to.")] = Path("data"),
    dvc: Annotated[bool, typer.Option("--dvc/--no-dvc", help="Put it under DVC.")] = True,
) -> None:
    """Unpack a data set in the public warehouse set's layout, and put it under DVC.

    Files on the same disk are linked, not copied. Afterwards set `data.path` in params.yaml.

    Example: `region-heads ingest ~/PhysicalAI-Spatial-Intelligence-Warehouse --name warehouse`
    """
    from region_heads.ingest.download import ingest as bring

    target = folder / name
    if dvc:
        check_installed("dvc")
        # Before hours of unpacking.
        _dvc("root", advice="go to the clone, or make one by `git init` and `dvc init`, or give --no-dvc")
    found = bring(source, target)
    console = plain_console(soft_wrap=True)
    console.print(f"{target}: {', '.join(found.annotations)}")
    for (split, kind), number in found.pictures.items():
        console.print(f"  {split}/{kind}: {number:,} pictures")
    if not found.pictures:
        console.print("  no pictures: set validate.images to absent to check and split the questions alone")
    for left_out in found.left_out:
        console.print(f"  left out {left_out}")
    if dvc:
        _dvc("add", str(target), advice=f"the data is in {target}: mend this, and run `dvc add {target}`")
        console.print(f"{target}.dvc represents it in Git; `dvc push` stores it in your remote")
    console.print(f"next: set data.path to {target} in params.yaml, then `region-heads validate {target}`")


def _dvc(*words: str, advice: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise RegionHeadsError(f"dvc {' '.join(words)}: {said.removeprefix('ERROR: ')}; {advice}")
