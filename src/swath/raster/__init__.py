"""Pixels in and out: tiles of any raster file, a cache of decoded ones, the warp engine."""

from swath.raster.cache import TileCache, set_tile_cache, tile_cache
from swath.raster.headers import HeaderTable, scan_headers
from swath.raster.info import Level, RasterInfo
from swath.raster.source import DirectTiles, Source, open_source, read_info
from swath.raster.threads import get_num_threads, set_num_threads
from swath.raster.write import RasterWriter, write_raster

__all__ = [
    "DirectTiles",
    "HeaderTable",
    "Level",
    "RasterInfo",
    "RasterWriter",
    "Source",
    "TileCache",
    "get_num_threads",
    "open_source",
    "read_info",
    "scan_headers",
    "set_num_threads",
    "set_tile_cache",
    "tile_cache",
    "write_raster",
]
