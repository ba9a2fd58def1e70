"""What real folders hold that no description promises: grey photographs, palettes, odd tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image as Picture

from swath.datasets.catalogue import Benchmark, Glob, Image, Info, Part
from swath.errors import BandError

pytestmark = pytest.mark.filterwarnings("ignore")
Describe = Callable[..., type[Benchmark]]


def described(*parts: Part, rows: Any = None, **more: Any) -> type[Benchmark]:
    """A dataset without files to fetch."""
    info = Info("T", ("segmentation",), "aerial", None, "varies", "1", "-", "-", "https://a.org")
    body = {"info": info, "parts": parts, "rows": rows or Glob("{name:[a-z0-9]+}.png"), **more}
    return type("Described", (Benchmark,), body)


@pytest.mark.parametrize("bands", [None, ("B", "R")])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_grey_photographs_have_the_promised_channels(
    tmp_path: Path, ending: str, bands: tuple[str, ...] | None
) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Picture.fromarray(grey).save(tmp_path / f"a.{ending}")
    file = "{name}." + ending
    ds = described(Image(file), rows=Glob(file))(tmp_path, bands=bands)
    image = ds[0]["image"]
    assert image.shape == (len(bands or "RGB"), 8, 8)
    for channel in image:
        assert (channel - torch.from_numpy(grey)).abs().max() <= 2  # JPEG's losses


def test_transparency_is_no_band(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 8, 8), dtype=np.uint8)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=8, height=8, count=4,
                       dtype="uint8") as file:  # fmt: skip
        file.write(pixels)
    ds = described(Image("{name}.tif"), rows=Glob("{name}.tif"))(tmp_path)
    assert torch.equal(ds[0]["image"], torch.from_numpy(pixels[:3]).float())


def test_too_few_bands_are_an_error(tmp_path: Path) -> None:
    Picture.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    kind = described(Image("{name}.png"), all_band_names=("R", "G", "B", "NIR"))
    with pytest.raises(BandError, match=r"a\.png has 3 bands where 4"):
        kind(tmp_path)[0]
