"""Every published weight is there, under its name, with its URL, channels and bands.

``weights.json`` is the published table: 139 members, and the 22 files of SatlasPretrain.
"""

from __future__ import annotations

import copy
import json
import pathlib
import pickle
import re
from typing import Any

import pytest
import torch

import swath.models
from swath.models import Preset, WeightsEnum, get_weight
from swath.models.checkpoint import checkpoint_path, named_hash
from swath.models.registry import weights_enums

TABLE = json.loads((pathlib.Path(__file__).parent / "weights.json").read_text())
ROWS = [
    pytest.param(enum, name, row, id=f"{enum}.{name}")
    for enum, members in TABLE["weights"].items()
    for name, row in members.items()
]
of_each = pytest.mark.parametrize(("enum", "name", "row"), ROWS)


def member(enum: str, name: str) -> Any:
    return getattr(swath.models, enum)[name]


def test_there_are_139() -> None:
    assert len(ROWS) == 139
    there = {f"{e}.{m}" for e, of in weights_enums().items() for m in of.__members__}
    published = {f"{e}.{m}" for e, members in TABLE["weights"].items() for m in members}
    assert published <= there, sorted(published - there)


@of_each
def test_url_channels_and_bands(enum: str, name: str, row: dict[str, Any]) -> None:
    weights = member(enum, name)
    assert weights.url == row["url"]
    assert weights.meta.get("in_chans") == row.get("in_chans")
    if "bands" in row:
        assert list(weights.meta["bands"]) == row["bands"]
    if "in_chans" in row and weights.bands:
        assert len(weights.bands) == row["in_chans"]
    digits = re.search(r"-([0-9a-f]{8,64})\.\w+$", row["url"])
    assert named_hash(weights.url.rsplit("/", 1)[-1]) == (digits[1] if digits else None)


@of_each
def test_record_is_complete(enum: str, name: str, row: dict[str, Any]) -> None:
    meta = member(enum, name).meta
    for key in ("model", "dataset", "publication", "repo"):
        assert isinstance(meta[key], str), key
        assert meta[key], key
    for key in ("publication", "repo"):
        assert meta[key].startswith("https://"), meta[key]
    assert meta["license"] is None or meta["license"].strip()
    assert meta["sensor"] is None or isinstance(meta["sensor"], str)
    json.dumps(meta)  # plain values


@of_each
def test_members_are_found_copied_and_pickled(enum: str, name: str, row: dict[str, Any]) -> None:
    weights = member(enum, name)
    assert isinstance(weights, WeightsEnum)
    assert weights.name == name, "two members are alike"
    assert get_weight(f"{enum}.{name}") is weights
    assert type(weights).verify(name) is weights
    assert copy.deepcopy(weights) is weights
    assert pickle.loads(pickle.dumps(weights)) is weights


@of_each
def test_transforms_take_its_bands(enum: str, name: str, row: dict[str, Any]) -> None:
    weights = member(enum, name)
    channels = row.get("in_chans") or len(weights.bands)
    if not channels or isinstance(weights.transforms, torch.nn.Identity):
        pytest.skip("no images of a fixed number of channels, or no transform")
    if not isinstance(weights.transforms, Preset):  # of series: (…, T, C)
        found = weights.transforms(torch.rand(2, 5, channels))
        assert found.shape == (2, 5, channels)
        return
    found = weights.transforms(torch.rand(2, channels, 72, 80) * 100)
    assert found.shape[:2] == (2, channels)
    assert torch.isfinite(found).all()
    sample = weights.transforms({"image": torch.rand(channels, 72, 80), "label": 1})
    assert sample["label"] == 1


def test_no_two_files_share_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    enums = [*weights_enums().values(), swath.models.satlas.Satlas_Weights]
    urls = {m.url for enum in enums for m in enum.__members__.values()}
    places = [str(checkpoint_path(url)).lower() for url in urls]
    assert len(set(places)) == len(urls)


def test_satlas() -> None:
    """The authors' own 22 files; their bands may be written otherwise, and are as many."""
    members = swath.models.satlas.Satlas_Weights.__members__
    assert set(members) == set(TABLE["satlas"])
    for name, row in TABLE["satlas"].items():
        assert members[name].url == row["url"]
        assert members[name].meta["in_chans"] == row["in_chans"]
        assert list(members[name].bands) == row["bands"]
        assert copy.deepcopy(members[name]) is members[name]
