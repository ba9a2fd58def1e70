from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from swath.errors import ConfigError
from swath.plot import plot_band_fit


def test_the_picture_says_what_the_fit_does() -> None:
    fit = SimpleNamespace(
        source=("B03", "B04", "B12"), target=("landsat8:B4", "0.56 µm"),
        mixing=np.array([[0, 0.5, 0], [1, 0, 0]]),
    )  # fmt: skip
    ours = {"B03": (0.542, 0.578), "B04": (0.649, 0.68), "B12": (2.11, 2.29)}
    kernels = np.random.default_rng(0).normal(size=(6, 3, 7, 7))
    mixed = np.einsum("ts,oshw->othw", fit.mixing, kernels)
    theirs = [(0.636, 0.673), (0.56, 0.56)]
    figure = plot_band_fit(fit, (ours, theirs), kernels, mixed, filters=2)
    figure.canvas.draw()
    axes = figure.get_axes()
    written = {text.get_text() for axis in axes for text in axis.texts}
    assert {"0.5", "1", "B03", "L8 B4"} <= written
    images = [np.asarray(a.images[0].get_array()) for a in axes if a.images]
    assert any(np.array_equal(image, fit.mixing) for image in images)
    assert sum(image.shape == (7, 7) for image in images) == 2 * (3 + 2)
    assert any(np.allclose(image, kernels[0, 1] / 2) for image in images if image.shape == (7, 7))
    with pytest.raises(ConfigError, match="expected 3 and 2"):
        plot_band_fit(fit, (ours, theirs), mixed, kernels)
