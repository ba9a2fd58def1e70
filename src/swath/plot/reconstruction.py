"""What a masked autoencoder was shown, and what it painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from swath.errors import ConfigError
from swath.plot.figure import new_figure
from swath.plot.image import as_array, rgb

__all__ = ["plot_reconstruction"]


def plot_reconstruction(
    image: Any,
    visible: Any,
    reconstruction: Any,
    *,
    bands: Sequence[str] | None = None,
    rgb_bands: Sequence[str] | Sequence[int] | None = None,
    percentiles: tuple[float, float] = (2.0, 98.0),
    side: float = 2.8,
) -> Figure:
    """One row an image: the image, what was visible of it, and what was made of that.

    All three of a row have the same stretch, that of the image, so that colours compare.

    Args:
        image: (N, C, H, W).
        visible: (N, C, H, W), NaN where it was hidden.
        reconstruction: (N, C, H, W).
        bands: Names of the channels.
        rgb_bands: The bands to show, see `swath.plot.rgb`.
        percentiles: Of the stretch.
        side: Inches of a picture.

    Raises:
        ConfigError: There is nothing to draw, or the three do not match.
        RGBBandsMissingError: A wanted band is not in the images.
    """
    rows = [as_array(part).astype(np.float32) for part in (image, visible, reconstruction)]
    if rows[0].ndim != 4 or not len(rows[0]) or len({part.shape for part in rows}) != 1:
        raise ConfigError(
            f"the shapes are {[part.shape for part in rows]}: expected (N, C, H, W), three times"
        )
    heads = ("image", "visible", "reconstruction")
    count, width = len(rows[0]), rows[0].shape[-1]
    figure = new_figure(side * 3 + 0.2, side * count + 0.35)
    axes = figure.subplots(count, 3, squeeze=False)
    for number in range(count):
        # side by side they are stretched as one; the image alone says how
        whole = np.concatenate([part[number] for part in rows], axis=-1)
        shown = np.isfinite(whole).all(0)
        known = np.where(shown, whole, np.nan)
        low, high = np.nanpercentile(
            rows[0][number].reshape(len(whole), -1), percentiles, axis=1, keepdims=True
        )
        known = np.clip(known, low[..., None], high[..., None])
        picture = rgb(known, bands=bands, rgb_bands=rgb_bands, valid=shown, percentiles=(0, 100))
        for place, axis in enumerate(axes[number]):
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set(color="0.75", linewidth=0.6)
            if number == 0:
                axis.set_title(heads[place], fontsize="medium")
            part = picture[:, place * width : (place + 1) * width]
            axis.imshow(part, interpolation="nearest")
    return figure
