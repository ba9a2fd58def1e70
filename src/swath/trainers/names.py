"""Names of classes, counted against what a task says of them."""

from __future__ import annotations

from collections.abc import Sequence

from swath.errors import ConfigError

__all__ = ["class_names"]


def class_names(
    task: str, num_classes: int | None, num_labels: int | None, names: Sequence[str] | None
) -> list[str]:
    """A name for each class (two for binary) or label.

    Raises:
        ConfigError: The number is unknown, or the names are another number.
    """
    if task not in ("binary", "multiclass", "multilabel"):
        raise ConfigError(f"task is {task!r}: expected 'binary', 'multiclass' or 'multilabel'")
    if task == "binary":
        option, count = "task 'binary'", 2
        if num_classes not in (None, 1, 2):
            raise ConfigError(f"num_classes is {num_classes} and task 'binary' has 2 classes")
    else:
        option = "num_labels" if task == "multilabel" else "num_classes"
        given = num_labels if task == "multilabel" else num_classes
        found = given if given is not None else (len(names) if names is not None else None)
        if found is None or found < 1:
            raise ConfigError(f"task {task!r} needs {option} (or names of them); got {given}")
        count = found
    if names is not None and len(names) != count:
        raise ConfigError(f"there are {len(names)} names and {option} says {count}: {list(names)}")
    return list(names) if names is not None else [f"class {i}" for i in range(count)]
