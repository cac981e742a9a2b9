"""Reads a YAML file that a person wrote; what YAML would read otherwise than it was meant is refused, with its line."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from region_heads.errors import CONTROLS, RegionHeadsError

_LARGEST = 100_000  # values that a file may hold, those that stand behind an alias counted each time

_DEEPEST = 50


def read_yaml(path: Path, *, advice: str) -> Any:
    """The content of the file: mappings with text as keys, lists, texts, finite numbers, truth values and null.

    Args:
        advice: What to do where there is no such file.

    Raises:
        RegionHeadsError: There is no such file, it is no YAML, a key stands twice or is no text, a value is a date or
            not finite, or the file is nested too deeply or grows beyond measure through its aliases.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; {advice}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        context = f"{error.context}: " if error.context else ""
        raise RegionHeadsError(f"{path}{line}: not readable as YAML: {context}{error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegionHeadsError(f"{path}: not readable as YAML: {error}") from None
    except RecursionError:
        raise RegionHeadsError(f"{path}: not readable as YAML: nested too deeply") from None


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses what YAML leaves open or takes for something else."""

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            self._check(node, {}, 0)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, ArithmeticError) as error:  # a number that Python does not take
            raise _refusal(node, f"{error}") from None

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if re.match("[-+]?0[0-9_]|.*:", node.value):
            raise _refusal(node, f"{node.value} is another number to YAML; write it in decimal digits, or in quotes")
        return int(super().construct_yaml_int(node))

    def construct_yaml_str(self, node: yaml.ScalarNode) -> str:
        if node.value.translate(CONTROLS) != node.value:
            raise _refusal(node, f"expected a text without control characters, found {node.value!r}")
        return str(super().construct_yaml_str(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        value = float(super().construct_yaml_float(node))
        if not math.isfinite(value) or ":" in node.value:
            raise _refusal(node, f"expected a finite number, found {node.value}")
        return value

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        raise _refusal(node, f"{node.value} is a date to YAML; put it in quotes where a text is meant")

    def _check(self, node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
        """Values in and below ``node``; each node is looked at once, and one that holds itself is too deep."""
        if depth > _DEEPEST:
            raise _refusal(node, "nested too deeply")
        if id(node) not in sizes:
            if isinstance(node, yaml.MappingNode):
                _check_keys(node)
            below = node.value if isinstance(node, yaml.CollectionNode) else []
            inner = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
            sizes[id(node)] = 1 + sum(self._check(part, sizes, depth + 1) for part in inner)
        if sizes[id(node)] > _LARGEST:
            raise _refusal(node, f"expected at most {_LARGEST:,} values, found more; aliases repeat what they name")
        return sizes[id(node)]


def _check_keys(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
            found = repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            raise _refusal(key, f"expected text as a key, found {found}; put it in quotes")
        if key.value in seen:
            raise _refusal(key, f"the key {key.value!r} stands here and in line {seen[key.value]}; keep one of them")
        seen[key.value] = key.start_mark.line + 1


def _refusal(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


for _kind in ("int", "str", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", getattr(_Loader, f"construct_yaml_{_kind}"))
