"""A training that a signal ends: its exit code, and what is left to go on with."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest
import torch
import yaml

import swath.plot
from swath.cli.stopped import stopped_by
from swath.main import main

#: Batches that come at once in two epochs, and in the third one only after a word.
SLOW = """
import os, time
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, Dataset

class Pixels(Dataset):
    def __init__(self, slow):
        self.slow, self.taken = slow, 0
    def __len__(self):
        return 8
    def __getitem__(self, i):
        self.taken += 1
        if self.slow and self.taken > 16:
            open(self.slow, "w").close()
            time.sleep(0.2)
        return {"image": torch.full((3, 32, 32), float(i)), "label": torch.tensor(i % 2)}

class SlowData(LightningDataModule):
    def __init__(self, slow: str = ""):
        super().__init__()
        self.slow = slow
    def train_dataloader(self):
        return DataLoader(Pixels(self.slow), 2)
    def val_dataloader(self):
        return DataLoader(Pixels(""), 4)
"""


def start(log: Path, arguments: list[str]) -> int:
    """`main` in a process of its own, which has everything imported."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        torch.set_num_threads(1)  # the threads of OpenMP do not follow a fork
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait_for(path: Path, child: int) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended by itself"
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_ends_by_signal_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
) -> None:
    (tmp_path / "slow_data.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    # pictures take most of the time
    monkeypatch.setattr(swath.plot, "save_figure", lambda figure, path: path)
    config = {
        "trainer": {"max_epochs": 3, "accelerator": "cpu", "enable_progress_bar": False},
        "model": {
            "class_path": "ClassificationTask",
            "init_args": {"model": "mobilenetv3_small_050", "num_classes": 2, "in_channels": 3},
        },
        "data": {
            "class_path": "slow_data.SlowData",
            "init_args": {"slow": str(tmp_path / "third")},
        },
        "runs": str(tmp_path / "runs"),
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    child = start(tmp_path / "log", ["fit", "--config", str(tmp_path / "config.yaml")])
    wait_for(tmp_path / "third", child)
    os.kill(child, sent)
    status = os.waitpid(child, 0)[1]
    said = (tmp_path / "log").read_text()
    assert os.waitstatus_to_exitcode(status) == code, said

    run = tmp_path / "runs" / "run"
    assert json.loads((run / "environment.json").read_text())["outcome"] == "interrupted"
    last = torch.load(run / "last.ckpt", weights_only=True)
    assert (last["epoch"], last["global_step"]) == (1, 8)
    assert {"config.yaml", "metrics.csv", "best.ckpt"} <= set(os.listdir(run))
    order = said.partition("Go on: swath ")[2].splitlines()[0]
    assert order == f"fit --config {run}/config.yaml --ckpt_path {run}/last.ckpt"

    if sent == signal.SIGTERM:
        return  # what is left is the same
    goes_on = start(tmp_path / "log2", [*order.split(), "--data.init_args.slow="])
    assert os.waitstatus_to_exitcode(os.waitpid(goes_on, 0)[1]) == 0, (
        tmp_path / "log2"
    ).read_text()
    assert torch.load(run / "last.ckpt", weights_only=True)["global_step"] == 12


def test_other_exits_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    stop = SystemExit(2)
    assert stopped_by(stop, "fit", "nowhere", signal.SIG_DFL) is stop
    assert capsys.readouterr().err == ""


def test_without_a_whole_epoch_there_is_nothing_to_go_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.exit(1)
    except SystemExit as stop:
        found = stopped_by(stop, "fit", str(tmp_path), handler)
    assert isinstance(found, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    assert "no epoch was complete" in capsys.readouterr().err
