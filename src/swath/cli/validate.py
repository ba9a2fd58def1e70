"""``swath validate``."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["run"]


def run(argv: Sequence[str]) -> int:
    """Run the command; see `swath.cli.usage` for its options."""
    from swath.cli.usage import asks_for_help, stage_help

    if asks_for_help(argv):
        print(stage_help("validate"))
        return 0
    from swath.cli.lightning import run_stage

    return run_stage("validate", argv)
