"""Mistakes of a config: all at once, each with its place and what was meant."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from swath import trainers
from swath.cli.check import find_mistakes, options_of
from swath.cli.expected import accepts, expected
from swath.cli.layers import Raw, read_layers, with_full_names
from swath.cli.lightning import best_score, chosen_score, own_options
from swath.errors import ConfigError
from swath.main import main
from swath.trainers import BaseTask

TASKS = sorted(
    {
        cls
        for name in trainers.__all__
        if inspect.isclass(cls := getattr(trainers, name)) and issubclass(cls, BaseTask)
    }
    - {BaseTask},
    key=lambda cls: cls.__name__,
)

BAD = """\
name: demo
seed: 3
trainer:
  max_epoch: 1
  callbacks:
    - class_path: EarlyStoping
    - class_path: EarlyStopping
      init_args:
        monitor: val_loss
        patient: 3
  logger: CSVLoger
model:
  class_path: ClassificationTask
  init_args:
    num_classes: three
    task: multiclas
    optimiser: sgd
    lr: 1e-3
    lr: 1e-4
data:
  class_path: FolderDataModule
  init_args:
    root: nowhere
    batchsize: 8
    download: true
"""


def mistakes(text: str, tmp_path: Path, *argv: str, stage: str = "fit") -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    found = find_mistakes(stage, read_layers(["--config", str(path), *argv]), own_options())
    return [str(m).replace(str(path), "config.yaml") for m in found]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    found = mistakes(BAD, tmp_path, "--model.lr", "fast", "--nmae=x", "--trainer.max_epochs", "3")
    expected_lines = [
        ("config.yaml:2  seed is no option of swath fit", "did you mean seed_everything?"),
        ("config.yaml:4  trainer.max_epoch is no option of Trainer", "max_epochs"),
        ("config.yaml:6  trainer.callbacks[0].class_path: ", "did you mean EarlyStopping?"),
        ("config.yaml:10  trainer.callbacks[1].init_args.patient ", "did you mean patience?"),
        ("config.yaml:11  trainer.logger: there is no class 'CSVLoger'", "CSVLogger"),
        ("config.yaml:15  model.init_args.num_classes is 'three'", "a whole number or null"),
        ("config.yaml:16  model.init_args.task is 'multiclas'", "did you mean multiclass"),
        ("config.yaml:17  model.init_args.optimiser ", "did you mean optimizer?"),
        ("config.yaml:19  model.init_args.lr is written twice", "18 and 19"),
        ("config.yaml:24  data.init_args.batchsize ", "did you mean batch_size?"),
        ("config.yaml:25  data.init_args.download ", "below dict_kwargs"),
        ("command line  model.init_args.lr is 'fast'", "expected a number"),
        ("command line  nmae ", "did you mean name?"),
    ]
    assert len(found) == len(expected_lines), "\n".join(found)
    for line, (start, part) in zip(found, expected_lines, strict=True):
        assert line.startswith(start), line
        assert part in line


def test_they_are_told_before_data_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(BAD)
    assert main(["fit", "--config", "c.yaml"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "swath fit: error: 11 mistakes in c.yaml:"
    assert len(lines) == 12
    assert all(line.startswith("  c.yaml:") for line in lines[1:])
    assert not Path("runs").exists()


def test_missing_and_misplaced(tmp_path: Path) -> None:
    found = mistakes("data: {class_path: RasterDataModule, init_args: {images: a}}", tmp_path)
    assert len(found) == 1
    assert "data.init_args.labels is missing" in found[0]
    assert mistakes("data: {class_path: RasterDataModule, init_args: {images: a}}", tmp_path,
                    "--data.labels", "b") == []  # fmt: skip
    text = "model: {class_path: FolderDataModule, lr: 1}\ndata: {init_args: {root: a}}\ntrainer: 3"
    said = "\n".join(mistakes(text, tmp_path))
    for part in ("model.lr is no key here", "there is no class 'FolderDataModule'",
                 "data has no class_path", "trainer is 3"):  # fmt: skip
        assert part in said, said
    wrong = "model: {class_path: swath.datamodules.FolderDataModule}\n"
    assert "is no LightningModule" in mistakes(wrong, tmp_path)[0]
    assert "no module 'mine'" in mistakes("model: {class_path: mine.Task}", tmp_path)[0]
    assert "has no class" in mistakes("model: {class_path: swath.trainers.Clas}", tmp_path)[0]
    empty = "model:\n  class_path: Regression\n  init_args:\n"
    assert "model.init_args is empty" in mistakes(empty, tmp_path)[0]
    taken = "model: {class_path: Regression, dict_kwargs: {a: 1}}"
    assert mistakes(taken, tmp_path) == []


def test_configs_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2, column"):
        mistakes("a: [1\nb: 2", tmp_path)
    with pytest.raises(ConfigError, match="options by name"):
        mistakes("- 1\n- 2", tmp_path)


def test_a_later_layer_changes_the_class(tmp_path: Path) -> None:
    text = "model: {class_path: ClassificationTask, init_args: {num_classes: 3}}"
    said = mistakes(text, tmp_path, "--model", "RegressionTask", "--model.num_outputs", "2")
    assert said == []
    assert mistakes(text, tmp_path, "--model.init_args.num_outputs", "2")


def test_values_as_typed_and_as_written() -> None:
    for hint, good, bad in [
        (int, [3, Raw("3")], ["x", 1.5, None, [1], Raw("x")]),
        (float, [3, 0.5, Raw("1e-3")], ["x", Raw("x"), {}]),
        (str, ["x", Raw("3"), Raw("null")], [3, None]),
        (str | None, ["x", None, Raw("4326")], [3, ["x"]]),
        (list[str] | None, [["a"], None, Raw("[a, b]")], ["a", [1]]),
        (bool, [True, Raw("true")], ["perhaps", 3]),
    ]:
        assert all(accepts(hint, value) for value in good), (hint, good)
        assert not any(accepts(hint, value) for value in bad), (hint, bad)
    assert expected(list[list[float]] | None) == "a list of lists of numbers or null"
    assert expected(float | list[float] | None) == "a number, a list of numbers or null"


@pytest.mark.parametrize("task", TASKS, ids=lambda cls: cls.__name__)
def test_every_task_tells_its_options(task: type[BaseTask]) -> None:
    known = options_of(task)
    base = set(options_of(BaseTask))
    assert len(base) > 10
    given = inspect.signature(task.__init__).parameters
    assert {n for n, p in given.items() if n != "self" and p.kind is not p.VAR_KEYWORD} <= set(
        known
    )
    assert base <= set(known)
    monitor, mode = task.best
    assert monitor.startswith(("val_", "train_"))
    assert mode in ("min", "max")


def test_short_names_are_written_out(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "model: {class_path: SemanticSegmentation, init_args: {num_classes: 2}}\n"
        "trainer: {callbacks: [{class_path: EarlyStopping}], logger: CSVLogger}\n"
    )
    argv = ["--config", str(path), "--data", "FolderDataModule", "--data.seed=-1", "--print_config"]
    config, *rest = with_full_names(argv, read_layers(argv))
    values = yaml.safe_load(config.removeprefix("--config="))
    assert values["model"]["class_path"] == "swath.trainers.SemanticSegmentation"
    assert values["model"]["init_args"] == {"num_classes": 2}
    callback = values["trainer"]["callbacks"][0]
    assert callback == {"class_path": "lightning.pytorch.callbacks.EarlyStopping"}
    assert values["trainer"]["logger"] == "lightning.pytorch.loggers.CSVLogger"
    assert rest == ["--data=swath.datamodules.FolderDataModule", "--data.seed=-1", "--print_config"]
    path.write_text("name: x\n")
    argv = ["--config", str(path), "--model.help", "Classification", "stray"]
    assert with_full_names(argv, read_layers(argv)) == [
        f"--config={path}", "--model.help", "swath.trainers.Classification", "stray"
    ]  # fmt: skip


def test_the_score_that_decides() -> None:
    free = {"monitor": None, "mode": "auto"}
    classify = best_score({"class_path": "swath.trainers.ClassificationTask"})
    assert chosen_score(free, classify) == ("val_accuracy", "max")
    assert chosen_score(free, best_score({"class_path": "swath.trainers.RegressionTask"})) == (
        "val_rmse", "min"
    )  # fmt: skip
    assert chosen_score({"monitor": "val_f1", "mode": "auto"}, classify) == ("val_f1", "max")
    assert chosen_score({"monitor": "val_loss", "mode": "auto"}, classify) == ("val_loss", "min")
    assert chosen_score({"monitor": "val_loss", "mode": "max"}, classify) == ("val_loss", "max")
    module = best_score({"class_path": "lightning.pytorch.LightningModule"})
    assert chosen_score(free, module) == ("val_loss", "min")


def test_classification_from_short_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, colour in {"dark": 20, "light": 220}.items():
        folder = Path("images", name)
        folder.mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (16, 16), (colour, colour, colour + i)).save(folder / f"{i}.png")
    Path("config.yaml").write_text(
        "name: shades\nseed_everything: 1\n"
        "trainer: {max_epochs: 1, enable_progress_bar: false, accelerator: cpu}\n"
        "model:\n  class_path: ClassificationTask\n"
        "  init_args: {model: resnet18, labels: [dark, light], lr: 1e-3}\n"
        "data:\n  class_path: FolderDataModule\n"
        "  init_args: {root: images, batch_size: 6}\n  dict_kwargs: {transforms: null}\n"
    )
    options = ["--model.init_args.optimizer", "sgd"]
    assert main(["fit", "--config", "config.yaml", *options]) == 0, capsys.readouterr().err
    assert "val_accuracy" in capsys.readouterr().out
    saved = yaml.safe_load(Path("runs/shades/config.yaml").read_text())
    assert saved["model"]["class_path"] == "swath.trainers.ClassificationTask"
    assert saved["model"]["init_args"]["optimizer"] == "sgd"
    assert (saved["checkpoint"]["monitor"], saved["checkpoint"]["mode"]) == ("val_accuracy", "max")
    checkpoint = torch.load("runs/shades/best.ckpt", weights_only=True)
    assert checkpoint["swath_task"] == "ClassificationTask"
    resolved = "runs/shades/config.yaml"
    assert main(["test", "--config", resolved]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "precision" in said
    assert "dark" in said
    assert main(["predict", "--config", resolved]) == 0, capsys.readouterr().err
    table = Path("runs/shades/predictions/predictions_0.csv").read_text().splitlines()
    assert table[0] == "sample,class,probabilities/dark,probabilities/light"
    assert len(table) == 21


def test_help_of_a_class(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--model.help", "ClassificationTask"]) == 0
    said = capsys.readouterr().out
    assert "--model.optimizer" in said
    assert len(said.splitlines()) < 250
