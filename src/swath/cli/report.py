"""``swath report``: one page that compares runs."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence

__all__ = ["run"]


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="swath report",
        description="Compare runs on one HTML page: scores (best first), settings that differ, "
        "curves, classes, confusion, pictures, environments, and what went wrong. The page needs "
        "no network and nothing beside it.",
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", default=[],
                        help="folders of runs, or a folder of them (default: runs)")  # fmt: skip
    parser.add_argument("--out", default="report.html", help="the page (default: report.html)")
    options = parser.parse_args(list(argv))

    from swath.cli.environment import now, write_text
    from swath.cli.report_page import page
    from swath.cli.run_files import find_runs, read_run

    folders = find_runs(options.runs or ["runs"])
    runs = [read_run(f, n) for f, n in zip(folders, _names(folders), strict=True)]
    os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
    write_text(options.out, page(runs, now()))
    for one in runs:
        for told in [*([] if one.outcome == "finished" else [one.outcome]), *one.missing]:
            print(f"{one.name}: {told}")
    size = os.path.getsize(options.out) / 1e6
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    print(f"Report: {options.out} ({count}, {size:.1f} MB)")
    return 0


def _names(folders: Sequence[str]) -> list[str]:
    """The folders' own names; with the folder above where two are the same."""
    names = [os.path.basename(os.path.abspath(f)) for f in folders]
    same = Counter(names)
    above = [os.path.basename(os.path.dirname(os.path.abspath(f))) for f in folders]
    found = [f"{a}/{n}" if same[n] > 1 else n for a, n in zip(above, names, strict=True)]
    return [f if Counter(found)[n] > 1 else n for f, n in zip(folders, found, strict=True)]
