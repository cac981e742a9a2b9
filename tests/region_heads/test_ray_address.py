"""A Ray cluster that is named and not there is refused in words, at once and before any work."""

from __future__ import annotations

import os

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.parallel import in_order
from tests.postgres import free_port


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_where_nothing_answers(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = form.format(free_port())
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    with pytest.raises(RegionHeadsError, match=rf"^RAY_ADDRESS: {address}: no Ray cluster answers there \(.*refused\)"):
        list(in_order(len, ["work"], processes=2, doing="counting"))
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0", "nothing is reported"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "ray://", "head", "ray://head"])
def test_what_is_no_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(RegionHeadsError, match=rf"expected `auto` .*, ray://HOST:10001 elsewhere, found '{address}'"):
        list(in_order(len, ["work"], processes=2, doing="counting"))


def test_an_empty_address_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert list(in_order(len, ["work"], processes=1, doing="counting")) == [("work", 4)]
