"""Reads what an earlier step wrote, or says in words what is wrong with it and which step to run."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

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


def read_json(path: Path, schema: type[BaseModel], *, writer: str) -> dict[str, Any]:
    """A JSON object of the type ``schema`` (see ``region_heads.files.step_files``) that the step ``writer`` wrote.

    Raises:
        RegionHeadsError: There is no such file, it is no JSON, or a field is missing or not as the step writes it.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; run the step {writer} first") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number of thousands of digits
        raise RegionHeadsError(f"{path}: not readable as JSON: {error}; run the step {writer} again") from None
    problem = first_problem(content, schema)
    if problem is not None:
        raise RegionHeadsError(f"{path}: {problem}; run the step {writer} again")
    return content


def first_problem(content: object, schema: type[BaseModel]) -> str | None:
    """The first field of ``content`` that is not as in ``schema``, what was expected and found; None where all are."""
    try:
        schema.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        field = f"field {name}: " if (name := ".".join(str(part) for part in problem["loc"])) else ""
        if problem["type"] == "missing":
            return f"{field}expected a value, found none"
        if problem["type"] == "value_error":  # of several fields together, which it names
            return f"{field}{problem['msg'].removeprefix('Value error, ')}"
        kind = "an object" if problem["type"] in ("model_type", "mapping_type") else problem["msg"]
        return f"{field}expected {kind.removeprefix('Input should be ')}, found {repr(problem['input'])[:80]}"
    return None
