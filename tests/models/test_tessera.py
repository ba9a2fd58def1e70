"""Tessera: days, order of dates, missing dates, and the encoders as parts of the whole."""

from __future__ import annotations

import math
import pathlib

import pytest
import torch
from cases_embeddings import series, small_encoder

from swath.errors import BandError, ConfigError
from swath.models import Tessera, Tessera_Weights, tessera
from swath.models.tessera import TesseraEncoder
from swath.models.tessera_weights import pixel_series


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.fixture
def encoder() -> TesseraEncoder:
    torch.manual_seed(0)
    model = small_encoder(10).eval()
    assert isinstance(model, TesseraEncoder)
    return model


def test_days_are_sines_and_cosines() -> None:
    encoder = TesseraEncoder(2, 4, 2, 1, 8)
    days = [1.0, 59.5, 366.0, 0.0]
    found = encoder.temporal_encoder(torch.tensor([days]))[0]
    for row, day in zip(found.tolist(), days, strict=True):
        for i in range(8):
            angle = day / 10_000 ** (2 * i / 16)
            assert row[2 * i] == pytest.approx(math.sin(angle), abs=1e-4)
            assert row[2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-4)


@torch.no_grad()
def test_dates_may_come_in_any_order_up_to_the_pooling(encoder: TesseraEncoder) -> None:
    """The transformer follows a permutation of dates with their days; the pooling does not."""
    x = series(2, 9, 11)
    order = torch.randperm(9)
    seen: list[torch.Tensor] = []
    encoder.transformer_encoder.register_forward_hook(lambda *a: seen.append(a[-1]))
    plain, shuffled = encoder(x), encoder(x[:, order])
    close(seen[0][:, order], seen[1])
    assert not torch.allclose(plain, shuffled, atol=1e-3)
    # without its recurrent part the pooling would be a weighted mean of the same set
    x[..., :-1] = 0.5
    x[..., -1] = 100.0
    close(encoder(x), encoder(x[:, order]))


@torch.no_grad()
def test_the_day_counts(encoder: TesseraEncoder) -> None:
    x = series(1, 5, 11)
    other = x.clone()
    other[..., -1] += 30
    assert not torch.allclose(encoder(x), encoder(other), atol=1e-3)


@torch.no_grad()
def test_a_pooled_series_is_a_mean_with_weights(encoder: TesseraEncoder) -> None:
    """Between the smallest and the largest token, channel by channel; one date is itself."""
    seen: list[torch.Tensor] = []
    encoder.transformer_encoder.register_forward_hook(lambda *a: seen.append(a[-1]))
    pooled = encoder(series(3, 6, 11))
    assert (pooled <= seen[0].amax(1) + 1e-5).all()
    assert (pooled >= seen[0].amin(1) - 1e-5).all()
    close(encoder(series(3, 1, 11)), seen[1][:, 0])


@torch.no_grad()
def test_missing_dates_are_as_if_they_were_not_there(encoder: TesseraEncoder) -> None:
    x = series(4, 12, 11)
    mask = torch.rand(4, 12) > 0.5
    mask[0, :3], mask[0, 3:] = False, True
    mask[1] = True
    mask[2], mask[2, 7] = False, True
    x[~mask] = 1e4
    together = encoder(x, mask)
    for one, there, found in zip(x, mask, together, strict=True):
        close(found, encoder(one[there][None])[0])
    # padding at the end, as batches of series of different lengths have it
    padded = torch.cat((x, torch.full((4, 5, 11), 7.0)), 1)
    longer = torch.cat((mask, torch.zeros(4, 5, dtype=torch.bool)), 1)
    close(encoder(padded, longer), together)


def test_a_series_without_any_date_is_zero_and_harmless(encoder: TesseraEncoder) -> None:
    x = series(2, 5, 11)
    mask = torch.tensor([[True] * 5, [False] * 5])
    found = encoder(x, mask)
    assert (found[1] == 0).all()
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


@torch.no_grad()
def test_each_encoder_is_a_part_of_the_whole() -> None:
    torch.manual_seed(0)
    model = Tessera(8).eval()
    x = series(3, 6)
    parts = torch.cat((model.s2_backbone(x[..., :11]), model.s1_backbone(x[..., 11:])), 1)
    weight, bias = model.dim_reducer[0].weight, model.dim_reducer[0].bias
    close(model(x), parts @ weight.T + bias)
    mask = torch.rand(3, 6, 2) > 0.3
    masked = torch.cat(
        (
            model.s2_backbone(x[..., :11], mask[..., 0]),
            model.s1_backbone(x[..., 11:], mask[..., 1]),
        ),
        1,
    )
    close(model(x, mask), masked @ weight.T + bias)
    both = mask[..., 0]
    close(model(x, both), model(x, both.unsqueeze(-1).expand(-1, -1, 2)))


def test_transforms_leave_the_days_alone() -> None:
    x = torch.rand(2, 5, 14) * 3000
    x[..., 10], x[..., 13] = 123.0, 45.0
    found = Tessera_Weights.TESSERA.transforms({"image": x, "label": 1})
    assert found["label"] == 1
    assert (found["image"][..., 10] == 123).all()
    assert (found["image"][..., 13] == 45).all()
    close(found["image"][..., 0], (x[..., 0] - 1711.0938) / 1926.1026)
    close(found["image"][..., 12], (x[..., 12] - 3003.7812) / 1726.067)
    with pytest.raises(BandError, match="C = 3"):
        Tessera_Weights.TESSERA_SENTINEL1_ENCODER.transforms(x)


def test_images_are_normalised_as_their_series() -> None:
    transforms = Tessera_Weights.TESSERA_SENTINEL1_ENCODER.transforms
    images = torch.rand(5, 3, 2, 4) * 9000
    close(pixel_series(transforms(images)), transforms(pixel_series(images)))
    close(transforms(images[0]), transforms(images)[0])


def test_the_whole_has_the_statistics_of_its_parts() -> None:
    whole, s2, s1 = (w.transforms for w in Tessera_Weights)
    assert whole.mean == s2.mean + s1.mean
    assert whole.std == s2.std + s1.std
    assert whole.bands == s2.bands + s1.bands == Tessera_Weights.TESSERA.bands


def test_series_of_pixels() -> None:
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    found = pixel_series(images, [10, 200])
    assert found.shape == (20, 2, 4)
    assert found[7, 1].tolist() == [*images[1, :, 1, 2].tolist(), 200]
    with pytest.raises(ConfigError, match="2 images"):
        pixel_series(images, [1, 2, 3])
    with pytest.raises(ConfigError, match="T, C, H, W"):
        pixel_series(images[0])


@pytest.mark.parametrize("member", list(Tessera_Weights), ids=lambda w: w.name)
def test_the_published_files_load(
    member: Tessera_Weights, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    torch.manual_seed(0)
    whole = Tessera(8).eval()
    names = {"TESSERA_SENTINEL2_ENCODER": "s2_backbone", "TESSERA_SENTINEL1_ENCODER": "s1_backbone"}
    source = whole.get_submodule(names[member.name]) if member.name in names else whole
    monkeypatch.setattr(
        Tessera_Weights, "get_state_dict", lambda *_, **__: dict(source.state_dict())
    )
    model = tessera(member, embed_dim=8).eval()
    assert type(model) is type(source)
    x = series(2, 6, len(member.bands))
    with torch.no_grad():
        close(model(x), source(x))
    assert model.bands == member.bands
    tessera(member.name, embed_dim=8, bands=[b.replace("B4", "B04") for b in member.bands])
    with pytest.raises(BandError, match="fixed"):
        tessera(member, embed_dim=8, bands=member.bands[::-1])
    with pytest.raises(ConfigError, match="shape"):
        tessera(member, embed_dim=16)


def test_bad_input_is_told() -> None:
    model = Tessera(8)
    with pytest.raises(BandError, match="C = 14"):
        model(torch.randn(1, 5, 13))
    with pytest.raises(BandError, match="C = 3"):
        model.s1_backbone(torch.randn(1, 5, 2))
    with pytest.raises(ConfigError, match="mask"):
        model(torch.randn(1, 5, 14), torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ConfigError, match="B, T, 2"):
        model(torch.randn(1, 5, 14), torch.ones(1, 5, 3, dtype=torch.bool))
    with pytest.raises(ConfigError, match="even"):
        Tessera(3)
