"""Patterns, rows and their memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from swath.datasets.catalogue import Glob, Listed, Pattern, Rows, Seeded, Site, Table
from swath.errors import ConfigError, FileMissingError, UnreadableFileError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def site(root: Path, **fields: str) -> Site:
    return Site(root, fields)


def test_a_pattern_finds_and_names_files(tmp_path: Path) -> None:
    touch(tmp_path, "a/x_1.tif", "a/x_10.tif", "b/y_2.tif", "b/y_2.txt", "c.tif", "a/.x_3.tif")
    found = list(Pattern(r"{label}/{name}_{number:\d+}.tif").find(tmp_path, {}))
    assert found == [
        {"label": "a", "name": "x", "number": "1"},
        {"label": "a", "name": "x", "number": "10"},
        {"label": "b", "name": "y", "number": "2"},
    ]


def test_a_field_that_comes_twice_is_the_same_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a/a_1.tif", "a/b_1.tif", "b/b_b.tif")
    assert [f["n"] for f in Pattern("{c}/{c}_{n}.tif").find(tmp_path, {})] == ["1", "b"]
    assert Pattern("{x}-{x}").match("ab-ab") == {"x": "ab"}
    assert Pattern("{x}-{x}").match("ab-ba") is None


def test_signs_of_regular_expressions_mean_themselves(tmp_path: Path) -> None:
    touch(tmp_path, "a+b (1).tif", "aab (1)_tif")
    assert list(Pattern("a+{x} (1).tif").find(tmp_path, {})) == [{"x": "b"}]


def test_known_fields_restrict(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.png", "test/2.png")
    assert list(Pattern("{split}/{n}.png").find(tmp_path, {"split": "test"})) == [
        {"split": "test", "n": "2"}
    ]
    with pytest.raises(ConfigError, match="needs n"):
        Pattern("{split}/{n}.png").format({"split": "test"})


def test_lists_choose_files(tmp_path: Path) -> None:
    touch(tmp_path, "i/a/1.tif", "i/a/2.tif", "i/b/3.tif")
    (tmp_path / "train.txt").write_text("3.tif\n1.tif\n\n")
    source = Glob("i/{label}/{name}.tif", listed=Listed("{split}.txt", "{name}.tif"))
    assert [r["name"] for r in source.find(site(tmp_path, split="train"))] == ["1", "3"]
    (tmp_path / "train.txt").write_text("3.tif\n1.jpg\n")
    with pytest.raises(UnreadableFileError, match="line 2"):
        source.find(site(tmp_path, split="train"))
    with pytest.raises(FileMissingError, match=r"val\.txt"):
        source.find(site(tmp_path, split="val"))


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,split,"wind, kn"\na,train,30\nb,test,40\nc,train,50\n')
    source = Table("t.csv", {"name": "id", "wind": "wind, kn"}, where={"split": "{split}"})
    assert list(source.find(site(tmp_path, split="train"))) == [
        {"name": "a", "wind": "30"}, {"name": "c", "wind": "50"},
    ]  # fmt: skip
    with pytest.raises(UnreadableFileError, match="no column nothing"):
        Table("t.csv", {"x": "nothing"}).find(site(tmp_path))
    (tmp_path / "t.csv").write_text("id,split\na\n")
    with pytest.raises(UnreadableFileError, match="line 2: 1 values"):
        Table("t.csv", {"name": "id"}).find(site(tmp_path))


def test_a_lot_is_the_same_everywhere_and_leaves_nothing_out(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{i:02}.png" for i in range(20)))
    source = Seeded(Glob("{name}.png"), {"train": 0.6, "val": 0.2, "test": 0.2}, seed=3)
    parts = [
        [r["name"] for r in source.find(site(tmp_path, split=s))] for s in ("train", "val", "test")
    ]
    assert [len(p) for p in parts] == [12, 4, 4]
    assert sorted(name for part in parts for name in part) == [f"{i:02}" for i in range(20)]
    # drawn once with NumPy's PCG64, whose stream is fixed
    import numpy as np

    order = np.random.default_rng(3).permutation(20)
    assert parts[0] == sorted(f"{i:02}" for i in order[:12])


def test_a_list_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    for name in ("../../etc/passwd", "a/../../b", "/etc/passwd"):
        with pytest.raises(UnreadableFileError, match="leads out"):
            site(tmp_path).path("{file:.*}", {"file": name})
    assert site(tmp_path).path("{a}..tif", {"a": "x"}) == str(tmp_path / "x..tif")


def test_rows_are_small_and_hold_any_text() -> None:
    rows = Rows([{"a": "Zürich", "b": "1"}, {"a": "x" * 40, "b": ""}])
    assert rows[0] == {"a": "Zürich", "b": "1"}
    assert rows.take([1])[0] == {"a": "x" * 40, "b": ""}
    assert sum(c.nbytes for c in Rows({"a": "x" * 50} for _ in range(1000)).columns.values()) == (
        50_000
    )
