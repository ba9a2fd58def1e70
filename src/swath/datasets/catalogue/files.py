"""Lists and other small texts of a dataset."""

from __future__ import annotations

import os
import pathlib

from swath.errors import FileMissingError, UnreadableFileError

__all__ = ["need", "read_text", "write_text"]


def need(path: str) -> None:
    """Raises: FileMissingError: There is no such file."""
    if not os.path.isfile(path):
        raise FileMissingError(
            f"{path} is missing from the dataset: fetch it again (download=True fetches what is "
            "not there)"
        )


def read_text(path: str) -> str:
    """A text file.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is not UTF-8.
    """
    need(path)
    try:
        return pathlib.Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path} is not UTF-8 text ({error}): fetch it again") from error


def write_text(path: str, text: str) -> None:
    """A text file, with the folders that it needs."""
    place = pathlib.Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
