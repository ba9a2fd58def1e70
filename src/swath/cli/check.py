"""All mistakes of a config at once, before any data is read: keys, classes, types."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from swath.cli.classes import PLACES, find_class
from swath.cli.expected import accepts, classes_of, expected
from swath.cli.layers import COMMAND_LINE, Layer, Path, Raw
from swath.errors import ConfigError, ConfigMistakesError
from swath.models.weights import nearest

__all__ = ["Mistake", "check_layers", "find_mistakes"]

_Options = dict[str, tuple[Any, bool]]
_SPEC = ("class_path", "init_args", "dict_kwargs")


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and where: the file, the line in it (if known), the dotted key."""

    source: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}"
        return f"{self.source}{line}  {self.key}{self.text}"


def check_layers(stage: str, layers: Sequence[Layer], own: _Options | None = None) -> None:
    """Raise ConfigMistakesError with everything that is wrong, if anything is."""
    found = find_mistakes(stage, layers, own)
    if not found:
        return
    sources = list(dict.fromkeys(m.source for m in found))
    what = "1 mistake" if len(found) == 1 else f"{len(found)} mistakes"
    raise ConfigMistakesError(f"{what} in {' and '.join(sources)}:", [str(m) for m in found])


def find_mistakes(
    stage: str, layers: Sequence[Layer], own: _Options | None = None
) -> list[Mistake]:
    """Everything that is wrong, in the order in which it is written.

    Args:
        stage: ``"fit"``, ``"validate"``, ``"test"`` or ``"predict"``.
        layers: Of `read_layers`: what is later goes on top.
        own: The command's options beside Lightning's, as `parser_options` tells them.
    """
    found: list[Mistake] = []
    kinds: dict[str, type[Any] | None] = {}  # the class of model and data so far
    given: dict[str, set[str]] = {}
    for layer in layers:
        check = _Check(layer, kinds, given)
        check.top(stage, own or {})
        found += sorted(check.found, key=lambda m: m.line or 0)
    for option, cls in kinds.items():
        missing = [n for n, p in options_of(cls).items() if p[1]] if cls is not None else []
        for name in missing:
            if cls is not None and name not in given[option]:
                said = expected(options_of(cls)[name][0])
                text = f" is missing, and {cls.__name__} needs it: expected {said}"
                key = f"{option}.init_args.{name}"
                found.append(Mistake(layers[0].source, None, key, text))
    return found


class _Check:
    """The mistakes of one layer."""

    def __init__(
        self, layer: Layer, kinds: dict[str, type[Any] | None], given: dict[str, set[str]]
    ) -> None:
        self.layer, self.kinds, self.given = layer, kinds, given
        self.found: list[Mistake] = []

    def top(self, stage: str, own: _Options) -> None:
        from lightning.pytorch import LightningDataModule, LightningModule, Trainer
        from lightning.pytorch.callbacks import ModelCheckpoint

        for path, first, second in self.layer.twice:
            self._wrong(path, f"is written twice, on lines {first} and {second}", second)
        known: dict[str, Any] = {"seed_everything": bool | int}
        known |= {name: hint for name, (hint, _) in own.items() if "." not in name}
        inside = {"trainer": Trainer, "checkpoint": ModelCheckpoint}
        specs = {"model": LightningModule, "data": LightningDataModule}
        stages = inspect.signature(getattr(Trainer, stage)).parameters
        free = ["optimizer", "lr_scheduler", *[n for n in stages if n not in ("self", "model")]]
        for key, value in self.layer.values.items():
            if key in known:
                self._value((key,), known[key], value)
            elif key in inside:
                self._arguments((key,), inside[key], value)
            elif key in specs:
                self.kinds[key] = self._spec((key,), specs[key], value, self.kinds.get(key))
            elif key not in free and key != "config":
                names = [*known, *inside, *specs, *free]
                names = [n for n in names if "dataloader" not in n and n != "datamodule"]
                self._wrong((key,), f"is no option of swath {stage}: {_nearest(key, names)}")

    def _wrong(self, path: Path, text: str, line: int | None = None) -> None:
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        while line is None and path:
            line, path = self.layer.lines.get(path), path[:-1]
        text = text if text[0] == ":" else f" {text}"
        self.found.append(Mistake(self.layer.source, line, key, text))

    def _spec(
        self, path: Path, kind: Any, value: Any, before: type[Any] | None = None
    ) -> type[Any] | None:
        """Check a class and its arguments; `before` is its class in an earlier layer."""
        option = next(str(p) for p in reversed(path) if isinstance(p, str))
        at: Path = (*path, "class_path")
        if isinstance(value, str):
            value, at = {"class_path": value}, path
        if not isinstance(value, dict):
            self._wrong(path, f"is {value!r}: expected class_path and init_args")
            return before
        for key in value:
            if key not in _SPEC:
                hint = nearest(key, _SPEC) if before is None else ""
                near = hint if hint.startswith("did") else "arguments go below init_args"
                self._wrong((*path, key), f"is no key here: {near}")
            elif value[key] is None:
                self._wrong((*path, key), "is empty: give it a value, or leave it out")
                return before
        cls, name = before, value.get("class_path")
        if name is not None:
            try:
                cls = find_class(str(name), option)
            except ConfigError as error:
                self._wrong(at, f": {error}")
                return None
            kinds = kind if isinstance(kind, tuple) else (kind,)
            if kinds and not issubclass(cls, kinds):
                said = " or a ".join(k.__name__ for k in kinds)
                self._wrong(at, f"is {name}, which is no {said}")
                return None
        elif cls is None:
            if not any(key in PLACES for key in value):
                self._wrong(path, "has no class_path: which class is it?")
            return None
        if len(path) == 1:
            self.given.setdefault(option, set()).update(value.get("init_args") or {})
        if cls is not None and value.get("init_args") is not None:
            self._arguments((*path, "init_args"), cls, value["init_args"])
        if cls is not None and value.get("dict_kwargs") and not _takes_more(cls):
            text = f"has no place: {cls.__name__} takes nothing beyond its init_args"
            self._wrong((*path, "dict_kwargs"), text)
        return cls

    def _arguments(self, path: Path, cls: type[Any], values: Any) -> None:
        if not isinstance(values, dict):
            self._wrong(path, f"is {values!r}: expected options by name")
            return
        known = options_of(cls)
        for key, value in values.items():
            if key in known:
                self._value((*path, key), known[key][0], value)
                continue
            near = _nearest(str(key), list(known))
            if not near.startswith("did you") and _takes_more(cls):
                near = "what its dataset or model takes goes below dict_kwargs"
            self._wrong((*path, key), f"is no option of {cls.__name__}: {near}")

    def _value(self, path: Path, hint: Any, value: Any) -> None:
        kinds = classes_of(hint)
        if isinstance(value, dict) and "class_path" in value:
            self._spec(path, kinds, value)
            return
        if isinstance(value, list) and any(isinstance(v, dict) for v in value) and kinds:
            for i, item in enumerate(value):
                self._spec((*path, i), kinds, item)
            return
        if kinds and isinstance(value, dict) and self.layer.source == COMMAND_LINE:
            return  # a part of what is in a file, or the last of a list
        if accepts(hint, value):
            return
        if kinds and isinstance(value, str) and path[-1] in ("callbacks", "logger"):
            self._spec(path, kinds, str(value))
            return
        said = expected(hint)
        shown = str(value) if isinstance(value, Raw) else value
        self._wrong(path, f"is {shown!r}: expected {said}{_near(hint, shown)}")


def _nearest(name: str, names: Sequence[str]) -> str:
    """`nearest`, and where nothing is near, names that begin alike."""
    found = nearest(name, names)
    alike = [n for n in names if n.startswith(name) or name.startswith(n)]
    return found if found.startswith("did") or not alike else f"did you mean {' or '.join(alike)}?"


def _near(hint: Any, value: Any) -> str:
    from swath.cli.expected import choices

    names = choices(hint)
    near = nearest(str(value), names) if names else ""
    return f"; {near}" if near.startswith("did you") else ""


_known: dict[type[Any], _Options] = {}


def options_of(cls: type[Any]) -> _Options:
    """Arguments of a class's constructor, as configs may give them: type, and if it must be given.

    Those that it passes on to its bases are among them; jsonargparse finds them by reading.
    """
    if cls not in _known:
        from jsonargparse import ArgumentParser

        parser = ArgumentParser(exit_on_error=False)
        parser.add_class_arguments(cls, fail_untyped=False)
        _known[cls] = parser_options(parser)
    return _known[cls]


def parser_options(parser: Any) -> _Options:
    """Type of each option of a parser, and if it must be given."""
    found: _Options = {}
    for action in parser._actions:
        if action.dest == "help" or action.dest.endswith(".help"):
            continue
        hint = getattr(action, "_typehint", None) or action.type or Any
        if action.default is None and not action.required and hint is not Any:
            hint = Optional[hint]  # noqa: UP045 (not every hint knows `|`)
        found[action.dest] = hint, action.required
    return found


def _takes_more(cls: type[Any]) -> bool:
    """Whether a constructor takes whatever it is given."""
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values())
