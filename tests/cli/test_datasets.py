"""``swath datasets``: what is listed and shown; fetching, checking, pictures, miniatures."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from swath.datasets import UCMerced, dataset_class, list_datasets, make_miniature
from swath.datasets.catalogue import File, pack_miniature, published_files
from swath.main import main

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = list_datasets()


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["datasets", *arguments]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    return text


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["datasets", *arguments]) == 1
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1
    return text


@pytest.fixture
def published(
    tmp_path: Path, loopback: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, tuple[File, ...]]:
    """UC Merced's miniature, as if it were what its provider publishes: the folder and files."""
    tree, packed = tmp_path / "tree", tmp_path / "packed"
    make_miniature(UCMerced, tree)
    pack_miniature(UCMerced.files, tree, packed)
    files = []
    for file in UCMerced.files:
        data = (packed / file.name).read_bytes()
        url = loopback.put(f"/{file.name}", data)
        digest = hashlib.sha256(data).hexdigest()
        files.append(replace(file, url=url, md5=None, sha256=digest, size=len(data), mirrors=()))
    monkeypatch.setattr(UCMerced, "files", tuple(files))
    return packed, tuple(files)


def test_help_is_quick_and_imports_no_torch() -> None:
    code = (
        "import sys\nfrom swath.main import main\n"
        "for more in ([], ['list'], ['show'], ['download'], ['verify'], ['plot'], ['mini']):\n"
        "    assert main(['datasets', *more, '--help']) == 0\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--search" in done.stdout


def test_list_names_every_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "list")
    first = {line.split(" ")[0] for line in text.splitlines()}
    assert set(NAMES) <= first
    assert f"{len(NAMES)} datasets." in text
    assert re.search(r"^EuroSAT +classification +Sentinel-2 +27,000 +64x64 +10 ", text, re.M)


def test_list_by_task_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "list", "--task", "detection")
    assert "VHR10" in text
    assert "EuroSAT" not in text
    text = said(capsys, "list", "--search", "sentinel-2 CLASSIFICATION forest")
    assert "EuroSAT" in text
    assert "VHR10" not in text
    assert "0 datasets." in said(capsys, "list", "--search", "no such words")
    assert "did you mean segmentation" in refused(capsys, "list", "--task", "segmentatoin")


def test_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    records = json.loads(said(capsys, "list", "--json"))
    assert [r["name"] for r in records] == NAMES
    ours = next(r for r in records if r["name"] == "UCMerced")
    assert sum(ours["samples"].values()) == 2100
    assert next(f["name"] for f in ours["files"]) == "UCMerced_LandUse.zip"
    assert ours == json.loads(said(capsys, "show", "ucmerced", "--json"))


@pytest.mark.parametrize("name", NAMES)
def test_show_every_dataset(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", name)
    assert text.startswith(name)
    kind = dataset_class(name)
    for file in published_files(kind):
        assert file.url is None or file.url in text
        for digest in (file.md5, file.sha256):
            assert digest is None or digest in text
    words = " ".join(text.split())
    assert kind.info.homepage in words
    for part in (*kind.splits, *kind.all_band_names, *kind.choices, *kind.classes):
        assert " ".join(str(part).split()) in words, part


def test_show_knows_wavelengths(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"^  B08 +0\.83\d+ µm +nir", said(capsys, "show", "EuroSAT"), re.M)


def test_misspelt_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "did you mean UCMerced?" in refused(capsys, "show", "UCMercd")
    place = str(tmp_path)
    assert "EuroSAT" in refused(capsys, "download", "EuroSATT", "--root", place)
    text = refused(capsys, "verify", "UCMerced", "--root", place, "--split", "vla")
    assert "expected train, val, test" in text
    text = refused(capsys, "plot", "UCMerced", "--root", place, "--out", "x.png", "--version", "2")
    assert "no option --version" in text
    assert "no folder" in refused(capsys, "verify", "UCMerced", "--root", place + "/none")
    (tmp_path / "file").touch()
    assert "is a file" in refused(capsys, "download", "UCMerced", "--root", place + "/file")
    assert main(["datasets"]) == 2
    assert main(["datasets", "download", "UCMerced"]) == 2
    assert main(["datasets", "list", "--sensor", "x"]) == 2


def test_options_that_a_dataset_has(tmp_path: Path) -> None:
    """Values become what the constructor's defaults are."""
    import argparse

    from swath.cli.datasets_chosen import Chosen
    from swath.errors import ConfigError

    class Choosy(UCMerced):
        def __init__(
            self, root: str = "data", split: str = "train", folds: tuple[int, ...] = (1, 2),
            sensors: list[str] | None = None, count: int = 2, dates: bool = False,
                area: tuple[float, float] | None = None,
                bands: list[str] | None = None, **more: Any,
        ) -> None:  # fmt: skip
            self.got = (folds, sensors, count, dates)
            super().__init__(root, split, bands=bands, **more)

    names = argparse.Namespace(name="UCMerced", root=str(tmp_path))
    line = "--folds 3 4 --sensors=s1 s2 --count 7 --dates yes --bands R --area 1 -2.5"
    from swath.cli import datasets_chosen

    found = datasets_chosen._arguments(Choosy, line.split())
    assert found.pop("bands") == ["R"]
    assert found.pop("area") == [1.0, -2.5]
    assert found == {"folds": (3, 4), "sensors": ["s1", "s2"], "count": 7, "dates": True}
    for wrong, text in (
        (["--count", "x"], "whole number"),
        (["--count", "1", "2"], "expected one"),
        (["--dates", "maybe"], "true or false"),
        (["--area", "1", "x"], "expected a number"),
        (["--count"], "no value"),
        (["--counts", "1"], "did you mean count"),
        (["5"], "one word too many"),
    ):
        with pytest.raises(ConfigError, match=text):
            datasets_chosen._arguments(Choosy, wrong)
    assert [f.name for f in Chosen.of(names, []).files()] == [f.name for f in UCMerced.files]


def test_download_and_verify(
    published: tuple[Path, tuple[File, ...]], loopback: Any, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    root = tmp_path / "root"
    text = refused(capsys, "plot", "UCMerced", "--root", str(root), "--out", "x.png")
    assert f"swath datasets download UCMerced --root {root}" in text
    text = said(capsys, "download", "ucmerced", "--root", str(root))
    assert "4 of 4 files are not in" in text
    assert re.search(r"to download, and extracting .* free there", text)
    assert "9 samples (train 3, val 3, test 3) are ready" in text
    asked = len(loopback.requests)
    assert "its files are in" in said(capsys, "download", "UCMerced", "--root", str(root))
    assert len(loopback.requests) == asked
    text = said(capsys, "verify", "UCMerced", "--root", str(root))
    assert len(re.findall(r"  right$", text, re.M)) == 4
    (root / "UCMerced_LandUse.zip").unlink()
    assert "the archive is gone" in said(capsys, "verify", "UCMerced", "--root", str(root))
    (root / "uc_merced-val.txt").write_text("agricultural00.tif\n")
    (root / "uc_merced-test.txt").unlink()
    assert main(["datasets", "verify", "UCMerced", "--root", str(root)]) == 1
    text = capsys.readouterr().out
    assert re.search(r"^uc_merced-val.txt +wrong$", text, re.M)
    assert re.search(r"^uc_merced-test.txt +not there$", text, re.M)
    assert "2 of 4 files are wrong or not there" in text
    said(capsys, "verify", "UCMerced", "--root", str(root), "--split", "train")


def test_a_begun_download_goes_on(
    published: tuple[Path, tuple[File, ...]], loopback: Any, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    page = loopback.pages["/UCMerced_LandUse.zip"]
    page.cut = [len(page.body) // 2] * 20
    root = str(tmp_path / "root")
    import time

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda seconds: None)
        page.cut = [len(page.body) // 2] + [0] * 20
        assert main(["datasets", "download", "UCMerced", "--root", root]) == 1
        assert "kept for the next try" in capsys.readouterr().err
        page.cut = []
        text = said(capsys, "download", "UCMerced", "--root", root)
    assert re.search(r"UCMerced_LandUse.zip, .* of it are there", text)


def test_a_full_disk_is_seen_before(
    published: tuple[Path, tuple[File, ...]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    huge = tuple(replace(f, size=10**15) for f in UCMerced.files)
    monkeypatch.setattr(UCMerced, "files", huge)
    text = refused(capsys, "download", "UCMerced", "--root", str(tmp_path / "root"))
    assert "needs 4000.0 TB" in text or "needs 4000 TB" in text
    assert "make room" in text


def test_miniature(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = tmp_path / "mini"
    text = said(capsys, "mini", "eurosat", str(root), "--number", "3")
    assert "9 made-up samples (train, val, test) of EuroSAT" in text
    assert "noise" in (root / "MADE-UP.txt").read_text()
    assert len(dataset_class("EuroSAT")(root, checksum=False)) == 3
    assert "not empty" in refused(capsys, "mini", "EuroSAT", str(root))
    for command in ("download", "verify"):
        assert "made-up miniature" in refused(capsys, command, "EuroSAT", "--root", str(root))
    sheet = tmp_path / "sheet.png"
    text = said(capsys, "plot", "EuroSAT", "--root", str(root), "--number", "2",
                "--split", "val", "--out", str(sheet))  # fmt: skip
    assert "2 of 3 samples" in text
    assert min(Picture.open(sheet).size) > 100
    assert "at least 1" in refused(capsys, "plot", "EuroSAT", "--root", str(root), "--number", "0",
                                   "--out", str(sheet))  # fmt: skip


def test_show_with_a_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sheet, root = tmp_path / "sheet.png", tmp_path / "data"
    text = said(capsys, "show", "UCMerced", "--picture", str(sheet), "--root", str(root))
    assert "made up" in text
    assert sheet.is_file()
    assert not root.exists()
    make_miniature(UCMerced, root)
    text = said(capsys, "show", "UCMerced", "--picture", str(sheet), "--root", str(root))
    assert "made up" not in text
    assert "3 of 3 samples" in text
