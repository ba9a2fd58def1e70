"""Draws docs/first-layer.png: what fitting to other bands does to a first layer.

python docs/figures/first_layer.py SCENE [--png docs/first-layer.png]

SCENE is a folder with a Sentinel-2 scene, a file a band (B02.tif … B12.tif), reflectance × 10,000.
The kernels are no published ones: they are those of a network of two layers that learns here, in a
minute, to fill in what is hidden of the scene. The mixing is exactly what a published checkpoint
would get.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.enums import Resampling
from torch import Tensor, nn

from swath.models import Preset, WeightsEnum, fit_bands, weight
from swath.models.adapt import adapt_kernel
from swath.plot import plot_band_fit, save_figure
from swath.sensors import SENSORS, find_sensor

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
#: Bands of three other satellites, one of each thing that can happen.
TARGETS = (
    "landsat8:B2", "landsat8:B3", "landsat8:B4", "landsat1:B6", "landsat8:B5", "modis:B2",
    "landsat8:B6",
)  # fmt: skip
SIZE, KERNEL, FILTERS = 48, 7, 8


class FirstLayer_Weights(WeightsEnum):  # noqa: N801
    """The network that is trained here, as if it had been published."""

    RED_CLOVER = weight(
        "https://example.org/first-layer.pth", Preset(0, 10000, bands=BANDS), model="two layers",
        dataset="one scene", publication="https://example.org", repo="https://example.org",
        sensor="sentinel2", bands=BANDS, units="s2_dn",
    )  # fmt: skip


def scene(folder: Path) -> Tensor:
    """(bands, height, width), each band standardised, all on the grid of B02."""
    with rasterio.open(folder / "B02.tif") as first:
        shape = first.shape
    layers = []
    for band in BANDS:
        with rasterio.open(folder / f"{band}.tif") as file:
            pixels = file.read(1, out_shape=shape, resampling=Resampling.bilinear).astype("float32")
        valid = pixels[pixels > 0]
        layers.append(np.where(pixels > 0, (pixels - valid.mean()) / valid.std(), 0))
    return torch.from_numpy(np.stack(layers).astype("float32")).clamp(-3, 3)


def learn(image: Tensor, steps: int = 1500) -> Tensor:
    """Kernels (filters, bands, 7, 7) that help to fill in hidden squares of the scene."""
    torch.manual_seed(0)
    stem = nn.Conv2d(len(BANDS), FILTERS, KERNEL, padding=KERNEL // 2)
    head = nn.Conv2d(FILTERS, len(BANDS), 5, padding=2)
    model = nn.Sequential(stem, nn.ReLU(), head)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    for _ in range(steps):
        corners = torch.randint(0, min(image.shape[1:]) - SIZE, (16, 2)).tolist()
        batch = torch.stack([image[:, y : y + SIZE, x : x + SIZE] for y, x in corners])
        hidden = nn.functional.interpolate((torch.rand(16, 1, 12, 12) < 0.3).float(), SIZE)
        loss = nn.functional.mse_loss(model(batch * (1 - hidden)), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    kernels = stem.weight.detach()
    return kernels[kernels.flatten(1).norm(dim=1).argsort(descending=True)]


def main() -> None:
    """Train, fit, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--png", type=Path, default=Path(__file__).parents[1] / "first-layer.png")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kernels = learn(scene(options.scene))
    fit = fit_bands(FirstLayer_Weights.RED_CLOVER, TARGETS)
    ours = {name: SENSORS["sentinel2"].band(name).limits for name in BANDS}
    theirs = []
    for target in TARGETS:
        sensor, _, band = target.partition(":")
        theirs.append(find_sensor(sensor).band(band).limits)
    figure = plot_band_fit(
        fit, (ours, theirs), kernels, adapt_kernel(kernels, fit),
        title="A first layer for ten bands of Sentinel-2, fitted to seven of other satellites",
    )  # fmt: skip
    save_figure(figure, options.png)


if __name__ == "__main__":
    main()
