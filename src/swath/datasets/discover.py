"""Looks at folders of imagery and labels and says how they are laid out. Reads headers only.

The answer is what `RasterDataset` wants to know: which files, one file a band or all bands in one,
the bands' names, the expression that finds a band in a file's name, the dates.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from swath.datasets.filenames import band_token, parse_date
from swath.errors import BandError, DatasetNotFoundError, UnsupportedDataError
from swath.raster import RasterInfo, read_info
from swath.typing import Path

__all__ = ["ImageLayout", "LabelLayout", "Scene", "discover_images", "discover_labels"]

RASTERS = (".tif", ".tiff", ".jp2", ".img", ".vrt", ".bil", ".asc")
VECTORS = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".parquet", ".gml", ".kml")


@dataclass(frozen=True)
class Scene:
    """One acquisition: the file of each band (all the same file where it holds all bands)."""

    name: str
    files: dict[str, str]
    date: tuple[pd.Timestamp, pd.Timestamp] | None

    @property
    def info(self) -> RasterInfo:
        """Header of the scene's finest file."""
        return min((read_info(p) for p in set(self.files.values())), key=lambda i: i.grid.res)


@dataclass(frozen=True)
class ImageLayout:
    """How a folder of images is laid out.

    Attributes:
        scenes: The acquisitions, in order of their names.
        bands: Names of the bands that every scene has, in order.
        separate_files: Each band is a file of its own.
        filename_regex: Finds ``band`` in a file's name (``re.VERBOSE``), as `RasterDataset` wants.
        left_out: Files in the folder that are no part of it, and why.
    """

    scenes: tuple[Scene, ...]
    bands: tuple[str, ...]
    separate_files: bool
    filename_regex: str
    left_out: tuple[tuple[str, str], ...] = ()

    def check_bands(self, bands: Sequence[str] | None) -> tuple[str, ...]:
        """`bands`, or all of them. Raises BandError for a band that some scene does not have."""
        for band in bands or ():
            if band not in self.bands:
                raise BandError(
                    f"there is no band {band!r} in every scene of {_folder(self.scenes)}; "
                    f"the bands there are {', '.join(self.bands)}"
                )
        return tuple(bands or self.bands)

    def files_of(self, bands: Sequence[str]) -> list[str]:
        """One file a scene, of the finest of `bands`: what the index is made of."""
        files = []
        for scene in self.scenes:
            if self.separate_files:
                own = [scene.files[band] for band in bands]
                files.append(min(own, key=lambda path: read_info(path).grid.res))
            else:
                files.append(scene.files[bands[0]])
        return files


@dataclass(frozen=True)
class LabelLayout:
    """Label files of one kind, their dates, and what they say of their classes.

    Attributes:
        kind: ``"raster"`` or ``"vector"``.
        names: Class names by value, where a raster file carries them.
        colors: RGBA by value, where a raster file carries a colour table.
    """

    kind: str
    files: tuple[str, ...]
    dates: tuple[tuple[pd.Timestamp, pd.Timestamp] | None, ...]
    names: dict[int, str] = field(default_factory=dict)
    colors: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)


def discover_images(
    paths: Path | Iterable[Path], exclude: Path | Iterable[Path] = ()
) -> ImageLayout:
    """Inspect images: folders (searched to the bottom), files, or glob patterns.

    Args:
        paths: Where the images are.
        exclude: Files or folders that are something else (the labels in the same folder, say).

    Raises:
        DatasetNotFoundError: No raster file is there.
    """
    roots = _listed(paths)
    barred = {os.path.abspath(p) for p in _walk(_listed(exclude), RASTERS, missing_ok=True)}
    files = [p for p in _walk(roots, RASTERS) if os.path.abspath(p) not in barred]
    if not files:
        raise DatasetNotFoundError(
            f"no images in {', '.join(roots)}: expected files that end in {', '.join(RASTERS)}"
        )
    singles: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    multis: dict[int, list[str]] = defaultdict(list)
    for path in files:
        stem, _ = os.path.splitext(os.path.basename(path))
        token = band_token(stem)
        count = read_info(path).count
        if count == 1 and token is not None:
            band, start, end = token
            singles[os.path.dirname(path), f"{stem[:start]}\0{stem[end:]}"][band] = path
        else:
            multis[count].append(path)
    common = max(multis, key=lambda c: (c > 1, len(multis[c])), default=0)
    several = sum(len(bands) for bands in singles.values())
    # A folder of band files often holds the elevation or the labels too, and a folder of
    # multi-band scenes a stray preview: the images are whichever kind brings more bands.
    if (several > len(singles) and common <= 1) or several > common * len(multis[common]):
        return _separate(roots, singles, [p for c in multis.values() for p in c])
    others = [p for c, ps in multis.items() if c != common for p in ps]
    others += [p for bands in singles.values() for p in bands.values()]
    return _stacked(roots, multis[common], others)


def _separate(
    roots: list[str], groups: dict[tuple[str, str], dict[str, str]], rest: list[str]
) -> ImageLayout:
    """One file a band: a scene is the files whose names differ in the band alone."""
    left = [(p, "no band in its name, where the others have one") for p in rest]
    most = max(len(bands) for bands in groups.values())
    counted = Counter(band for bands in groups.values() for band in bands)
    full = [band for band, n in counted.items() if n == len(groups)]
    if not full:  # scenes of different products: keep those that look like the fullest one
        best = set(next(bands for bands in groups.values() if len(bands) == most))
        alike = {key: bands for key, bands in groups.items() if best <= set(bands)}
        left += [
            (path, f"its scene has not the bands {', '.join(_in_order(best))}")
            for key, bands in groups.items()
            if key not in alike
            for path in bands.values()
        ]
        groups, full = alike, list(best)
    names = _in_order(full)
    scenes = []
    for (folder, pattern), bands in sorted(groups.items()):
        some = bands[names[0]]
        name = pattern.replace("\0", "").strip("_-. ") or os.path.basename(folder)
        left += [(p, f"band {b} is not in every scene") for b, p in bands.items() if b not in full]
        scenes.append(Scene(name, {b: bands[b] for b in names}, _date_of(some, roots)))
    either = "|".join(sorted((re.escape(name) for name in names), key=len, reverse=True))
    regex = rf"^(?:.*[^A-Za-z0-9])?(?P<band>{either})(?:[^A-Za-z0-9].*)?\.[A-Za-z0-9]+$"
    return ImageLayout(tuple(scenes), tuple(names), True, regex, tuple(left))


def _stacked(roots: list[str], files: list[str], others: list[str]) -> ImageLayout:
    """All bands in one file: named as the files describe them, else by number."""
    info = read_info(files[0])
    described = [d for d in info.descriptions if d]
    named = len(set(described)) == info.count and all(
        read_info(p).descriptions == info.descriptions for p in files
    )
    bands = described if named else [f"b{i + 1}" for i in range(info.count)]
    scenes = [
        Scene(os.path.splitext(os.path.basename(p))[0], dict.fromkeys(bands, p), _date_of(p, roots))
        for p in files
    ]
    left = tuple((p, f"it has not {info.count} band(s), as the others have") for p in others)
    return ImageLayout(tuple(scenes), tuple(bands), False, ".*", left)


def discover_labels(paths: Path | Iterable[Path]) -> LabelLayout:
    """Inspect labels: raster or vector files, folders of one kind, or glob patterns.

    Raises:
        DatasetNotFoundError: Neither kind is there.
        UnsupportedDataError: Both kinds are there, or a raster whose pixels are no whole numbers.
    """
    roots = _listed(paths)
    rasters, vectors = _walk(roots, RASTERS), _walk(roots, VECTORS)
    if rasters and vectors:
        raise UnsupportedDataError(
            f"{', '.join(roots)} holds raster labels ({os.path.basename(rasters[0])}…) and vector "
            f"labels ({os.path.basename(vectors[0])}…): name the files of one kind"
        )
    if not rasters and not vectors:
        raise DatasetNotFoundError(
            f"no labels in {', '.join(roots)}: expected raster files "
            f"({', '.join(RASTERS)}) or vector files ({', '.join(VECTORS)})"
        )
    files = rasters or vectors
    dates = tuple(_date_of(p, roots) for p in files)
    if vectors:
        return LabelLayout("vector", tuple(files), dates)
    info = read_info(files[0])
    if info.count != 1:
        raise UnsupportedDataError(
            f"{files[0]} has {info.count} bands: a label raster has one, with a code a class"
        )
    used = {} if info.colormap is None else dict(info.colormap)
    grey = all(rgba[:3] == (v, v, v) for v, rgba in used.items())
    return LabelLayout(
        "raster", tuple(files), dates, _category_names(files[0]), {} if grey else used
    )


def _category_names(path: str) -> dict[int, str]:
    """Class names by value from the sidecar that GDAL and ArcGIS write, if there is one."""
    try:
        with open(path + ".aux.xml", encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return {}
    names = re.findall(r"<Category>([^<]*)</Category>|<Category\s*/>", text)
    return {value: name.strip() for value, name in enumerate(names) if name.strip()}


def _listed(paths: Path | Iterable[Path]) -> list[str]:
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    return [os.fspath(p) for p in paths]


def _walk(roots: Sequence[str], endings: tuple[str, ...], missing_ok: bool = False) -> list[str]:
    """Files with one of `endings`, sorted; hidden files and folders are passed over."""
    found: set[str] = set()
    for root in roots:
        if os.path.isdir(root):
            for folder, below, names in os.walk(root):
                below[:] = sorted(d for d in below if not d.startswith("."))
                found.update(
                    os.path.join(folder, n)
                    for n in names
                    if n.lower().endswith(endings) and not n.startswith(".")
                )
        elif os.path.isfile(root) or "://" in root or root.startswith("/vsi"):
            found.update([root] if root.lower().endswith(endings) else [])
        else:
            matches = glob.glob(root, recursive=True)
            if not matches and not missing_ok:
                raise DatasetNotFoundError(f"{root} does not exist (no folder, file or pattern)")
            found.update(p for p in matches if p.lower().endswith(endings))
    return sorted(found)


def _date_of(path: str, roots: Sequence[str]) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The date in a file's name, or in the nearest folder below one of `roots`."""
    date = parse_date(os.path.splitext(os.path.basename(path))[0])
    folder = os.path.dirname(os.path.abspath(path))
    tops = {os.path.abspath(root) for root in roots}
    for _ in range(3):  # higher up, a year is somebody's filing and not the scene's date
        if date is not None:
            break
        date = parse_date(os.path.basename(folder))
        if folder in tops:
            break
        folder = os.path.dirname(folder)
    return date


def _in_order(bands: Iterable[str]) -> list[str]:
    """Bands by number (8A behind 8), then by name."""

    def key(band: str) -> tuple[int, int, str]:
        number = re.search(r"\d+", band)
        return (0, int(number.group()), band) if number else (1, 0, band)

    return sorted(bands, key=key)


def _folder(scenes: Sequence[Scene]) -> str:
    paths = [os.path.dirname(p) or "." for scene in scenes for p in scene.files.values()]
    return os.path.commonpath(paths) if paths else "."
