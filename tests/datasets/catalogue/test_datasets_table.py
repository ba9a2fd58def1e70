"""The page of datasets is what its script makes, and the page on adding one is true."""

from __future__ import annotations

import importlib.util
import pathlib
import re
from typing import Any

import pytest

from swath.datasets import catalogue as engines
from swath.datasets import dataset_class, list_datasets

ROOT = pathlib.Path(__file__).parents[3]
DOCS = ROOT / "docs"
GUIDE = (DOCS / "add-a-dataset.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("table", DOCS / "make_datasets_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_is_what_the_script_makes(script: Any) -> None:
    committed = (DOCS / "datasets.md").read_text(encoding="utf-8")
    assert script.page() == committed, "run docs/make_datasets_table.py"


def test_every_dataset_has_a_row(script: Any) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*$", script.page(), re.MULTILINE)
    assert sorted(rows) == sorted(list_datasets())
    assert len(rows) == len(set(rows))
    for row in re.findall(r"^\| `\w+` \|.*$", script.page(), re.MULTILINE):
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == len(script.COLUMNS)
        assert all(cells), row
    assert not re.search(r"\bNone\b|\bnan\b", script.page())


def test_rows_say_what_is_known(script: Any) -> None:
    cells = dict(zip(script.COLUMNS, script.cells("EuroSAT"), strict=True))
    assert cells["Samples"] == "27,000"
    assert cells["Classes"] == "10"
    assert cells["Bands"] == "13 bands"
    link = "[Helber et al. 2019](https://doi.org/10.1109/JSTARS.2019.2918242)"
    assert cells["Paper"] == link


def test_the_guides_example_is_a_file_of_the_catalogue() -> None:
    """What a newcomer copies is what passes the contract."""
    example = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert example is not None
    path = ROOT / "src/swath/datasets/benchmarks/firerisk.py"
    assert example[1] == path.read_text(encoding="utf-8")
    assert dataset_class("FireRisk").info.total == 91_872


def test_the_guide_names_what_is_there() -> None:
    tables = "\n".join(line for line in GUIDE.splitlines() if line.startswith(("|", "*")))
    named = set(re.findall(r"`(?:\w+=)?\(?\[?([A-Z]\w+)\(", tables))
    assert {"Glob", "Image", "Mask", "PerSplit"} <= named
    missing = {n for n in named if not hasattr(engines, n)}
    assert not missing
    for path in re.findall(r"`((?:src|docs|tests)/[\w/.]+)`", GUIDE):
        assert (ROOT / path).exists(), path
