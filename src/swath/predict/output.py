"""What is written of a prediction: classes with colours, probabilities, or values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path as LocalPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swath.errors import ConfigError
from swath.geometry import Grid
from swath.raster.write import RasterWriter
from swath.typing import Path

__all__ = ["Legend", "MapWriter", "Output"]

Output = Literal["classes", "probabilities", "regression"]

_CONFIDENCE_NODATA = 255


@dataclass(frozen=True)
class Legend:
    """What the channels of a model mean, in their order.

    Args:
        values: The pixel value of each class in a map.
        names: The name of each class.
        colours: (red, green, blue[, alpha]) of each class.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    colours: tuple[tuple[int, ...], ...]

    @classmethod
    def of(
        cls,
        count: int,
        classes: Sequence[str] | Mapping[int, str] | None = None,
        values: Sequence[int] | None = None,
        colours: Sequence[Sequence[int]] | Mapping[int, Sequence[int]] | None = None,
    ) -> Legend:
        """Fill in what is left out.

        Args:
            count: Number of classes.
            classes: Names in the order of the channels, or by pixel value in that order.
            values: Pixel values in the order of the channels; 0, 1, … if left out.
            colours: In the order of the channels, or by pixel value.

        Raises:
            ConfigError: The parts differ in length, or values are not distinct and in 0 to 65535.
        """
        if isinstance(classes, Mapping):
            if values is not None and list(values) != list(classes):
                raise ConfigError(
                    f"values {list(values)} are not those that classes names, {list(classes)}"
                )
            values, names = list(classes), list(classes.values())
        else:
            names = list(classes) if classes is not None else []
        codes = [int(v) for v in values] if values is not None else list(range(count))
        names = [str(name) for name in names] or [f"class {v}" for v in codes]
        for what, given in (("values", codes), ("classes", names)):
            if len(given) != count:
                raise ConfigError(
                    f"the model tells {count} classes apart, and {len(given)} {what} are given: "
                    f"{given}"
                )
        if len(set(codes)) != count or not all(0 <= v <= 0xFFFF for v in codes):
            raise ConfigError(
                f"the values of classes in a map are distinct whole numbers from 0 to 65535, "
                f"got {codes}"
            )
        if colours is not None and not isinstance(colours, Mapping):
            if len(colours) != count:
                raise ConfigError(f"{len(colours)} colours are given for {count} classes")
            colours = dict(zip(codes, colours, strict=True))
        from swath.plot.image import class_table

        table = class_table(dict(zip(codes, names, strict=True)), colours)
        return cls(tuple(codes), tuple(names), tuple(table[v][1] for v in codes))

    def spare(self) -> int:
        """A value that no class has: 255, or else the largest free one."""
        free = (v for v in (255, *range(254, -1, -1), 0xFFFF) if v not in self.values)
        return next(free)


@dataclass
class MapWriter:
    """Turns blended values into the files of a map. A context manager, all or nothing.

    Args:
        path: The map.
        grid: Where it lies.
        output: classes, probabilities or regression.
        channels: Of the blended values; one channel of classes is the probability of class 1.
        names: Band names of probabilities or regression.
        legend: Of classes.
        nodata: By default 255 or a free value for classes, NaN else.
        confidence: Where to write the probability of the chosen class, in percent.
        threshold: From which probability on a pixel is class 1, where there is one channel.
        tags: Metadata of the files.
        compress: See `RasterWriter`.
    """

    path: Path
    grid: Grid
    output: Output
    channels: int
    names: Sequence[str] = ()
    legend: Legend | None = None
    nodata: float | None = None
    confidence: Path | None = None
    threshold: float = 0.5
    tags: Mapping[str, object] = field(default_factory=dict)
    compress: str = "deflate"
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._stack = ExitStack()
        self._sure: RasterWriter | None = None
        self.counts = np.zeros(len(self.legend.values) if self.legend else 0, np.int64)
        self.known = 0
        options: dict[str, Any] = {"tags": self.tags, "compress": self.compress}
        if self.output != "classes":
            self.nodata = float("nan") if self.nodata is None else self.nodata
            options |= {"count": self.channels, "dtype": "float32"}
            options |= {"descriptions": list(self.names) or None, "nodata": self.nodata}
        elif self.legend is not None:
            options |= self._class_options(self.legend)
        self._map = self._stack.enter_context(RasterWriter(self.path, self.grid, **options))
        if self.confidence is not None:
            try:
                self._sure = self._stack.enter_context(
                    RasterWriter(
                        self.confidence,
                        self.grid,
                        nodata=_CONFIDENCE_NODATA,
                        descriptions=["confidence in percent"],
                        overview_resampling="average",
                        tags=self.tags,
                        compress=self.compress,
                    )
                )
            except BaseException:
                self._map.abort()
                raise

    def _class_options(self, legend: Legend) -> dict[str, Any]:
        if self.nodata is None:
            self.nodata = legend.spare()
        if self.nodata != int(self.nodata) or not 0 <= self.nodata <= 0xFFFF:
            raise ConfigError(
                f"nodata of a map of classes is a whole number from 0 to 65535, got {self.nodata}"
            )
        self.nodata = int(self.nodata)
        if self.nodata in legend.values:
            raise ConfigError(
                f"nodata {self.nodata} is the value of class "
                f"{legend.names[legend.values.index(self.nodata)]!r}; choose one that no class "
                f"has, such as {legend.spare()}"
            )
        top = max(*legend.values, self.nodata)
        self._codes = np.array(legend.values, np.uint8 if top <= 0xFF else np.uint16)
        return {
            "dtype": self._codes.dtype,
            "nodata": self.nodata,
            "colormap": dict(zip(legend.values, legend.colours, strict=True)),
            "classes": dict(zip(legend.values, legend.names, strict=True)),
            "descriptions": ["class"],
        }

    def __enter__(self) -> MapWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def write(
        self, values: NDArray[np.float64], known: NDArray[np.bool_], row: int, col: int
    ) -> None:
        """Write a part.

        Args:
            values: (channels, h, w).
            known: (h, w): False becomes nodata.
            row: First row.
            col: First column.
        """
        self.known += int(known.sum())
        if self.output != "classes":
            fill = np.nan if self.nodata is None else self.nodata
            self._map.write(np.where(known, values, fill).astype(np.float32), row, col)
            return
        one = len(values) == 1
        best = (values[0] >= self.threshold).astype(np.intp) if one else values.argmax(0)
        self.counts += np.bincount(best[known], minlength=len(self.counts))
        codes = np.where(known, self._codes[best], self._codes.dtype.type(self.nodata))
        self._map.write(codes, row, col)
        if self._sure is not None:
            sure = np.where(best == 1, values[0], 1 - values[0]) if one else values.max(0)
            percent = np.rint(np.clip(sure, 0, 1) * 100)
            self._sure.write(
                np.where(known, percent, _CONFIDENCE_NODATA).astype(np.uint8), row, col
            )


def confidence_path(path: Path, confidence: bool | Path) -> LocalPath | None:
    """Where the confidence goes: ``<name>_confidence.tif`` beside the map, or as said."""
    if confidence is True:
        place = LocalPath(os.fspath(path))
        return place.with_name(f"{place.stem}_confidence{place.suffix or '.tif'}")
    if confidence is False:
        return None
    return LocalPath(os.fspath(confidence))
