"""Help of the commands that Lightning runs, without importing Lightning."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["asks_for_help", "stage_help"]

_WHAT = {
    "fit": "Train the model of a config.",
    "validate": "Score a checkpoint on the validation ground.",
    "test": "Score a checkpoint on the test ground, which training never saw.",
    "predict": "Write a checkpoint's class probabilities over all images, one GeoTIFF a patch.\n"
    "For one seamless map use `swath map`.",
}

_CHECKPOINT = (
    "  --ckpt_path PATH    the checkpoint; by default the best of the newest run of that name\n"
)
_RESUME = "  --ckpt_path PATH    go on from this checkpoint (runs/NAME/last.ckpt)\n"

_TEXT = """\
usage: swath {stage} --config CONFIG [options]

{what}

options:
  --config CONFIG     a YAML file, as `swath init` writes it; several are laid over each other
  --name NAME         name of the run; by default the config's `name`
  --runs DIR          where the runs are (default: runs)
{checkpoint}\
  --trainer.KEY VALUE           any argument of lightning's Trainer: --trainer.max_epochs 20
  --model.init_args.KEY VALUE   any argument of the task: --model.init_args.lr 0.0003
  --data.init_args.KEY VALUE    any argument of the data: --data.init_args.batch_size 8
  --track NAMES       log to mlflow or wandb besides (tensorboard: wherever it is installed)
  --print_config      print the config that all of this gives, and stop
  --help-all          all options (slow: it imports the libraries)

A run's folder holds the config as it was resolved, environment.json (versions, machine, revision,
command, how it ended), metrics.csv, curves.png, best.ckpt, last.ckpt, the scores as JSON, tables of
classes and confusions, and pictures of samples. swath report compares runs.
"""


def asks_for_help(argv: Sequence[str]) -> bool:
    """Whether only help is wanted."""
    return not argv or "-h" in argv or "--help" in argv


def stage_help(stage: str) -> str:
    """Help of ``fit``, ``validate``, ``test`` or ``predict``."""
    checkpoint = _RESUME if stage == "fit" else _CHECKPOINT
    return _TEXT.format(stage=stage, what=_WHAT[stage], checkpoint=checkpoint).rstrip()
