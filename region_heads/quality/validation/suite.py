"""Reads a suite of expectations from YAML, as its owner writes it, into the form of Great Expectations."""

from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError, nearest
from region_heads.files.yaml_file import read_yaml

DEFAULT = Path(__file__).with_name("suite.yaml")
_SEVERITIES = ("critical", "warning", "info")
_ABOUT = ("severity", "advice", "needs")


def read_suite(path: Path) -> list[dict[str, Any]]:
    """The configuration of each expectation in the file.

    Raises:
        RegionHeadsError: The file is missing or not YAML, or an entry is not an expectation that exists, with
            arguments that it takes.
    """
    content = read_yaml(path, advice="validate.suite in params.yaml names a file of the data set's folder")
    if not isinstance(content, list) or not content:
        raise RegionHeadsError(f"{path}: expected a list of expectations, found {type(content).__name__}")
    return [_configuration(entry, f"{path}, entry {number}") for number, entry in enumerate(content, start=1)]


def _configuration(entry: Any, where: str) -> dict[str, Any]:
    import great_expectations.expectations as gxe

    names = [key for key in entry if key not in _ABOUT] if isinstance(entry, dict) else []
    if len(names) != 1:
        raise RegionHeadsError(
            f"{where}: expected one expectation with severity and advice, found {', '.join(map(str, names)) or entry!r}"
        )
    (name,) = names
    known = {found.expectation_type: found for name, found in vars(gxe).items() if name.startswith("Expect")}
    if name not in known:
        raise RegionHeadsError(f"{where}: unknown expectation {name!r}{nearest(str(name), known)}")
    severity = entry.get("severity", "warning")
    if severity not in _SEVERITIES:
        raise RegionHeadsError(f"{where}: severity: expected one of {', '.join(_SEVERITIES)}, found {severity!r}")
    arguments = {key: _parameter(value) for key, value in (entry[name] or {}).items()}
    try:
        known[name](**arguments)
    except (ValueError, TypeError) as error:  # pydantic's errors are ValueErrors
        raise RegionHeadsError(f"{where}: {name}: {' '.join(str(error).split())}") from None
    needs = entry.get("needs", 0)
    if type(needs) is not int or needs < 0 or (needs and "column" not in arguments):
        raise RegionHeadsError(f"{where}: needs: expected a number of values of its column, found {needs!r}")
    meta = {"advice": entry.get("advice", ""), "needs": needs}
    return {"type": name, "severity": severity, "kwargs": arguments, "meta": meta}


def _parameter(value: Any) -> Any:
    """Great Expectations' form of ``$name``, a value that is handed over with the data."""
    return {"$PARAMETER": value[1:]} if isinstance(value, str) and value.startswith("$") else value
