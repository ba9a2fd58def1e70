"""A dataset as it is named on the command line: its class, and what its constructor is given."""

from __future__ import annotations

import argparse
import inspect
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swath.datasets.catalogue import File, dataset_class, published_files
from swath.datasets.catalogue.description import MADE_UP
from swath.datasets.catalogue.layer import PublishedLayer
from swath.errors import ConfigError, SplitError, SwathError, nearest

__all__ = ["Chosen", "refuse_miniature", "whole_number"]

_COMMON = {
    "self", "root", "paths", "split", "splits", "transforms", "download", "checksum", "choices",
    "crs", "res", "cache",
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A dataset, its folder, and further arguments of its constructor.

    Attributes:
        kind: Its class.
        root: Its folder.
        arguments: By name.
        one_split: The split that is wanted; None for all of them.
    """

    kind: type[Any]
    root: pathlib.Path
    arguments: Mapping[str, Any] = field(default_factory=dict)
    one_split: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace, extra: Sequence[str]) -> Chosen:
        """From a parsed command line and what the parser left of it.

        Raises:
            ConfigError: There is no such dataset or option.
            SplitError: There is no such split.
        """
        kind = dataset_class(options.name)
        root, split = pathlib.Path(options.root), getattr(options, "split", None)
        if root.is_file():
            raise ConfigError(f"{root} is a file: expected the folder of {kind.__name__}")
        if split is not None and split not in kind.splits:
            raise SplitError(
                f"{kind.__name__} has no split {split!r}: "
                + (f"expected {', '.join(kind.splits)}" if kind.splits else "it has none at all")
            )
        return cls(kind, root, _arguments(kind, extra), split)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are wanted; one without a name where the dataset has none."""
        return (self.one_split,) if self.one_split is not None else self.kind.splits or ("",)

    def make(self, split: str, **more: Any) -> Any:
        """The dataset.

        Raises:
            SwathError: As the dataset does.
        """
        return _build(self.kind, self.root, split, {**self.arguments, **more})

    def files(self) -> list[File]:
        """What the provider publishes of it that the wanted splits need, each once."""
        wanted: dict[str, File] = {}
        for split in self.splits:
            wanted |= {f.name: f for f in self._planned(split)}
        return list(wanted.values())

    @property
    def unit(self) -> str:
        """What its length counts."""
        return "files" if issubclass(self.kind, PublishedLayer) else "samples"

    def sample(self, dataset: Any, number: int) -> Any:
        """A sample; of a layer, from the middle of a file."""
        layer = issubclass(self.kind, PublishedLayer)
        return dataset.sample_at(number) if layer else dataset[number]

    def _planned(self, split: str) -> Iterable[File]:
        """Files of the dataset as it would be made, which has not looked for them yet."""

        def stop(dataset: Any) -> None:
            raise _PlannedError(list(dataset.wanted_files()))

        # named as the dataset, for what it may have to say about its arguments
        kind = type(self.kind.__name__, (self.kind,), {"obtain": stop, "__doc__": "Not obtained."})
        try:
            _build(kind, self.root, split, self.arguments)
        except _PlannedError as planned:
            return planned.files
        except FileNotFoundError:  # it has looked first
            pass
        return published_files(self.kind)

    def __str__(self) -> str:
        told = [f"{k}={v!r}" for k, v in self.arguments.items()]
        if self.one_split is not None:
            told.insert(0, f"split={self.one_split!r}")
        return f"{self.kind.__name__}({', '.join(told)})" if told else self.kind.__name__


class _PlannedError(SwathError):
    def __init__(self, files: list[File]) -> None:
        super().__init__("planned")
        self.files = files


def refuse_miniature(root: pathlib.Path) -> None:
    """Raises: ConfigError: A folder holds a miniature, which real data must not be mixed with."""
    if (root / MADE_UP).is_file():
        raise ConfigError(
            f"{root} holds a made-up miniature (see {root / MADE_UP}): name another folder for the "
            "published data, or delete this one first"
        )


def whole_number(options: argparse.Namespace) -> int:
    """``--number``, which is 1 or more.

    Raises:
        ConfigError: It is not.
    """
    number = int(options.number)
    if number < 1:
        raise ConfigError(f"--number is {number}: expected at least 1")
    return number


def _build(kind: type[Any], root: pathlib.Path, split: str, arguments: Mapping[str, Any]) -> Any:
    given, known = dict(arguments), inspect.signature(kind).parameters
    if "splits" in known and kind.splits:
        given["splits"] = [split]  # a layer may have several
    elif kind.splits:
        given["split"] = split
    for name in ("download", "checksum"):  # not everything is downloaded, or has digests
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            given.pop(name, None)
    return kind(root, **given)


def _arguments(kind: type[Any], extra: Sequence[str]) -> dict[str, Any]:
    own = {
        name: parameter
        for name, parameter in inspect.signature(kind).parameters.items()
        if name not in _COMMON and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    known = [*own, *(c for c in kind.choices if c not in own)]
    found: dict[str, Any] = {}
    for option, values in _options(extra):
        name = option.replace("-", "_")
        if name not in known:
            which = nearest(name, known) if known else f"{kind.__name__} has no choices"
            raise ConfigError(f"there is no option --{option}: {which}")
        if not values:
            raise ConfigError(f"--{option} has no value: {_expected(kind, name)}")
        found[name] = _typed(option, values, own.get(name))
    return found


def _options(extra: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    option, values = "", []
    for word in extra:
        if not word.startswith("--"):
            if not option:
                raise ConfigError(f"{word!r} is one word too many: options begin with --")
            values.append(word)
            continue
        if option:
            yield option, values
        option, _, value = word[2:].partition("=")
        values = [value] if value else []
    if option:
        yield option, values


def _expected(kind: type[Any], name: str) -> str:
    return f"expected {' or '.join(kind.choices[name])}" if name in kind.choices else "expected one"


def _typed(option: str, values: list[str], parameter: inspect.Parameter | None) -> Any:
    """Values as the constructor's default, or else its annotation, says that they are."""
    default = parameter.default if parameter is not None else ""
    note = str(parameter.annotation) if parameter is not None else "str"
    several = isinstance(default, tuple | list | set | frozenset) or (
        default is None and any(w in note for w in ("Sequence", "list", "tuple", "Iterable"))
    )
    if not several and len(values) > 1:
        raise ConfigError(f"--{option} has {len(values)} values, {' '.join(values)}: expected one")
    example = next(iter(default), None) if several and default else default
    if isinstance(example, bool):
        converted: list[Any] = [_truth(option, v) for v in values]
    elif isinstance(example, int) or (example is None and "int" in note):
        converted = [_whole(option, v) for v in values]
    elif isinstance(example, float) or (example is None and "float" in note):
        converted = [_number(option, v) for v in values]
    else:
        converted = list(values)
    if not several:
        return converted[0]
    return converted if default is None else type(default)(converted)


def _truth(option: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "yes", "no"):
        raise ConfigError(f"--{option} is {value!r}: expected true or false")
    return value.lower() in ("true", "yes")


def _number(option: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"--{option} is {value!r}: expected a number") from None


def _whole(option: str, value: str) -> int:
    if not value.lstrip("-").isdigit():
        raise ConfigError(f"--{option} is {value!r}: expected a whole number")
    return int(value)
