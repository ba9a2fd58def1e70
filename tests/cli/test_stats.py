"""`swath stats`, against NumPy over whole rasters."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import yaml
from PIL import Image

from swath.cli.pixels import measure_images, measure_labels
from swath.main import main

RNG = np.random.default_rng(7)


def write(path: Path, pixels: Any, res: float = 10.0, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    transform = rasterio.transform.from_origin(500_000, 5_000_000, res, res)
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=pixels.dtype,
        crs="EPSG:32633", transform=transform, **options,
    ) as file:  # fmt: skip
        file.write(pixels)
        file.descriptions = tuple(["blue", "green", "red", "nir"][:count])


@pytest.fixture
def scenes(tmp_path: Path) -> dict[str, Any]:
    """Two scenes of large numbers with a small spread, which sums of squares would lose."""
    found = {}
    for name, (height, width) in {"a": (1300, 700), "b": (333, 517)}.items():
        pixels = (60_000 + RNG.normal(0, 3, (3, height, width))).astype(np.uint16)
        pixels[0, :50] = 65_535
        pixels[:, -20:] = 65_535
        pixels[2] = 60_000
        write(tmp_path / "images" / f"{name}.tif", pixels, nodata=65_535)
        found[name] = pixels
    return found


def test_all_pixels_agree_with_numpy(scenes: dict[str, Any], tmp_path: Path) -> None:
    found = measure_images([str(tmp_path / "images")], limit=None)
    assert found["bands"] == ["blue", "green", "red"]
    assert found["exact"]
    assert found["files"] == 2
    for band in range(3):
        values = np.concatenate([p[band].ravel() for p in scenes.values()])
        known = values[values != 65_535].astype(np.float64)
        assert found["mean"][band] == pytest.approx(known.mean(), rel=1e-13)
        assert found["std"][band] == pytest.approx(known.std(), rel=1e-9, abs=1e-9)
        assert (found["min"][band], found["max"][band]) == (known.min(), known.max())
        assert found["count"][band] == known.size
        assert found["nodata"][band] == pytest.approx(1 - known.size / values.size)


def test_windows_by_chance(scenes: dict[str, Any], tmp_path: Path) -> None:
    folder = [str(tmp_path / "images")]
    first, again = (measure_images(folder, limit=6, seed=3) for _ in range(2))
    assert first == again
    assert not first["exact"]
    assert first["windows"] == 6
    assert first["mean"] != measure_images(folder, limit=6, seed=4)["mean"]
    whole = measure_images(folder, limit=None)
    assert first["mean"][1] == pytest.approx(whole["mean"][1], abs=0.1)
    assert measure_images(folder, limit=1000)["count"] == whole["count"]
    assert measure_images(folder, bands=["red"], limit=None)["std"] == [0.0]


def test_a_file_a_band_in_two_resolutions(tmp_path: Path) -> None:
    fine = RNG.normal(0.2, 0.05, (1, 1200, 1100)).astype(np.float32)
    fine[0, 100:200] = np.nan
    coarse = RNG.normal(5, 2, (1, 401, 367)).astype(np.float32)
    write(tmp_path / "S2_20230512_B02.tif", fine, 10)
    write(tmp_path / "S2_20230512_B11.tif", coarse, 30)
    for limit in (None, 10_000):
        found = measure_images([str(tmp_path)], limit=limit)
        assert found["bands"] == ["B02", "B11"]
        assert found["count"] == [int(np.isfinite(fine).sum()), coarse.size]
        expected = [np.nanmean(fine, dtype=np.float64), coarse.mean(dtype=np.float64)]
        assert found["mean"] == pytest.approx(expected, rel=1e-12)
        assert found["std"] == pytest.approx(
            [np.nanstd(fine.astype(np.float64)), coarse.astype(np.float64).std()], rel=1e-12
        )


def test_pictures_in_folders(tmp_path: Path) -> None:
    whole = []
    for name, count in {"Forest": 3, "River": 5}.items():
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = RNG.integers(0, 255, (16, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
            whole.append(pixels)
    found = measure_images([str(tmp_path)], limit=None)
    assert found["bands"] == ["red", "green", "blue"]
    assert found["folders"] == {"Forest": 3, "River": 5}
    assert found["mean"] == pytest.approx(np.stack(whole).mean((0, 1, 2)).tolist())
    assert measure_images([str(tmp_path)], limit=4)["windows"] == 4


def test_labels(tmp_path: Path) -> None:
    mask = RNG.choice([0, 3, 7], (1, 600, 500), p=[0.5, 0.4, 0.1]).astype(np.uint8)
    write(tmp_path / "labels" / "mask.tif", mask, nodata=0)
    found = measure_labels([str(tmp_path / "labels")], limit=None)
    assert [c["value"] for c in found["classes"]] == [3, 7]
    assert [c["count"] for c in found["classes"]] == [int((mask == v).sum()) for v in (3, 7)]
    assert sum(c["share"] for c in found["classes"]) == pytest.approx(1)
    assert found["unlabelled"] == pytest.approx(float((mask == 0).mean()))
    squares = [shapely.box(500_000, 5_000_000, 500_000 + s, 5_000_000 + s) for s in (100, 200, 100)]
    frame = geopandas.GeoDataFrame(
        {"class": ["wheat", "maize", "wheat"]}, geometry=squares, crs="EPSG:32633"
    )
    frame.to_file(tmp_path / "fields.gpkg")
    found = measure_labels([str(tmp_path / "fields.gpkg")])
    shares = {c["name"]: (c["count"], round(c["share"], 4)) for c in found["classes"]}
    assert shares == {"maize": (1, 0.6667), "wheat": (2, 0.3333)}


def test_the_command(
    scenes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write(Path("labels.tif"), np.tile(np.uint8([[[1, 2]]]), (1, 200, 200)))
    argv = ["stats", "--images", "images", "--labels", "labels.tif", "--all"]
    assert main([*argv, "--out", "run/stats.yaml"]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "known from" not in said
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "50.00 %" in said
    options = yaml.safe_load(Path("run/stats.yaml").read_text())["model"]["init_args"]
    numbers = json.loads(Path("run/stats.json").read_text())["images"]
    assert options["bands"] == ["blue", "green", "red"]
    assert options["mean"] == pytest.approx(numbers["mean"], rel=1e-7)
    assert options["std"][2] == 1.0  # constant: 0 would divide
    assert main([*argv, "--out", "run/stats.yaml"]) == 0
    again = capsys.readouterr().out
    assert "known from run/stats.json" in again
    assert again.splitlines()[:8] == said.splitlines()[:8]
    write(Path("images/a.tif"), scenes["a"][:, :100, :100], nodata=65_535)
    assert main([*argv, "--out", "run/stats.yaml"]) == 0
    assert "known from" not in capsys.readouterr().out
    assert main([*argv, "--out", "run/stats.yaml", "--seed", "1"]) == 0
    assert "known from" not in capsys.readouterr().out
    assert main(["stats", "--images", "nowhere"]) == 1
    assert "nowhere does not exist" in capsys.readouterr().err


def test_a_second_call_is_instant(scenes: dict[str, Any], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom swath.main import main\n"
        f"assert main(['stats', '--images', {str(tmp_path / 'images')!r}, '--out', "
        f"{str(tmp_path / 's.yaml')!r}]) == 0\n"
        "print('torch' in sys.modules)\n"
    )
    for _ in range(2):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert time.perf_counter() - start < 3


def test_a_config_takes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dark", "light"):
        Path("images", name).mkdir(parents=True)
        for i in range(3):
            pixels = RNG.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(Path("images", name, f"{i}.png"))
    assert main(["stats", "--images", "images"]) == 0
    Path("c.yaml").write_text(
        "model: {class_path: ClassificationTask, init_args: {num_classes: 2}}\n"
        "data: {class_path: FolderDataModule, init_args: {root: images}}\n"
    )
    capsys.readouterr()
    argv = ["fit", "--config", "c.yaml", "--config", "stats.yaml", "--print_config"]
    assert main(argv) == 0, capsys.readouterr().err
    values = yaml.safe_load(capsys.readouterr().out)
    written = yaml.safe_load(Path("stats.yaml").read_text())
    given = values["model"]["init_args"]
    assert {k: given[k] for k in ("bands", "mean", "std")} == written["model"]["init_args"]
    assert given["num_classes"] == 2
