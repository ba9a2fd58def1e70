"""Class tables as text: code, colour and name, a class a line."""

from __future__ import annotations

__all__ = ["colour_table"]


def colour_table(
    text: str,
) -> tuple[dict[int, str], dict[int, tuple[int, int, int, int]]]:
    """Names and colours (red, green, blue, 255) by code, from lines such as ``11 466b9f Water``."""
    names: dict[int, str] = {}
    colours: dict[int, tuple[int, int, int, int]] = {}
    for line in text.strip().splitlines():
        code, colour, name = line.split(maxsplit=2)
        names[int(code)] = name
        red, green, blue = bytes.fromhex(colour)
        colours[int(code)] = (red, green, blue, 255)
    return names, colours
