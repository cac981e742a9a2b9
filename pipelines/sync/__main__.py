"""``python -m pipelines.sync`` writes what is derived from the code; with ``--check`` it only says what differs."""

import argparse
import difflib
from pathlib import Path

from pipelines.sync.golden import GOLDEN, golden
from pipelines.sync.params_text import params_text
from pipelines.sync.stages import stages
from region_heads.console.boundary import in_words
from region_heads.formats.schema import schema_text
from region_heads.registry.registration.lineage import ROOT


def derived() -> dict[Path, str]:
    """Every derived file of the repository, with the text that it should have."""
    dvc, params = ROOT / "dvc.yaml", ROOT / "params.yaml"
    return {
        params: params_text(params),
        dvc: stages(dvc.read_text(encoding="utf-8")),
        GOLDEN: golden(params),
        ROOT / "docs/record.schema.json": schema_text(),
    }


def main(argv: list[str] | None = None) -> int:
    """Returns 1 where ``--check`` found a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.sync", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where something differs")
    check = parser.parse_args(argv).check
    differing = False
    for file, text in derived().items():
        found = file.read_text(encoding="utf-8") if file.is_file() else ""
        if found == text:
            continue
        differing = True
        if check:
            name = file.relative_to(ROOT).as_posix()
            lines = difflib.unified_diff(found.splitlines(), text.splitlines(), name, f"{name}, derived", lineterm="")
            print("\n".join([*lines, f"{name}: is not what the code says; run `make sync`"]))
        else:
            file.write_text(text, encoding="utf-8")
            print(f"{file.relative_to(ROOT)}: written")
    return int(check and differing)


if __name__ == "__main__":
    with in_words("sync"):
        raise SystemExit(main())
