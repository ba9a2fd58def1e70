"""Seasonal Contrast: unlabelled Sentinel-2 images of five seasons."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swath.datasets.catalogue import Archive, BandFiles, Benchmark, Info, Rows, RowSource, Site
from swath.datasets.catalogue.windows import pixels_of
from swath.errors import FileMissingError
from swath.typing import Path, Sample

__all__ = ["SeasonalContrastS2"]

_FOLDER = "seasonal_contrast_{version}"
_SIDE = 264
_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_DATES = tuple(f"2020{m:02d}15T154601_2020{m:02d}15T154555_T18QVH" for m in (1, 4, 6, 8, 10))


class _Locations(RowSource):
    """Folders of places, each with a folder a date."""

    def find(self, site: Site) -> Rows:
        folder = site.path(_FOLDER)
        if not os.path.isdir(folder):
            return Rows([])
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.isdigit() and e.is_dir())
        return Rows({"location": name} for name in names)

    def invent(self, site: Site, count: int, start: int) -> list[dict[str, str]]:
        return [{"location": f"{start + i - 1:06d}"} for i in range(count)]


class _Seasons(BandFiles):
    """Some of a place's dates, one after the other in the bands: (seasons * C, 264, 264)."""

    def _dates(self, site: Site, row: Mapping[str, str]) -> list[str]:
        folder = site.path(_FOLDER + "/{location}", row)
        try:
            with os.scandir(folder) as entries:
                dates = sorted(e.name for e in entries if e.is_dir())
        except FileNotFoundError:
            dates = []
        wanted = int(site.fields["seasons"])
        if len(dates) < wanted:
            raise FileMissingError(
                f"{folder} has {len(dates)} dates and {wanted} are asked for: some are missing "
                "from the dataset; fetch it again"
            )
        return dates

    def files(self, site: Site, row: Mapping[str, str]) -> list[str]:
        dates = self._dates(site, row)
        return [f for d in dates for f in super(_Seasons, self).files(site, {**row, "date": d})]

    def read(self, site: Site, row: Mapping[str, str]) -> dict[str, Any]:
        dates = self._dates(site, row)
        chosen = torch.randperm(len(dates))[: int(site.fields["seasons"])].tolist()
        images = []
        for i in chosen:
            for path in super().files(site, {**row, "date": dates[i]}):
                # Each band alone: twice resampled is not the same.
                band = torch.from_numpy(pixels_of(site, path, (0,)).astype(np.float32))
                if tuple(band.shape[-2:]) != (_SIDE, _SIDE):
                    band = torch.nn.functional.interpolate(
                        band[None], (_SIDE, _SIDE), mode="bilinear", align_corners=False
                    )[0]
                images.append(band)
        return {self.key: torch.cat(images)}

    def write(self, site: Site, row: Mapping[str, str], rng: np.random.Generator) -> None:
        for date in _DATES:
            super().write(site, {**row, "date": date}, rng)


class SeasonalContrastS2(Benchmark):
    """Seasonal Contrast: ``image`` (seasons * bands, 264, 264) of a place, without labels.

    A place was seen at five dates, about three months apart. Each access draws `seasons` of them
    by lot (from PyTorch's generator), without one twice; their bands follow one another. Bands of
    20 and 60 m are resampled bilinearly. There are as many samples as there are places in the
    folder: 20,000 in the version ``100k`` and 200,000 in ``1m`` if it is whole.

    Args:
        root: The dataset's folder.
        version: ``"100k"`` or ``"1m"`` images.
        seasons: Dates of a place in a sample, 1 to 5.
        bands: Names of the wanted bands.
        transforms: Called with each sample.
        download: Download what is not there.
        checksum: Compare what is downloaded or extracted with the published digest.
    """

    info = Info(
        title="Seasonal Contrast",
        tasks=("self-supervised", "time series"),
        source="Sentinel-2",
        samples=None,
        size="264x264",
        resolution="10",
        licence="-",
        citation="Mañas et al. 2021, https://arxiv.org/abs/2103.16607",
        homepage="https://github.com/ServiceNow/seasonal-contrast",
    )
    choices = {"version": ("100k", "1m"), "seasons": ("1", "2", "3", "4", "5")}  # noqa: RUF012
    all_band_names = _BANDS
    rgb_bands = ("B4", "B3", "B2")
    #: Of the three bands of pictures: lower end and width of the values that the authors stretch.
    mean = {"B4": 3.0, "B3": 2.0, "B2": 0.0}  # noqa: RUF012
    std = {"B4": 85.0, "B3": 101.0, "B2": 129.0}  # noqa: RUF012
    files = tuple(
        Archive(
            f"seco_{version}.zip",
            f"https://zenodo.org/records/4728033/files/seco_{version}.zip?download=1",
            md5=digest,
            gives=(f"seasonal_contrast_{version}/",),
            when={"version": version},
        )
        for version, digest in (
            ("100k", "ebf2d5e03adc6e657f9a69a20ad863e0"),
            ("1m", "187963d852d4d3ce6637743ec3a4bd9e"),
        )
    )
    rows = _Locations()
    parts = (
        _Seasons(
            _FOLDER + "/{location}/{date}/{band}.tif", size=(66, 66),
            sizes={b: (11, 11) if b in ("B1", "B9") else (33, 33) for b in _BANDS
                   if b not in ("B2", "B3", "B4", "B8")},
        ),
    )  # fmt: skip

    def __init__(
        self,
        root: Path = "data",
        version: str = "100k",
        seasons: int = 1,
        bands: Sequence[str] = rgb_bands,
        transforms: Callable[[Sample], Sample] | None = None,
        download: bool = False,
        checksum: bool = True,
    ) -> None:
        super().__init__(
            root, "", transforms, download, checksum, bands=bands, version=version,
            seasons=str(seasons),
        )  # fmt: skip
        self.version, self.seasons = version, seasons
