from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
import torch
import yaml

from swath.demo import CLASSES, World, write_world
from swath.main import COMMANDS, main


def test_help_is_quick_and_imports_no_torch() -> None:
    code = (
        "import sys\nfrom swath.main import main\nassert main(['--help']) == 0\n"
        "for name in ('init', 'map', 'demo'):\n"
        "    assert main([name, '--help']) == 0\n"
        "for name in ('fit', 'validate', 'test', 'predict'):\n"
        "    assert main([name, '--help']) == 0\n"
        "assert not {'torch', 'lightning', 'numpy', 'rasterio'} & set(sys.modules), sys.modules\n"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 3
    for name in COMMANDS:
        assert f"  {name}" in done.stdout


def test_a_wrong_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fitt"]) == 2
    assert "no command 'fitt': did you mean fit?" in capsys.readouterr().err
    assert main(["xyz"]) == 2
    assert "they are demo, init" in capsys.readouterr().err
    assert main(["init"]) == 2
    assert main(["--version"]) == 0


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["map", "--checkpoint", str(tmp_path / "no.ckpt"), "--images", str(tmp_path)]
    assert main(arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "no.ckpt does not exist" in lines[0]
    with pytest.raises(FileNotFoundError):
        main(["--debug", *arguments])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return write_world(tmp_path_factory.mktemp("world"), width=420, height=380)


def test_from_folders_to_a_map(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    init = ["init", "--images", world.images, "--labels", world.labels, "--epochs", "1"]
    assert main(init) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    for part in ("EPSG:32614", "EPSG:32615", "EPSG:5070", "2023-05-12", "Cultivated", "nir"):
        assert part in said
    config = yaml.safe_load(Path("config.yaml").read_text())
    task = config["model"]["init_args"]
    assert task["values"] == [code for code, _, _ in CLASSES]
    assert task["classes"] == [name for _, name, _ in CLASSES]
    assert task["bands"] == ["blue", "green", "red", "nir"]
    assert main(init) == 1
    assert "config.yaml exists" in capsys.readouterr().err

    small = ["--model.init_args.model", "fcn", "--model.init_args.num_filters", "16",
             "--data.init_args.length", "16", "--trainer.enable_progress_bar", "false"]  # fmt: skip
    assert main(["fit", "--config", "config.yaml", *small]) == 0, capsys.readouterr().err
    run = Path("runs/config")
    for name in ("best.ckpt", "last.ckpt", "config.yaml", "metrics.csv", "val.png"):
        assert (run / name).exists(), name
    assert torch.load(run / "best.ckpt", weights_only=True)["hyper_parameters"]["bands"]

    resolved = str(run / "config.yaml")
    assert main(["test", "--config", resolved, "--trainer.enable_progress_bar", "false"]) == 0
    told = capsys.readouterr()
    assert "mean IoU" in told.out
    assert "ckpt_path" not in told.err
    scores = json.loads((run / "test.json").read_text())
    assert 0 < scores["miou"] <= 1
    assert set(scores) >= {"accuracy", "majority", "iou/Water"}

    arguments = ["map", "--checkpoint", str(run / "best.ckpt"), "--images", world.images]
    assert main([*arguments, "--out", "map.tif"]) == 0, capsys.readouterr().err
    with rasterio.open("map.tif") as file, rasterio.open(world.labels) as labels:
        codes = set(np.unique(file.read(1)).tolist())
        assert codes <= {0, *(code for code, _, _ in CLASSES)}
        assert file.nodata == 0
        assert file.colormap(1)[11] == labels.colormap(1)[11]
        assert file.crs.to_epsg() == 32614
        with rasterio.open(f"{world.images}/scene_20230512.tif") as scene:
            offset = ~file.transform @ (scene.transform.c, scene.transform.f)
        assert offset == pytest.approx((round(offset[0]), round(offset[1])))
    assert Path("map.png").stat().st_size > 500


def test_polygons_whose_classes_are_names(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {code: name for code, name, _ in CLASSES}
    with rasterio.open(world.labels) as file:
        mask = file.read(1)
        found = [
            (shapely.geometry.shape(shape), names[int(value)])
            for shape, value in rasterio.features.shapes(mask, mask > 0, transform=file.transform)
        ]
        crs = file.crs.to_wkt()
    shapes, classes = zip(*found, strict=True)
    frame = geopandas.GeoDataFrame({"class": classes}, geometry=list(shapes), crs=crs)
    frame.to_crs(4326).to_file("fields.gpkg")
    init = ["init", "--images", world.images, "--labels", "fields.gpkg", "--epochs", "1"]
    assert main(init) == 0, capsys.readouterr().err
    small = ["--model.init_args.model", "fcn", "--model.init_args.num_filters", "8",
             "--data.init_args.length", "8", "--trainer.enable_progress_bar", "false"]  # fmt: skip
    assert main(["fit", "--config", "config.yaml", *small]) == 0, capsys.readouterr().err
    arguments = ["map", "--checkpoint", "runs/config/best.ckpt", "--images", world.images]
    assert main([*arguments, "--out", "map.tif"]) == 0, capsys.readouterr().err
    with rasterio.open("map.tif") as file:
        assert set(np.unique(file.read(1)).tolist()) <= set(range(len(names) + 1))


def test_a_wrong_option_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", str(tmp_path / "nope.yaml")]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "nope.yaml" in lines[0]
    assert main(["fit", "--nmae", "x"]) == 1
    assert "nmae" in capsys.readouterr().err


def test_no_run_is_written_over(tmp_path: Path) -> None:
    from swath.cli.lightning import new_run, newest_run
    from swath.errors import ConfigError

    with pytest.raises(ConfigError, match="run swath fit first"):
        newest_run(str(tmp_path), "trees")
    for expected in ("trees", "trees-2", "trees-3"):
        folder = Path(new_run(str(tmp_path), "trees"))
        assert folder.name == expected
        (folder / "best.ckpt").touch()
    assert Path(newest_run(str(tmp_path), "trees")).name == "trees-3"


def test_testing_what_was_not_trained(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--images", world.images, "--labels", world.buildings]) == 0
    assert "background" in capsys.readouterr().out
    assert main(["test", "--config", "config.yaml"]) == 1
    assert "run swath fit first" in capsys.readouterr().err
