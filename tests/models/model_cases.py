"""What the contract knows of each architecture: how to build it small, and what to feed it.

A family describes itself in a file ``cases_<family>.py`` beside this one, in a list ``CASES``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pathlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

HERE = pathlib.Path(__file__).parent
LISTINGS: dict[str, dict[str, Any]] = json.loads((HERE / "statedicts.json").read_text())
#: The listings in full, where they are at hand: only to say more when something differs.
FULL = HERE.parents[2] / "shared" / "facts" / "statedicts"

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """One architecture under contract.

    Attributes:
        name: Of the test; unique.
        covers: Names in `swath.models` (builders, classes) that the case stands for.
        build: The model, small enough for a forward and backward pass in about a second. It is
            called with ``channels=`` where `channels` is not empty.
        inputs: Positional and named arguments of one forward pass. Called with the batch size,
            height and width, and with the number of channels where `channels` is not empty.
        size: (height, width) of the usual input; None for models without an image.
        odd: Other sizes that must work as well.
        refused: Sizes that it mathematically cannot take: a clear error, no crash deep inside.
        channels: Numbers of channels that must work; empty where the number is fixed.
        listing: Name of its listing in ``statedicts.json``.
        listed: The instance of the listing; it is built on the meta device.
        peer: (name in the peer's ``models``, its arguments) of the same instance as `listed`, for
            ``benchmarks/agreement.py``.
        peer_inputs: Positional arguments of a forward pass of `listed`.
        export: ``torch.export`` must work.
        onnx: Its operators have an ONNX form (`onnx` says why not, where it is a text).
        bf16: Runs under autocast in bfloat16.
        backward: Its outputs have a gradient to its parameters.
        batch: Images of a batch.
    """

    name: str
    covers: tuple[str, ...]
    build: Callable[..., nn.Module]
    inputs: Callable[..., Inputs]
    size: tuple[int, int] | None = (64, 64)
    odd: tuple[tuple[int, int], ...] = ()
    refused: tuple[tuple[int, int], ...] = ()
    channels: tuple[int, ...] = ()
    listing: str | None = None
    listed: Callable[[], nn.Module] | None = None
    peer: tuple[str, dict[str, Any]] | None = None
    peer_inputs: Callable[[], tuple[Any, ...]] | None = None
    export: bool = True
    onnx: bool | str = True
    bf16: bool = True
    backward: bool = True
    batch: int = 2
    marks: tuple[Any, ...] = field(default=())

    def make(self, channels: int | None = None) -> nn.Module:
        """The small model, always with the same numbers."""
        torch.manual_seed(0)
        if not self.channels:
            return self.build()
        return self.build(channels=channels or self.channels[0])

    def feed(
        self, batch: int | None = None, size: tuple[int, int] | None = None,
        channels: int | None = None,
    ) -> Inputs:  # fmt: skip
        """Inputs for `make`, always the same numbers."""
        torch.manual_seed(1)
        height, width = size or self.size or (0, 0)
        if self.channels:
            return self.inputs(
                batch or self.batch, height, width, channels=channels or self.channels[0]
            )
        return self.inputs(batch or self.batch, height, width)


@cache
def all_cases() -> tuple[Case, ...]:
    """Cases of every family."""
    found: list[Case] = []
    for path in sorted(HERE.glob("cases_*.py")):
        found += importlib.import_module(path.stem).CASES
    names = [c.name for c in found]
    assert len(names) == len(set(names)), "two cases have one name"
    return tuple(found)


def rows(state: dict[str, Tensor]) -> list[tuple[str, str]]:
    """(name, shape) of each tensor, sorted, as the listings have them."""
    return sorted((k, str(tuple(v.shape))) for k, v in state.items())


def digest(state: dict[str, Tensor]) -> dict[str, Any]:
    """Of the rows, as in ``statedicts.json``."""
    found = rows(state)
    text = "\n".join(f"{n}\t{s}" for n, s in found)
    return {"tensors": len(found), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def difference(state: dict[str, Tensor], listing: str) -> str:
    """What a person wants to know when the digests differ."""
    path = FULL / f"{listing}.txt"
    if not path.exists():
        return "the digests differ, and the full listing is not at hand"
    expected = {tuple(line.split("\t")[:2]) for line in path.read_text().splitlines() if line}
    found = set(rows(state))
    return (
        f"missing {sorted(expected - found)[:8]} … unexpected {sorted(found - expected)[:8]} … "
        f"({len(expected - found)} and {len(found - expected)})"
    )


def tensors(value: Any) -> Iterable[Tensor]:
    """Every tensor in a model's output."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from tensors(v)
