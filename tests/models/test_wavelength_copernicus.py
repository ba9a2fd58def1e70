"""Copernicus-FM: metadata, variables by name, and patches of other sizes."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from cases_wavelength import NANOMETRES, WIDTHS, small_copernicus
from torch import Tensor
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models import CopernicusFM
from swath.models.descriptions import fourier

NAN = math.nan
HERE = [11.5, 48.1, 19000.0, 0.0256]
SPECTRAL: dict[str, Any] = {"wavelengths": NANOMETRES[:3], "bandwidths": WIDTHS[:3]}


@pytest.fixture(scope="module")
def model() -> CopernicusFM:
    torch.manual_seed(0)
    made = small_copernicus().eval()
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return made


def images(count: int = 1, size: int = 64, channels: int = 3) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(count, channels, size, size)


def output(model: CopernicusFM, rows: Any, x: Tensor | None = None) -> Tensor:
    metadata = torch.tensor(rows, dtype=torch.float32) if rows is not None else None
    with torch.no_grad():
        found: Tensor = model(images() if x is None else x, metadata, **SPECTRAL)
    return found


def test_fourier_against_the_formula() -> None:
    for lower, upper, values in (
        (1e-4, 720.0, [191.5, 0.25]), (1.0, 365.25, [19000.0, 3.5]), (100.0, 1e9, [665.0, 5e7])
    ):  # fmt: skip
        found = fourier(torch.tensor(values, dtype=torch.float64), 8, lower, upper).numpy()
        lengths = [lower * (upper / lower) ** (i / 3) for i in range(4)]
        for row, value in zip(found, values, strict=True):
            turns = [value / length for length in lengths]
            expected = [math.sin(2 * math.pi * t) for t in turns]
            expected += [math.cos(2 * math.pi * t) for t in turns]
            np.testing.assert_allclose(row, expected, atol=1e-5)


def test_every_column_matters(model: CopernicusFM) -> None:
    here = output(model, [HERE])
    for column, other in enumerate((12.5, 47.1, 19091.0, 0.25)):
        moved = [other if i == column else v for i, v in enumerate(HERE)]
        assert (output(model, [moved]) - here).abs().max() > 1e-3
        unknown = [NAN if i == column else v for i, v in enumerate(HERE)]
        assert (output(model, [unknown]) - here).abs().max() > 1e-3


def test_what_is_missing_has_its_learned_token(model: CopernicusFM) -> None:
    """A token counts where, and only where, its column is NaN; half a place is no place."""
    cases = {
        "coord_token": ([NAN, *HERE[1:]], [HERE[0], NAN, *HERE[2:]]),
        "time_token": ([*HERE[:2], NAN, HERE[3]],),
        "scale_token": ([*HERE[:3], NAN],),
    }
    for name, rows in cases.items():
        token = getattr(model, name)
        before = [output(model, [row]) for row in rows]
        whole = output(model, [HERE])
        kept = token.detach().clone()
        with torch.no_grad():
            token.add_(torch.linspace(-1, 1, token.numel()).view_as(token))
        try:
            for row, was in zip(rows, before, strict=True):
                assert (output(model, [row]) - was).abs().max() > 1e-3
            torch.testing.assert_close(output(model, [HERE]), whole)
        finally:
            with torch.no_grad():
                token.copy_(kept)
        torch.testing.assert_close(before[0], before[-1])


def test_metadata_left_out_are_unknown(model: CopernicusFM) -> None:
    expected = output(model, [[NAN] * 4])
    torch.testing.assert_close(output(model, None), expected)
    torch.testing.assert_close(output(model, [NAN] * 4), expected)


def test_missing_metadata_of_one_image_leave_the_others_theirs(model: CopernicusFM) -> None:
    rows = [HERE, [NAN] * 4, [NAN, NAN, 3.0, NAN], [0.0, 0.0, NAN, 1.0]]
    x = images(4)
    together = output(model, rows, x)
    alone = torch.cat([output(model, [row], x[i : i + 1]) for i, row in enumerate(rows)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[48.1, 111.5, 19000.0, 0.0256]], "latitude in the metadata is 111.5: expected -90 to 90"),
        ([[-190.0, 48.1, 19000.0, 0.0256]], "longitude.*-190"),
        ([[11.5, 48.1, 0.0256, -1.0]], "area of a patch.*-1.*NaN where it is not known"),
        ([[11.5, 48.1, 19000.0, 1e-5]], "0.001 to 5.1e.08 km²"),
        ([[11.5, 48.1, math.inf, 1.0]], "time.*inf"),
        ([HERE[:3]], r"shape \(1, 3\) for 1 images: expected \(1, 4\)"),
        ([HERE, HERE], r"shape \(2, 4\) for 1 images"),
    ],
)
def test_metadata_that_cannot_be(model: CopernicusFM, rows: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        output(model, rows)


def test_variables_by_name(model: CopernicusFM) -> None:
    torch.manual_seed(2)
    x, embeds = images(2, channels=2), torch.randn(2, 2048)
    with torch.no_grad():
        one = model(x[:, :1], language_embed=embeds[0], input_mode="variable")
        row = model(x[:, :1], language_embed=embeds[:1], input_mode="variable")
        other = model(x[:, :1], language_embed=embeds[1], input_mode="variable")
        both = model(x, language_embed=embeds, input_mode="variable")
        swapped = model(x.flip(1), language_embed=embeds.flip(0), input_mode="variable")
    torch.testing.assert_close(one, row)
    assert (one - other).abs().max() > 1e-3
    torch.testing.assert_close(both, swapped, rtol=1e-4, atol=1e-5)
    half = copy.deepcopy(model).to(torch.bfloat16)
    found = half(x[:, :1].bfloat16(), language_embed=embeds[0], input_mode="variable")
    torch.testing.assert_close(found.float(), one, rtol=0.1, atol=0.3)
    with pytest.raises(ConfigError, match="no language_embed"):
        model(x, input_mode="variable")
    with pytest.raises(BandError, match=r"expected \(2, 2048\)"):
        model(x, language_embed=embeds[0], input_mode="variable")
    with pytest.raises(BandError, match=r"\(1, 100\)"):
        model(x[:, :1], language_embed=torch.randn(1, 100), input_mode="variable")
    with pytest.raises(ConfigError, match="'spectral' or 'variable'"):
        model(x, input_mode="language")


def test_patches_of_another_size(model: CopernicusFM) -> None:
    """A smaller image with smaller patches has as many tokens, and larger ones about the same."""
    x = images(1, 64)
    with torch.no_grad():
        native = model.forward_intermediates(x, None, **SPECTRAL, intermediates_only=True)
        told = model.forward_intermediates(
            x, None, **SPECTRAL, kernel_size=16, intermediates_only=True
        )
        torch.testing.assert_close(told, native)
        for size, k in ((32, 8), (96, 24), (48, 8)):
            (found,) = model.forward_intermediates(
                F.interpolate(x, (size, size)), None, **SPECTRAL, kernel_size=k, indices=1,
                intermediates_only=True,
            )  # fmt: skip
            assert found.shape == (1, 48, size // k, size // k)
        smooth = F.interpolate(torch.randn(1, 3, 4, 4), (64, 64), mode="bicubic")
        larger = F.interpolate(smooth, (128, 128), mode="bicubic", antialias=True)
        torch.manual_seed(0)
        kernel, _ = model.patch_embed_spectral.kernels(torch.randn(3, 32))
        torch.manual_seed(0)
        resized, _ = model.patch_embed_spectral.kernels(torch.randn(3, 32), 32)
        a, b = F.conv2d(smooth, kernel, stride=16), F.conv2d(larger, resized, stride=32)
    assert (a - b).norm() / a.norm() < 0.05
    with pytest.raises(ConfigError, match=r"64 × 64 .*7 × 7"):
        model(x, None, **SPECTRAL, kernel_size=7)
    with pytest.raises(ConfigError, match="kernel_size is 0"):
        model(x, None, **SPECTRAL, kernel_size=0)


def test_exports_with_another_kernel(model: CopernicusFM) -> None:
    x = images(1, 32)
    kwargs = {**SPECTRAL, "kernel_size": 8}
    with torch.no_grad():
        exported = torch.export.export(model, (x, None), kwargs)
        torch.testing.assert_close(exported.module()(x, None, **kwargs), model(x, None, **kwargs))
