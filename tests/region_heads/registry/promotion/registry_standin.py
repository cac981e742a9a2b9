"""A stand-in for MLflow's registry in memory, for the many orders in which several clients can call it.

It does at once what the real one does at once: a version gets the next number together with its tags; everything else
is set without a look at what stood there. That the real ones do so is tested on SQLite and PostgreSQL, by processes.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities import PagedList


class RegistryStandin:
    """The methods of ``MlflowClient`` that the champion's history needs."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}

    def _model(self, name: str) -> Any:
        if name not in self.models:
            raise MlflowException(name, RESOURCE_DOES_NOT_EXIST)
        return self.models[name]

    def create_registered_model(self, name: str, **_: Any) -> None:
        if name in self.models:
            raise MlflowException(name, RESOURCE_ALREADY_EXISTS)
        self.models[name] = SimpleNamespace(tags={}, aliases={}, versions=[])

    def get_registered_model(self, name: str) -> Any:
        model = self._model(name)
        return SimpleNamespace(tags=dict(model.tags), aliases=dict(model.aliases))

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        self._model(name).tags[key] = value

    def create_model_version(self, name: str, _source: str, tags: dict[str, str] | None = None, **_: Any) -> None:
        self._model(name).versions.append(dict(tags or {}))

    def get_model_version(self, name: str, version: str) -> Any:
        versions = self._model(name).versions
        if not 0 < int(version) <= len(versions):
            raise MlflowException(name, RESOURCE_DOES_NOT_EXIST)
        tags = dict(versions[int(version) - 1])
        return SimpleNamespace(name=name, version=version, tags=tags, creation_timestamp=0)

    def search_model_versions(self, filter_string: str, **_: Any) -> Any:
        name = filter_string.split("'")[1]
        found = self.models[name].versions if name in self.models else []
        return PagedList([self.get_model_version(name, str(number + 1)) for number in range(len(found))], None)

    def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
        self._model(name).versions[int(version) - 1][key] = value

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self._model(name).aliases[alias] = version

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self._model(name).aliases.pop(alias, None)

    def get_model_version_by_alias(self, name: str, alias: str) -> Any:
        aliases = self._model(name).aliases
        if alias not in aliases:
            raise MlflowException(alias, RESOURCE_DOES_NOT_EXIST)
        return self.get_model_version(name, aliases[alias])
