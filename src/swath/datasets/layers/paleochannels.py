"""Palaeochannels of the Chaco."""

from __future__ import annotations

import numpy as np

from swath.datasets.catalogue.description import File, Info
from swath.datasets.catalogue.layer_parts import Raster
from swath.datasets.layers.published import MaskLayer

__all__ = ["Paleochannels"]

#: Tile, and the commit of the repository that has its mask.
_TILES = {
    "T20KNA": "198fd30aabd8cd4c67809dcc7bdd1beb316488bb",
    "T20KNB": "6117a3d536b858d6ee64cf606d5dc3a8728d9bca",
    "T20KPC": "354e01b55d1117f68f5cc7ad911aba57922c59bf",
    "T20KQV": "dd6a17c9f0e64c01b9a70a4946a77866db9d0f59",
    "T20KRA": "4b2870a8160f6c0b365d4747a4bb891f3fa8d295",
    "T21KXP": "dd6a17c9f0e64c01b9a70a4946a77866db9d0f59",
}
_URL = "https://raw.githubusercontent.com/giodueck/torchbearer/{}/masks/{}.tif"
_CHANNEL = np.ones(256, np.int64)
_CHANNEL[0] = 0


class Paleochannels(MaskLayer):
    """Old river beds of the Gran Chaco, drawn on six Sentinel-2 tiles at 60 m.

    Files are ``masks/T20KNA.tif`` and so on, as Sentinel-2 names its tiles (EPSG:32720, and 32721
    for T21KXP). ``mask`` is 1 on a palaeochannel, which is whatever is not 0 in a file's first
    band, and 0 elsewhere. Together with `Sentinel2` scenes of the same tiles it makes a training
    set: ``Sentinel2(scenes, res=60) & Paleochannels(root)``.

    Each file is taken from the commit in which it is known to be; of some there are other
    versions. No checksums are published, so a download is not verified.
    """

    info = Info(
        title="Palaeochannel masks of the Gran Chaco",
        tasks=("segmentation",),
        source="Sentinel-2",
        samples=6,
        size="1830x1830",
        resolution="60",
        licence="MIT",
        citation="https://github.com/giodueck/torchbearer",
        homepage="https://github.com/giodueck/torchbearer",
    )
    published = tuple(
        File(f"masks/{tile}.tif", _URL.format(commit, tile)) for tile, commit in _TILES.items()
    )
    whole = False
    filename_glob = "T2?K??.tif"
    filename_regex = r"^T(?P<tile>2[01]K[A-Z]{2})\.tif$"
    all_bands = ("mask",)
    class_map = _CHANNEL
    default_nodata = 0.0
    classes_by_value = {0: "Background", 1: "Palaeochannel"}  # noqa: RUF012
    cmap = {0: (30, 30, 30, 255), 1: (240, 190, 60, 255)}  # noqa: RUF012
    parts = (Raster("masks/{tile}.tif", values=(0, 255), crs="EPSG:327{zone}", res=60.0),)
    examples = tuple({"tile": tile, "zone": tile[1:3]} for tile in _TILES)
