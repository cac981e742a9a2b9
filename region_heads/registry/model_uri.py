"""Finds a model by the address that a person gives: a folder, or a version or alias in the registry."""

import re
from pathlib import Path

from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams

_REGISTERED = re.compile(r"models:/(?P<name>[^/]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))")


def resolve(uri: str, tracking: TrackingParams) -> str:
    """``models:/name/version`` for a registered model that ``uri`` names by version or alias.

    Raises:
        RegionHeadsError: The address has another form, or there is no such version.
    """
    found = _REGISTERED.fullmatch(uri)
    if not found:
        raise RegionHeadsError(f"model: expected models:/NAME@ALIAS or models:/NAME/VERSION, found {uri!r}")
    name, alias, version = found["name"], found["alias"], found["version"]
    client = connect(tracking, make=False)  # for the download, too, which would look into a store of MLflow's choice
    if alias is None:
        return f"models:/{name}/{version}"
    registered = version_of(client, name, alias)
    if registered is None:
        raise RegionHeadsError(
            f"{uri}: the registry has no such model or alias; `region-heads registry history` shows what there is"
        )
    return f"models:/{name}/{registered.version}"


def model_folder(uri: str, tracking: TrackingParams, folder: Path) -> Path:
    """The ``save_pretrained`` folder of the model at ``uri``, fetched below ``folder`` where it is registered.

    Args:
        uri: A model folder, ``models:/name@alias`` or ``models:/name/version``.
        tracking: The registry.
        folder: Takes what has to be fetched.

    Raises:
        RegionHeadsError: There is no model at this address.
    """
    if not uri.startswith("models:"):
        if not (Path(uri) / "config.json").is_file():
            raise RegionHeadsError(
                f"{uri}: expected a model folder with a config.json, or models:/NAME@ALIAS; found "
                + ("a folder without one" if Path(uri).is_dir() else "no such folder")
            )
        return Path(uri)
    _, name, version = resolve(uri, tracking).split("/")
    return download_model(name, version, folder)
