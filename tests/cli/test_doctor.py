"""`swath doctor`: one screen, no secrets, and 1 when something essential is broken."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from swath.cli import doctor
from swath.main import main


def said(capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(["doctor"]) == code, capsys.readouterr()
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SWATH_CACHE_DIR", raising=False)


@pytest.mark.parametrize("width", [80, 100])
def test_one_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    weights = tmp_path / "home" / "checkpoints" / "a.pth"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(bytes(2_500_000))
    text = said(capsys)
    lines = text.splitlines()
    assert len(lines) < 60
    assert all(len(line) <= width or str(tmp_path) in line or sys.prefix in line for line in lines)
    for part in ("torch ", "lightning ", "GDAL", "PROJ", "GPU", "memory", "2.5 MB in 1 files",
                 "all that is essential works", "writes and reads GeoTIFF"):  # fmt: skip
        assert part in " ".join(text.split()), part


def test_no_secret_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://jane:pa55word@proxy.example:3128/?key=abcdef")
    monkeypatch.setenv("ALL_PROXY", "jane:pa55word@other.example:1080")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
    text = said(capsys)
    assert "proxy.example:3128" in text
    assert "other.example:1080" in text
    for secret in ("jane", "pa55word", "abcdef", "verysecret"):
        assert secret not in text


def test_something_essential_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no database context\nspecified")

    import pyproj

    monkeypatch.setattr(pyproj.Transformer, "from_crs", broken)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    text = said(capsys, 1)
    assert "does not work: RuntimeError: no database context specified" in " ".join(text.split())
    assert "2 broken: imagecodecs, PROJ" in text


def test_a_cache_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    text = " ".join(said(capsys).split())
    assert "not writable; set SWATH_HOME to a folder that is" in text


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    declared = {f"swath[{n}]" for n in project["project"]["optional-dependencies"] if n != "test"}
    assert declared <= set(doctor.EXTRAS)


def test_what_is_missing_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"swath[none]": ("no_such_module", "nothing")})
    assert 'nothing: pip install "swath[none]"' in said(capsys)
