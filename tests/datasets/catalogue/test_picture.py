"""A sample's picture follows from its keys: which panels, what they show, what they say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from swath.datasets import Benchmark
from swath.datasets.catalogue import Image
from swath.errors import ConfigError, RGBBandsMissingError

RGB = torch.arange(3 * 16 * 16, dtype=torch.float32).reshape(3, 16, 16) % 256
S2 = ("B02", "B03", "B04", "B08")
MASK = torch.arange(256).reshape(16, 16) // 128


def dataset(**attributes: Any) -> Any:
    """A dataset of which only the description is looked at."""
    bands = attributes.pop("bands", None)
    attributes = {"parts": (Image("x"),)} | attributes
    made: Any = object.__new__(type("Made", (Benchmark,), attributes))
    made.bands = bands or made.all_band_names
    made.site = SimpleNamespace(fields={}, bands=made.bands)
    return made


def titles(figure: Figure) -> list[str]:
    return [a.get_title() for a in figure.axes if a.get_title()]


def notes(figure: Figure) -> str:
    return " ".join(a.get_xlabel() for a in figure.axes)


def pixels(figure: Figure, panel: int) -> np.ndarray[Any, Any]:
    shown = figure.axes[panel].get_images()[0].get_array()
    return np.asarray(shown)


def legend(figure: Figure) -> list[str]:
    return [t.get_text() for made in figure.legends for t in made.get_texts()]


def test_a_label_and_what_was_predicted() -> None:
    ds = dataset(classes=("river", "road", "wood"))
    sample = {"image": RGB, "label": torch.tensor(2)}
    figure = ds.plot(sample)
    assert notes(figure) == "wood"
    wrong = ds.plot({**sample, "prediction": torch.tensor(0)})
    assert notes(wrong) == "river (truth: wood)"
    scores = ds.plot({**sample, "prediction": torch.tensor([0.1, 0.2, 0.7])})
    assert notes(scores) == "wood"
    colours = {f.axes[0].xaxis.label.get_color() for f in (figure, wrong, scores)}
    assert len(colours) == 3
    assert titles(ds.plot({"image": RGB})) == ["image"]
    assert titles(ds.plot({"image": RGB}, show_titles=False)) == []
    assert ds.plot(sample, suptitle="above").get_suptitle() == "above"


def test_several_labels_and_numbers() -> None:
    ds = dataset(classes=("a", "b", "c"))
    assert notes(ds.plot({"image": RGB, "label": torch.tensor([1, 0, 1])})) == "a, c"
    text = notes(ds.plot({"image": RGB, "label": torch.tensor([0, 0, 0])}))
    assert text == "none of the classes"
    plain = dataset()
    found = {"image": RGB, "label": torch.tensor(0.25), "prediction": torch.tensor(0.5)}
    assert notes(plain.plot(found)) == "0.5 (truth: 0.25)"
    assert notes(plain.plot({"image": RGB, "labels": torch.tensor([1.5, 20.0])})) == "1.5, 20"


def test_a_mask_beside_what_was_predicted() -> None:
    ds = dataset(classes=("dry", "wet"), colours=((255, 0, 0), (0, 0, 255)), ignore_index=255)
    mask = MASK.clone()
    mask[0, :4] = 255
    wrong = mask.clone()
    wrong[1] = 1
    figure = ds.plot({"image": RGB, "mask": mask, "prediction": wrong})
    assert titles(figure) == ["image", "truth", "prediction"]
    assert legend(figure) == ["dry", "wet"]
    shown = pixels(figure, 1)
    assert tuple(shown[2, 0]) == (255, 0, 0, 255)
    assert tuple(shown[15, 0]) == (0, 0, 255, 255)
    assert shown[0, 0, 3] == 0  # what is not known is blank
    assert f"{100 * (252 - 16) / 252:.0f} % as in truth" in notes(figure)
    probabilities = torch.stack([(mask == 0).float(), (mask == 1).float()])
    same = ds.plot({"image": RGB, "mask": mask, "prediction": probabilities})
    assert "100 % as in truth" in notes(same)


def test_a_quantity_has_a_scale() -> None:
    height = torch.linspace(0, 10, 256).reshape(16, 16)
    height[0, 0] = torch.nan
    figure = dataset().plot({"image": RGB, "mask": height, "prediction": height + 1})
    assert titles(figure) == ["image", "truth", "prediction"]
    low, high = figure.axes[1].get_images()[0].get_clim()
    assert figure.axes[2].get_images()[0].get_clim() == (low, high)
    assert 0 <= low < 1
    assert 10 < high <= 11
    assert "RMSE 1" in notes(figure)


def test_objects_of_every_kind() -> None:
    boxes = torch.tensor([[1.0, 2, 5, 6], [8, 8, 12, 15]])
    corners = torch.tensor([[1.0, 1, 5, 2, 4, 6, 0, 5]])
    masks = torch.zeros(2, 16, 16, dtype=torch.uint8)
    masks[:, 2:4, 2:4] = 1
    ds = dataset(classes=("ship", "plane"))
    labels = torch.tensor([0, 1])
    figure = ds.plot({"image": RGB, "bbox_xyxy": boxes, "label": labels, "masks": masks})
    assert titles(figure) == ["image", "truth"]
    assert legend(figure) == ["ship", "plane"]
    assert "2 objects" in notes(figure)
    drawn = [p for p in figure.axes[1].patches if p.get_linewidth() < 2]
    assert [p.get_extents().width > 0 for p in drawn] == [True, True]
    assert len(figure.axes[1].get_images()) == 3  # the picture and two instances
    found = {"prediction_boxes": boxes[:1], "prediction_scores": torch.tensor([0.9])}
    assert titles(ds.plot({"image": RGB, "bbox_xyxy": boxes, **found}))[-1] == "prediction"
    oriented = ds.plot({"image": RGB, "bbox": corners, "labels": torch.tensor([1])})
    outline = oriented.axes[1].patches[0].get_xy()[:4] + 0.5
    np.testing.assert_allclose(outline, corners.reshape(4, 2))
    named = ds.plot({"image": RGB, "bbox_xyxy": boxes, "label": labels, "mask": masks})
    assert titles(named) == ["image", "truth"]  # a mask an object is drawn on the image
    empty = ds.plot({"image": RGB, "boxes": boxes[:0], "labels": labels[:0]})
    assert "0 objects" in notes(empty)


def test_pairs_and_series_share_a_stretch() -> None:
    ds = dataset(classes=("same", "new"), all_band_names=S2, rgb_bands=("B04", "B03", "B02"))
    early = torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(0)) * 1000
    pair = ds.plot({"image": torch.stack([early, early + 2000]), "mask": MASK})
    assert titles(pair) == ["before", "after", "truth"]
    assert pixels(pair, 0)[..., :3].max() < pixels(pair, 1)[..., :3].min()
    several = ds.plot({"image": torch.stack([early] * 9)})
    assert titles(several) == [f"date {i} of 9" for i in (1, 4, 6, 9)]
    named = ds.plot({"image1": early, "image2": early, "mask": MASK})
    assert titles(named) == ["before", "after", "truth"]


def test_bands_decide_about_the_colours() -> None:
    ds = dataset(all_band_names=S2, rgb_bands=("B04", "B03", "B02"))
    image = torch.zeros(4, 16, 16)
    image[2] = torch.linspace(0, 1, 256).reshape(16, 16)  # only B04 is not the same everywhere
    shown = pixels(ds.plot({"image": image}), 0)
    assert np.ptp(shown[..., 0]) > 200
    assert np.ptp(shown[..., 1]) == np.ptp(shown[..., 2]) == 0
    lacking = dataset(all_band_names=S2, bands=("B08",), rgb_bands=("B04", "B03", "B02"))
    with pytest.raises(RGBBandsMissingError, match="B04"):
        lacking.plot({"image": image[:1]})


def test_photographs_keep_their_colours() -> None:
    """One stretch for all channels: grey stays grey, and a dull image dull."""
    grey = (torch.linspace(90, 110, 256).reshape(1, 16, 16)).expand(3, 16, 16)
    shown = pixels(dataset().plot({"image": grey}), 0)[..., :3].astype(int)
    assert np.ptp(shown, axis=-1).max() == 0
    assert np.ptp(shown) < 100


def test_radar_and_nodata() -> None:
    names = {"all_band_names": ("VV", "VH"), "rgb_bands": ("VV", "VH")}
    image = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0)) - 20
    image[:, 0] = torch.nan
    shown = pixels(dataset(**names).plot({"image": image}), 0)
    assert (shown[0, :, 3] == 0).all()
    assert (shown[1:, :, 3] == 255).all()
    assert np.ptp(shown[1:, :, :3].astype(int), axis=-1).max() > 50  # coloured
    one = pixels(dataset(bands=("VH",), **names).plot({"image": image[1:]}), 0)
    assert np.ptp(one[1:, :, :3].astype(int), axis=-1).max() == 0  # grey


def test_images_of_several_sensors() -> None:
    ds = dataset(
        all_band_names=(*S2, "VV", "VH"), rgb_bands=("B04", "B03", "B02"),
        parts=(Image("x", "image_s2", bands=S2), Image("x", "image_s1", bands=("VV", "VH"))),
    )  # fmt: skip
    heights = dataset(parts=(Image("x"), Image("x", "dem", bands=("dem",), dtype="float32")))
    assert titles(heights.plot({"image": RGB, "dem": RGB[:1]})) == ["image", "dem"]
    figure = ds.plot({"image_s2": torch.rand(4, 16, 16), "image_s1": torch.rand(2, 16, 16) + 1})
    assert titles(figure) == ["s2", "s1"]


def test_sound_series_and_words() -> None:
    ds = dataset(classes=("beach", "road"))
    wave = torch.sin(torch.linspace(0, 900, 100_000))[None]
    figure = ds.plot({"image": RGB, "audio": wave, "label": torch.tensor(0)})
    assert titles(figure) == ["image", "sound"]
    assert len(figure.axes[1].lines[0].get_xdata()) <= 20_001
    series = ds.plot({"array": torch.rand(12, 18), "label": torch.tensor(1)})
    assert len(series.axes[0].lines) == 8
    assert "8 of 18 values" in notes(series)
    assert "road" in notes(series)
    words = ds.plot({"image": RGB, "captions": ["a beach", "by the sea"]})
    assert words.get_supxlabel() == "a beach | by the sea"


def test_nothing_to_draw() -> None:
    with pytest.raises(ConfigError, match="a sample with what"):
        dataset().plot({"what": 1})
