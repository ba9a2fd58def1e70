from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from swath.cli.run_files import find_runs, ranked, read_run
from swath.cli.run_folder import confusion_text
from swath.errors import FileMissingError
from swath.main import main

EVIL = "<script>alert('x')</script>"


class Reader(HTMLParser):
    """Tags, whatever would be fetched, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.images: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        for name, value in attrs:
            if name == "src" and value.startswith("data:image/"):
                self.images.append(value)
            elif name in ("src", "href") and not value.startswith("#"):
                self.fetched.append(value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if (self.open and self.open[-1] in ("td", "th")) or self.open[-2:-1] == ["td"]:
            self.rows[-1][-1] += data


def make_run(folder: Path, values: list[float], lr: float = 0.1, **environment: Any) -> Path:
    folder.mkdir(parents=True)
    config = {
        "seed_everything": 1, "name": folder.name,
        "checkpoint": {"monitor": "val_miou", "mode": "max"},
        "model": {"class_path": "T", "init_args": {"lr": lr, "classes": [EVIL, "b"]}},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    epochs = range(len(values))
    frame = pd.DataFrame({"epoch": epochs, "step": epochs, "val_miou": values,
                          "train_loss": [1 - v for v in values]})  # fmt: skip
    frame.to_csv(folder / "metrics.csv", index=False)
    said = {"outcome": "finished", "seconds": 60.0, "packages": {"torch": "2.6"}, "earlier": [],
            "git": {"commit": "abcdef" * 6, "dirty": True}, **environment}  # fmt: skip
    (folder / "environment.json").write_text(json.dumps(said))
    (folder / "per_class.csv").write_text(f'class,iou\n"{EVIL}",0.5\nb,\n')
    (folder / "confusion.csv").write_text(confusion_text([EVIL, "b"], np.eye(2)))
    Image.fromarray(np.full((20, 3000, 3), 90, np.uint8)).save(folder / "val.png")
    for name in ("best.ckpt", "last.ckpt"):
        (folder / name).touch()
    return folder


def report(tmp_path: Path, *runs: Path) -> tuple[str, Reader]:
    out = tmp_path / "page" / "report.html"
    assert main(["report", *map(str, runs), "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    return text, Reader(text)


def test_one_run_on_one_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / EVIL.replace("/", ":"), [0.2, 0.6, 0.4])
    text, page = report(tmp_path, run)
    assert page.open == []
    assert page.fetched == []
    assert not re.search(r"https?://|@import|url\(", text)
    assert page.tags.count("script") == 1  # the page's own
    assert "&lt;script&gt;alert" in text
    assert len(page.images) == 2  # the curves and val.png
    assert "Settings that differ" not in text
    assert "0.6" in page.rows[1]  # of the best epoch, not of the last
    assert len(list((tmp_path / "page").iterdir())) == 1


def test_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    make_run(runs / "a", [0.3, 0.5], lr=0.1)
    make_run(runs / "b", [0.3, 0.7], lr=0.2)
    make_run(runs / "c", [0.1], lr=0.3, outcome="failed: OutOfMemoryError: CUDA out of memory")
    make_run(runs / "d", [0.2], outcome="running", packages={"torch": "2.7"})
    (runs / "b" / "test.json").write_text('{"miou": 0.65, "iou/b": 0.1}')
    (runs / "not a run").mkdir()
    text, page = report(tmp_path, runs)
    said = capsys.readouterr().out
    assert "c: failed: OutOfMemoryError" in said
    assert "d: running, or killed" in said
    names = [row[0] for row in page.rows[1:5]]
    assert names == ["b", "a", "d", "c"]
    assert page.rows[0][4:] == ["val_miou", "test_miou"]
    assert page.rows[1][4:] == ["0.7", "0.65"]
    head, *settings = page.rows[5:10]
    assert head == ["run", "model.lr"]
    assert [row[1] for row in settings] == ["0.2", "0.1", "0.1", "0.3"]
    assert ["package torch", "2.6", "2.6", "2.7", "2.6"] in page.rows
    assert "abcdefabcdef, and files that differ from it" in text


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    whole = make_run(tmp_path / "whole", [0.5])
    bare = make_run(tmp_path / "bare", [0.5])
    for name in ("config.yaml", "metrics.csv", "val.png", "best.ckpt", "per_class.csv"):
        (bare / name).unlink()
    (bare / "environment.json").write_text('{"outcome": ')
    (bare / "confusion.csv").write_text("truth,a\na,many\n")
    text, page = report(tmp_path, whole, bare)
    for part in ("config.yaml is missing", "metrics.csv is missing", "val.png, the sample picture",
                 "best.ckpt is missing", "environment.json cannot be read: JSONDecodeError",
                 "confusion.csv cannot be read: ValueError"):  # fmt: skip
        assert part in text
    assert page.open == []
    (whole / "val.png").write_bytes(b"\x89PNG no")
    assert "val.png cannot be read" in report(tmp_path, whole)[0]
    shutil.rmtree(whole)
    with pytest.raises(FileMissingError, match="whole is no folder"):
        find_runs([str(whole)])
    whole.mkdir()
    with pytest.raises(FileMissingError, match="holds no run"):
        find_runs([str(whole)])


def test_twenty_runs(tmp_path: Path) -> None:
    for i in range(20):
        make_run(tmp_path / "runs" / f"r{i}", [0.1, 0.2 + i / 100], lr=i)
    text, page = report(tmp_path, tmp_path / "runs")
    assert "20 runs" in text
    assert [row[0] for row in page.rows[1:21]] == [f"r{i}" for i in range(19, -1, -1)]
    assert len(page.images) == 21
    assert len(text) < 3e6


def test_a_training_that_went_on_is_one_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [0.1, 0.9, 0.3])
    (run / "resumed-1").mkdir()
    frame = pd.DataFrame({"epoch": [1, 2], "step": [1, 2], "val_miou": [0.4, 0.5]})
    frame.to_csv(run / "resumed-1" / "metrics.csv", index=False)
    read = read_run(str(run))
    assert read.metrics is not None
    assert read.metrics["val_miou"].tolist() == [0.1, 0.4, 0.5]
    assert read.scores["epoch"] == 2
    assert read.score == 0.5


def test_less_is_better_where_it_is(tmp_path: Path) -> None:
    best = {"monitor": "val_miou", "mode": "min", "value": 0.1, "epoch": 0}
    runs = [read_run(str(make_run(tmp_path / n, [v], best=best)))
            for n, v in (("a", 0.3), ("b", 0.1), ("c", float("nan")))]  # fmt: skip
    assert [r.name for r in ranked(runs)] == ["b", "a", "c"]


def test_names_that_are_the_same(tmp_path: Path) -> None:
    make_run(tmp_path / "x" / "run", [0.5])
    make_run(tmp_path / "y" / "run", [0.4])
    _, page = report(tmp_path, tmp_path / "x", tmp_path / "y" / "run")
    assert [row[0] for row in page.rows[1:3]] == ["x/run", "y/run"]
