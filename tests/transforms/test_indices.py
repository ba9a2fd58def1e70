"""Spectral indices: the formula, for every class, and what they do with nodata and bad input."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
import torch
from kornia.augmentation import AugmentationSequential
from torch import Tensor

import swath.transforms as T
from swath.errors import BandError

#: Formulas as published, written with bands by name.
FORMULAS = {
    "AppendNDVI": lambda nir, red: (nir - red) / (nir + red),
    "AppendBNDVI": lambda nir, blue: (nir - blue) / (nir + blue),
    "AppendGNDVI": lambda nir, green: (nir - green) / (nir + green),
    "AppendNDRE": lambda nir, vre1: (nir - vre1) / (nir + vre1),
    "AppendNDWI": lambda green, nir: (green - nir) / (green + nir),
    "AppendMNDWI": lambda green, swir: (green - swir) / (green + swir),
    "AppendSWI": lambda vre1, swir2: (vre1 - swir2) / (vre1 + swir2),
    "AppendNDSI": lambda green, swir: (green - swir) / (green + swir),
    "AppendNDBI": lambda swir, nir: (swir - nir) / (swir + nir),
    "AppendNBR": lambda nir, swir: (nir - swir) / (nir + swir),
    "AppendGRNDVI": lambda nir, green, red: (nir - green - red) / (nir + green + red),
    "AppendGBNDVI": lambda nir, green, blue: (nir - green - blue) / (nir + green + blue),
    "AppendRBNDVI": lambda nir, red, blue: (nir - red - blue) / (nir + red + blue),
    "AppendEVI": lambda nir, red, blue: 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1),
    "AppendSAVI": lambda nir, red: (nir - red) / (nir + red + 0.5) * 1.5,
    "AppendNormalizedDifferenceIndex": lambda a, b: (a - b) / (a + b),
    "AppendTriBandNormalizedDifferenceIndex": lambda a, b, c: (a - b - c) / (a + b + c),
}


def image(channels: int = 5, batch: int = 2) -> Tensor:
    return torch.rand(batch, channels, 6, 7, generator=torch.Generator().manual_seed(0))


def make(name: str) -> tuple[torch.nn.Module, dict[str, int]]:
    """The transform with channels in reverse order, so that mixing them up is seen."""
    cls = getattr(T, name)
    names = list(inspect.signature(cls.__init__).parameters)[1:]
    channels = {n: 4 - i for i, n in enumerate(names)}
    return cls(**channels), {n.removeprefix("index_"): i for n, i in channels.items()}


def test_every_index_has_a_formula_here() -> None:
    assert {n for n in T.__all__ if n.startswith("Append")} == set(FORMULAS)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name: str) -> None:
    transform, channels = make(name)
    x = image()
    out = transform(x)
    assert out.shape == (2, 6, 6, 7)
    torch.testing.assert_close(out[:, :5], x)
    bands = {n: x[:, i].double().numpy() for n, i in channels.items()}
    np.testing.assert_allclose(out[:, 5].numpy(), FORMULAS[name](**bands), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", FORMULAS)
def test_samples_series_and_single_images(name: str) -> None:
    transform, _ = make(name)
    x = image()
    torch.testing.assert_close(transform(x[0]), transform(x)[0])
    sample = {"image": x[0], "mask": torch.ones(6, 7)}
    assert set(transform(sample)) == {"image", "mask"}
    assert sample["image"].shape == (5, 6, 7)
    series = torch.stack([x, x * 0.5], 1)
    torch.testing.assert_close(transform(series)[:, 1], transform(x * 0.5))


def test_nodata_stays_nodata_and_an_empty_denominator_is_zero() -> None:
    x = image()
    x[0, 1, 0, 0] = torch.nan
    x[0, :, 0, 1] = 0
    out = T.AppendNDVI(1, 2)(x)[:, 5]
    assert math.isnan(out[0, 0, 0])
    assert int(out.isnan().sum()) == 1
    assert float(out[0, 0, 1]) == 0
    assert torch.isfinite(out[0, 0, 1:]).all()


def test_in_kornia_s_own_chain() -> None:
    chain = AugmentationSequential(T.AppendNDVI(0, 1), data_keys=None, keepdim=True)
    out = chain({"image": image(), "mask": torch.ones(2, 6, 7)})
    assert out["image"].shape == (2, 6, 6, 7)
    assert out["mask"].shape == (2, 6, 7)


def test_a_channel_that_is_not_there() -> None:
    with pytest.raises(BandError, match="index_nir is 7 and the image has 5 channels"):
        T.AppendNDVI(7, 0)(image())
