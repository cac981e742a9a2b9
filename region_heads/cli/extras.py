"""Packages of extras that a command needs at its end, asked for at its beginning."""

from importlib.util import find_spec


def check_installed(package: str) -> None:
    """Spares hours of work that a missing package would end.

    Raises:
        ModuleNotFoundError: It is missing; the command line says which extra brings it.
    """
    if find_spec(package) is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
