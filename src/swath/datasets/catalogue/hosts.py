"""Addresses of hosts that hand files out in ways of their own."""

from __future__ import annotations

__all__ = ["google_drive"]


def google_drive(number: str) -> str:
    """The address of a public file's bytes.

    ``https://drive.google.com/file/d/NUMBER`` is a page about the file, and for large files
    ``uc?id=NUMBER`` is a page that asks whether one is sure: this one has been told so.

    Args:
        number: Of the file, as its page's address has it.
    """
    return f"https://drive.usercontent.google.com/download?id={number}&export=download&confirm=t"
