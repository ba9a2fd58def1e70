"""Figures of samples: panels, colours, transparency, time series."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swath.errors import ConfigError
from swath.plot import save_figure
from swath.plot.layers import plot_layer, radar_composite


def test_image_truth_and_prediction(tmp_path):
    image = torch.rand(4, 20, 30)
    sample = {
        "image": image,
        "mask": torch.randint(0, 3, (20, 30)),
        "prediction": torch.randint(0, 3, (1, 20, 30)),
        "bounds": torch.zeros(9),
    }
    figure = plot_layer(
        sample, classes=["water", "forest", "city"], colours={1: (0, 100, 0)}, suptitle="one"
    )
    assert [a.get_title() for a in figure.axes] == ["Image", "Mask", "Prediction"]
    assert {t.get_text() for t in figure.legends[0].get_texts()} == {"water", "forest", "city"}
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    bare = plot_layer(sample, show_titles=False)
    assert [a.get_title() for a in bare.axes] == ["", "", ""]


def test_time_series_is_a_row_a_date():
    sample = {"image": torch.rand(3, 3, 8, 8), "mask": torch.zeros(8, 8, dtype=torch.int64)}
    figure = plot_layer(sample)
    assert len(figure.axes) == 6


def test_what_has_no_data_is_transparent():
    image = torch.rand(3, 8, 8) + 1
    image[:, :4] = 0
    valid = torch.ones(8, 8, dtype=torch.bool)
    valid[:, 7] = False
    mask = torch.ones(8, 8, dtype=torch.int64)
    figure = plot_layer({"image": image, "mask": mask, "valid": valid}, nodata=0)
    for axis in figure.axes:
        assert axis.images[0].get_array()[5, 7, 3] == 0
    assert figure.axes[0].images[0].get_array()[0, 0, 3] == 0
    assert figure.axes[0].images[0].get_array()[5, 0, 3] == 255


def test_legend_of_many_classes_names_the_commonest():
    values = np.repeat(np.arange(100), np.arange(100))[: 60 * 80].reshape(60, 80)
    figure = plot_layer({"mask": values})
    names = [int(t.get_text()) for t in figure.legends[0].get_texts()]
    assert len(names) == 24
    assert min(names) > 50


def test_quantity_has_one_scale():
    sample = {"mask": torch.arange(64).reshape(8, 8), "prediction": torch.zeros(8, 8)}
    figure = plot_layer(sample, continuous="m", nodata=-9999)
    drawn = [a.images[0] for a in figure.axes[:2]]
    assert drawn[0].get_clim() == drawn[1].get_clim()


def test_nothing_to_show():
    with pytest.raises(ConfigError, match="bounds"):
        plot_layer({"bounds": torch.zeros(9)})


@pytest.mark.parametrize("offset", [0.0, -20.0])  # power, decibels
def test_radar(offset):
    rng = np.random.default_rng(0)
    image = rng.random((2, 8, 8)) + 0.1 + offset
    image[:, 0, 0] = 0
    picture = radar_composite(image)
    assert picture.shape == (8, 8, 4)
    assert picture[0, 0, 3] == 0
    assert picture[1:, :, 3].min() == 255
    assert radar_composite(image[:1]).shape == (8, 8, 4)
