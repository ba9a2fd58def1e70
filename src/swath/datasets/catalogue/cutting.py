"""Whole scenes cut into the tiles that a dataset's lists name."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np

from swath.datasets.catalogue.files import read_text
from swath.datasets.catalogue.windows import image_shape, read_window
from swath.errors import FileMissingError, SwathError, UnreadableFileError, WriteError

__all__ = ["cut_listed", "tile_places"]

#: Left inside the folder of tiles once all are there.
MARK = ".cut"


def tile_places(height: int, width: int, side: int, *, holes: bool) -> dict[int, tuple[int, int]]:
    """Number -> (top, left) of the tiles of a scene, row by row, those that fit in whole.

    Args:
        height: Rows of the scene.
        width: Columns of the scene.
        side: Of a tile.
        holes: Whether tiles that would leave the scene have numbers too, which are then missing.
    """
    across = -(-width // side) if holes else width // side
    return {
        row * across + column: (row * side, column * side)
        for row in range(height // side)
        for column in range(width // side)
    }


def cut_listed(
    images: pathlib.Path,
    masks: pathlib.Path,
    out: pathlib.Path,
    side: int,
    lists: Sequence[pathlib.Path],
) -> None:
    """Cut ``NAME.tif`` of two folders into ``NAME_NUMBER.jpg`` and ``NAME_NUMBER_m.png``.

    Which tiles there are, and how they are counted, follows from the lists: a wrong count would
    put tiles of the training split into the test one. Tiles are written beside `out`, which is
    there only once all of them are.

    Args:
        images: Folder of scenes, GeoTIFFs of three bands.
        masks: Folder of their masks, of the same names.
        out: Folder of the tiles.
        side: Of a tile in pixels.
        lists: Text files of a tile's name a line; together they name every tile.

    Raises:
        FileMissingError: A list, a scene or its mask is not there.
        UnreadableFileError: The lists do not name the tiles of these scenes.
        WriteError: The tiles cannot be written.
    """
    named: dict[str, set[int]] = {}
    for path in lists:
        for line in filter(None, map(str.strip, read_text(str(path)).splitlines())):
            scene, _, number = line.rpartition("_")
            if not number.isdigit() or not scene or "/" in scene or scene.startswith("."):
                raise UnreadableFileError(
                    f"{path}: {line[:80]!r} is no tile's name: expected NAME_NUMBER; fetch it again"
                )
            named.setdefault(scene, set()).add(int(number))
    places = _places(images, named, side)
    beside = out.with_name(f".{out.name}.cutting-{os.getpid()}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        for scene, tiles in places.items():
            _cut(images / f"{scene}.tif", masks / f"{scene}.tif", beside, side, tiles)
        (beside / MARK).write_text(json.dumps({"tiles": sum(map(len, places.values()))}))
        if not out.is_dir():  # another process may have been faster
            beside.rename(out)
    except SwathError:
        raise
    except OSError as error:
        if not out.is_dir():
            raise WriteError(
                f"the tiles cannot be written to {out}: {error}. Make room, or the folder writable"
            ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _places(
    images: pathlib.Path, named: dict[str, set[int]], side: int
) -> dict[str, dict[int, tuple[int, int]]]:
    """Where the tiles of each scene lie: counted in the way in which the lists count them."""
    shapes = {scene: image_shape(str(images / f"{scene}.tif")) for scene in sorted(named)}
    for holes in (True, False):
        places = {s: tile_places(*shape, side, holes=holes) for s, shape in shapes.items()}
        if all(named[scene] <= set(tiles) for scene, tiles in places.items()):
            return places
    scene = next(s for s in places if not named[s] <= set(places[s]))
    wrong = sorted(named[scene] - set(places[scene]))[0]
    raise UnreadableFileError(
        f"the lists name the tile {scene}_{wrong}, which {images / scene}.tif of "
        f"{shapes[scene][0]} by {shapes[scene][1]} pixels does not have: lists and scenes are not "
        "of one release; fetch both again"
    )


def _cut(
    image: pathlib.Path,
    mask: pathlib.Path,
    out: pathlib.Path,
    side: int,
    tiles: dict[int, tuple[int, int]],
) -> None:
    from PIL import Image

    if not mask.is_file():
        raise FileMissingError(f"{mask} is missing from the dataset: fetch it again")
    for number, (top, left) in tiles.items():
        window = (top, left, side, side)
        pixels = read_window(str(image), window, (0, 1, 2)).transpose(1, 2, 0)
        name = f"{image.stem}_{number}"
        Image.fromarray(np.ascontiguousarray(pixels)).save(out / f"{name}.jpg", quality=95)
        truth = np.ascontiguousarray(read_window(str(mask), window, (0,))[0])
        Image.fromarray(truth).save(out / f"{name}_m.png")
