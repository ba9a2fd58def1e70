"""What commands print: tables that fit the terminal, keys with texts, and no broken pipes."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["keyed", "say", "table", "width"]


def width(most: int = 100) -> int:
    """Characters in a line."""
    return min(shutil.get_terminal_size((100, 24)).columns, most)


def say(lines: Iterable[str]) -> None:
    """Print lines; a reader who has seen enough (``swath models list | head``) is no error."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def keyed(key: str, text: str, key_width: int = 12) -> list[str]:
    """``  key   text``, with the text's other lines under its first."""
    lead = f"  {key:<{key_width}}  "
    return textwrap.wrap(
        text, max(width(), 40), initial_indent=lead, subsequent_indent=" " * len(lead),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrap: Sequence[int] = (-1,),
    most: int = 100,
) -> Iterator[str]:
    """Columns as wide as they must be; numbers stand at the right.

    Args:
        head: Names of the columns.
        rows: Their cells.
        wrap: Columns whose cells go on in the next line where the terminal is too narrow. They
            keep room for their longest word.
        most: Characters in a line, at most.
    """
    soft = {i % len(head) for i in wrap}
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    least = [max((len(w) for r in [head, *rows] for w in r[i].split()), default=1)
             for i in range(len(head))]  # fmt: skip
    room = width(most) - 2 * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(soft, key=lambda i: widths[i] - least[i])
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
    right = [all(_number(r[i]) for r in rows) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            textwrap.wrap(c, w, break_on_hyphens=False, break_long_words=False) or [""]
            if i in soft else [c]
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]  # fmt: skip
        for k in range(max(map(len, cells))):
            parts = [c[k] if k < len(c) else "" for c in cells]
            yield "  ".join(
                f"{p:>{w}}" if at_right else f"{p:<{w}}"
                for p, w, at_right in zip(parts, widths, right, strict=True)
            ).rstrip()


def _number(cell: str) -> bool:
    return cell.replace(",", "").isdigit() or not cell
