"""CV4A: crops of western Kenya in a season of Sentinel-2 images."""

from __future__ import annotations

from typing import Any

import torch

from swath.datasets.catalogue import Folder, Info, Mask, Site, Value
from swath.datasets.catalogue.chips import BandDates, ChipBenchmark, Chips, InChip
from swath.datasets.catalogue.parts import Row

__all__ = ["CV4AKenyaCropType"]

_DATES = (
    "20190606", "20190701", "20190706", "20190711", "20190721", "20190805", "20190815",
    "20190825", "20190909", "20190919", "20190924", "20191004", "20191103",
)  # fmt: skip
_SIZE = (64, 48)


class _Ids(Mask):
    """Numbers of fields: int32 (H, W)."""

    def read(self, site: Site, row: Row) -> dict[str, Any]:
        return {key: value.to(torch.int32) for key, value in super().read(site, row).items()}


class CV4AKenyaCropType(ChipBenchmark):
    """CV4A Kenya: ``image`` (13, 13, 256, 256) of dates and bands, ``mask``, ``field_ids``.

    Four tiles of 3035 by 2016 pixels are cut into chips of `chip_size`, `stride` apart; ``y``,
    ``x`` and ``tile_index`` say where a chip is from. The mask is the crop's number, 0 where there
    is none (or none published: fields of the competition's test), as int64 like other masks;
    ``field_ids`` (H, W) is the field's. Bands are Sentinel-2's at 10 m, and CLD, the probability
    of clouds in percent.
    """

    info = Info(
        title="CV4A Kenya Crop Type Competition",
        tasks=("segmentation", "time series"),
        source="Sentinel-2",
        samples=1_380,
        size="256x256",
        resolution="10",
        licence="-",
        citation="Radiant Earth Foundation 2020, https://doi.org/10.34911/RDNT.DW605X",
        homepage="https://source.coop/radiantearth/african-crops-kenya-02",
        account="It is published file by file, and not in an archive (azcopy fetches it from "
        "https://radiantearth.blob.core.windows.net/mlhub/kenya-crop-challenge)",
    )
    dates = _DATES
    tiles = ("0", "1", "2", "3")
    all_band_names = (
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12", "CLD",
    )  # fmt: skip
    rgb_bands = ("B04", "B03", "B02")
    files = (Folder("data"),)
    rows = Chips("data/{tile:[0-9]+}/{tile}_label.tif", {"tile": tiles})
    parts = (
        InChip(BandDates("data/{tile}/{date}/{tile}_{band}_{date}.tif", _DATES, size=_SIZE,
                         dtype="float32")),
        InChip(Mask("data/{tile}/{tile}_label.tif", written=range(8), size=_SIZE)),
        InChip(_Ids("data/{tile}/{tile}_field_id.tif", "field_ids", written=range(9),
                    dtype="int32", size=_SIZE)),
        Value("tile", "tile_index", dtype="int64"),
        Value("x", "x", dtype="int64"),
        Value("y", "y", dtype="int64"),
    )  # fmt: skip
