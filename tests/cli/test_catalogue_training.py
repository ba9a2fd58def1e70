"""The config that everybody of the field knows, on a miniature of its dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from swath.datasets import EuroSAT100, make_miniature
from swath.main import main

pytestmark = pytest.mark.filterwarnings("ignore")

CONFIG = """
trainer:
  max_epochs: 1
  accelerator: cpu
  enable_progress_bar: false
  default_root_dir: output
model:
  class_path: ClassificationTask
  init_args:
    model: test_resnet
    in_channels: 13
    num_classes: 10
    loss: ce
data:
  class_path: EuroSAT100DataModule
  init_args:
    batch_size: 4
  dict_kwargs:
    root: data
    download: true
    checksum: false
"""


def test_fit_and_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_miniature(EuroSAT100, tmp_path / "data", count=10)
    Path("config.yaml").write_text(CONFIG)
    assert main(["fit", "--config", "config.yaml"]) in (0, None)
    run = tmp_path / "output" / "run"
    assert {"best.ckpt", "last.ckpt", "metrics.csv", "val.png"} <= {p.name for p in run.iterdir()}
    assert not Path("runs").exists()  # default_root_dir is where runs go
    # names and statistics came from the data
    assert "AnnualCrop" in (run / "per_class.csv").read_text()
    assert main(["test", "--config", str(run / "config.yaml")]) in (0, None)
    assert (run / "test.json").is_file()
    assert yaml.safe_load((run / "config.yaml").read_text())["runs"] == "output"


def test_help_of_a_data_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data.help", "EuroSAT100DataModule"]) in (0, None)
    assert "batch_size" in capsys.readouterr().out
