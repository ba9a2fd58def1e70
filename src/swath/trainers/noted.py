"""What an object is made with, noted before anything changes it."""

from __future__ import annotations

from typing import Any

from swath.trainers.settings import given_settings

__all__ = ["Noted"]


class Noted:
    """Has ``given``, its arguments by name, and ``told``, those that are not None."""

    # A class of its own, because jsonargparse takes the options of a class with a `__new__` from
    # that, and not from `__init__`.
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Note what the task is made with, before any ``__init__`` changes it."""
        self = super().__new__(cls)
        given = given_settings(cls, args, kwargs)
        object.__setattr__(self, "given", given)
        object.__setattr__(self, "told", frozenset(k for k, v in given.items() if v is not None))
        return self
