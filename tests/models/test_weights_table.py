"""The page of published weights is what its script makes, and its numbers are right."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from typing import Any

import pytest
import torch
import torchvision

import swath.models
from swath.errors import ConfigError
from swath.models import ResNet18_Weights, ResNet50_Weights, Swin_V2_T_Weights, resnet18
from swath.models.loading import loads, without_loading
from swath.models.registry import weights_enums
from swath.models.size import ModelSize, entry_of, model_size

DOCS = pathlib.Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("table", DOCS / "make_weights_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(script: Any) -> str:
    return str(script.page())


def test_the_committed_page_is_what_the_script_makes(script: Any, page: str) -> None:
    committed = (DOCS / "weights.md").read_text(encoding="utf-8")
    new = sorted(set(page.splitlines()) ^ set(committed.splitlines()))
    assert page == committed, f"run docs/make_weights_table.py: {new[:6]}"


def test_every_weight_has_a_whole_row(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    members = [m for e in weights_enums().values() for m in e.__members__.values()]
    assert len(rows) == len(members)
    assert f"{len(members)} checkpoints" in page
    for member in members:
        (row,) = (r for r in rows if r.startswith(f"| `{type(member).__name__}` `{member.name}` |"))
        cells = [c.strip() for c in row.strip("|").split("|")]
        assert len(cells) == 9
        assert all(cells)
        assert str(member.meta["publication"]) in cells[-1]
        assert cells[1] == f"`{entry_of(member).name}`"
        if member.meta.get("license"):
            assert cells[6] == member.meta["license"]
    assert not re.search(r"\bNone\b|\bnan\b", page)


def test_sizes_are_those_that_torchvision_states() -> None:
    """Of the same architectures with three channels and the head of ImageNet's classes."""
    for member, theirs in (
        (ResNet18_Weights.SENTINEL2_RGB_MOCO, torchvision.models.ResNet18_Weights.DEFAULT),
        (ResNet50_Weights.SENTINEL2_RGB_MOCO, torchvision.models.ResNet50_Weights.DEFAULT),
        (Swin_V2_T_Weights.SENTINEL2_SI_RGB_SATLAS, torchvision.models.Swin_V2_T_Weights.DEFAULT),
    ):
        assert model_size(member).parameters == theirs.meta["num_params"]
    found = model_size(ResNet18_Weights.SENTINEL2_ALL_MOCO)
    assert found.parameters - model_size(ResNet18_Weights.SENTINEL2_RGB_MOCO).parameters == (
        64 * 10 * 7 * 7
    )
    theirs_file = torchvision.models.ResNet18_Weights.DEFAULT.meta["_file_size"]
    size = model_size(ResNet18_Weights.SENTINEL2_RGB_MOCO).megabytes
    assert size == pytest.approx(theirs_file * 1.048576, rel=0.01)  # stated in units of 2²⁰


@pytest.mark.parametrize("name", ["Unet_Weights", "Tessera_Weights", "Swin_V2_T_Weights"])
def test_rows_that_are_taken_for_alike_are(name: str) -> None:
    """The script counts what is alike once: here each weight of some families by itself."""
    committed = (DOCS / "weights.md").read_text(encoding="utf-8")
    for member in weights_enums()[name].__members__.values():
        row = re.search(rf"^\| `{name}` `{member.name}` \|.*$", committed, re.MULTILINE)
        assert row is not None
        assert f"| {model_size(member).parameters / 1e6:.1f} M |" in row[0]


def test_nothing_is_loaded_while_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a weight was asked for")

    monkeypatch.setattr(type(ResNet18_Weights.SENTINEL2_ALL_MOCO), "get_state_dict", refuse)
    with without_loading():
        assert not loads()
        model = resnet18(weights=ResNet18_Weights.SENTINEL2_ALL_MOCO)
    assert loads()
    assert model.weights is ResNet18_Weights.SENTINEL2_ALL_MOCO
    assert ModelSize.of(model) == model_size(ResNet18_Weights.SENTINEL2_ALL_MOCO)
    with pytest.raises(AssertionError, match="asked for"):
        resnet18(weights=ResNet18_Weights.SENTINEL2_ALL_MOCO)


def test_other_packages_models_are_not_built() -> None:
    weights = next(iter(swath.models.Aurora_Weights.__members__.values()))
    with pytest.raises(ConfigError, match="of the package"):
        model_size(weights)


def test_size_counts_buffers_apart() -> None:
    size = ModelSize.of(torch.nn.BatchNorm2d(4))
    assert (size.parameters, size.tensors) == (8, 17)
    assert size.megabytes == 17 * 4 / 1e6
