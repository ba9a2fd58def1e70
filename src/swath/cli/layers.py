"""What a command line says, as layers: each config file, and the options beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from swath.cli.classes import PLACES, full_name
from swath.errors import ConfigError

__all__ = ["COMMAND_LINE", "Layer", "Path", "Raw", "read_layers", "with_full_names"]

COMMAND_LINE = "command line"
Path = tuple[str | int, ...]


class Raw(str):
    """A value as it was typed, which may be read as whatever its option takes."""

    __slots__ = ()


@dataclass
class Layer:
    """One source of options.

    Attributes:
        source: The file, or `COMMAND_LINE`.
        values: As nested dicts; `Raw` leaves where they were typed.
        lines: Where each key stands in the file.
        twice: Keys that stand there twice, with both lines.
    """

    source: str
    values: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[tuple[Path, int, int]] = field(default_factory=list)


def read_layers(argv: Sequence[str]) -> list[Layer]:
    """The configs that are named, in order, and the other options as the last layer.

    Raises:
        ConfigError: A config that is missing or is no YAML.
    """
    layers: list[Layer] = []
    typed: dict[str, Any] = {}
    for name, value in _options(argv):
        if name in ("config", "c"):
            layers.append(read_config(value or ""))
        elif name and value is not None and not (_asks(name) or name.endswith("+")):
            _put(typed, name.split("."), Raw(value))
    return [*layers, Layer(COMMAND_LINE, typed)]


def read_config(path: str) -> Layer:
    """A YAML file, and where everything stands in it."""
    from jsonargparse import get_loader

    if path.lstrip()[:1] == "{" or "\n" in path:  # the text itself, which jsonargparse takes too
        text, source = path, "--config"
    elif not os.path.isfile(path):
        raise ConfigError(f"--config {path} does not exist: swath init writes one")
    else:
        source = path
        with open(path, encoding="utf-8") as file:
            text = file.read()
    try:
        node, values = yaml.compose(text, yaml.SafeLoader), get_loader("yaml")(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = "" if where is None else f", line {where.line + 1}, column {where.column + 1}"
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{source}{line}: this is no YAML: {what}") from error
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise ConfigError(f"{source}: expected options by name (trainer:, model:, data:)")
    layer = Layer(source, values)
    _note_lines(node, (), layer)
    return layer


def with_full_names(argv: Sequence[str], layers: Sequence[Layer]) -> list[str]:
    """The command line with every short class name in it, and in its configs, written out."""
    configs = iter(layers)
    written: list[str] = []
    for name, value in _options(argv):
        if name in ("config", "c"):
            layer = next(configs)
            full = _expanded(layer.values, "")
            text = value if full == layer.values else yaml.safe_dump(full, sort_keys=False)
            written.append(f"--config={text}")
            continue
        if not name:
            written.append(str(value))
            continue
        option = name.removesuffix("+").removesuffix(".help").removesuffix(".class_path")
        last = option.rpartition(".")[2]
        if value is not None and last in PLACES:
            value = full_name(value, last)
        split = name.endswith(".help") and value is not None
        written += [f"--{name}", str(value)] if split else [
            f"--{name}" if value is None else f"--{name}={value}"
        ]  # fmt: skip
    return written


def _expanded(value: Any, option: str) -> Any:
    if isinstance(value, list):
        return [_expanded(v, option) for v in value]
    if isinstance(value, dict):
        return {k: _expanded(v, option if k == "class_path" else k) for k, v in value.items()}
    return full_name(value, option) if isinstance(value, str) else value


def _asks(name: str) -> bool:
    return name in ("help", "h", "print_config", "print_shtab") or name.endswith(".help")


def _options(argv: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Name and value of each option; a value is None where there is none."""
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            yield "", word  # argparse says what is wrong with it
            continue
        name, sign, value = word.lstrip("-").partition("=")
        if not sign and rest and (not rest[0].startswith("-") or _is_number(rest[0])):
            yield name, rest.pop(0)
        else:
            yield name, value if sign else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _put(tree: dict[str, Any], keys: list[str], value: Raw) -> None:
    """A typed option, in its place: ``--model.lr 1`` is jsonargparse's short form."""
    from jsonargparse import get_loader

    if keys[0] in ("model", "data"):
        if len(keys) == 1:
            keys = [keys[0], "class_path"]
        elif keys[1] not in ("class_path", "init_args", "dict_kwargs"):
            keys = [keys[0], "init_args", *keys[1:]]
    for key in keys[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    found: Any = value
    if value.lstrip()[:1] in ("{", "["):
        try:
            found = get_loader("yaml")(str(value))
        except yaml.YAMLError:
            found = value
    if keys[-1] == "class_path" and isinstance(found, dict):
        tree.update(found)
    else:
        tree[keys[-1]] = found if isinstance(found, dict | list) else value


def _note_lines(node: Any, path: Path, layer: Layer) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen and name != "<<":
                layer.twice.append(((*path, name), seen[name], line))
            seen[name] = line
            layer.lines.setdefault((*path, name), line)
            _note_lines(value, (*path, name), layer)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            layer.lines.setdefault((*path, i), value.start_mark.line + 1)
            _note_lines(value, (*path, i), layer)
