"""Reads what an earlier step wrote, or says in words what is wrong with it and which step to run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError


def open_table(path: Path, schema: pa.Schema, *, writer: str) -> pq.ParquetFile:
    """Opens a table that the step ``writer`` wrote, to be read in batches.

    Raises:
        RegionHeadsError: There is no such file, it is no Parquet, or it lacks columns of ``schema``.
    """
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; run the step {writer} first") from None
    except (pa.ArrowException, OSError) as error:
        raise RegionHeadsError(f"{path}: not readable as Parquet: {error}") from None
    missing = [name for name in schema.names if name not in file.schema_arrow.names]
    if missing:
        file.close()
        raise RegionHeadsError(
            f"{path}: expected the columns that the step {writer} writes, missing {', '.join(missing)}; run it again"
        )
    return file


def read_table(path: Path, schema: pa.Schema, *, writer: str) -> pa.Table:
    """The whole of such a table; raises as :func:`open_table`."""
    with open_table(path, schema, writer=writer) as file:
        return file.read()


def read_json(path: Path, *, writer: str, needs: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object that the step ``writer`` wrote.

    Args:
        needs: Keys that must hold something else than null.

    Raises:
        RegionHeadsError: There is no such file, it is no JSON object, or a key is missing.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; run the step {writer} first") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RegionHeadsError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(content, dict):
        raise RegionHeadsError(f"{path}: expected what the step {writer} writes, found {type(content).__name__}")
    for key in needs:
        if content.get(key) is None:
            raise RegionHeadsError(f"{path}: field {key}: expected what the step {writer} writes, found none")
    return content
