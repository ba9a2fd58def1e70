"""Presto: what is masked is not there, months and places as the paper has them, the file."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import pytest
import torch
from cases_foundation import masked_series, series, small_presto
from torch import Tensor

from swath.errors import BandError, ConfigError
from swath.models import Presto, Presto_Weights, presto
from swath.models.checkpoint import read_state_dict
from swath.models.presto_layers import month_table, months_of, positions


@pytest.fixture
def model() -> Presto:
    """With parameters that all differ from their initial values."""
    torch.manual_seed(0)
    net = small_presto().eval()
    for parameter in net.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return net


@pytest.fixture
def given() -> dict[str, Any]:
    torch.manual_seed(1)
    return masked_series(4)


def same(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_what_is_masked_has_no_influence(model: Presto, given: dict[str, Any]) -> None:
    """Whatever it holds, NaN too; and what is not masked has some."""
    gone = given["mask"].bool()
    with torch.no_grad():
        before, vector = model(**given), model.embed(**given)
        for value in (99.0, float("nan")):
            changed = {**given, "x": given["x"].masked_fill(gone, value)}
            same(model(**changed), before)
            same(model.embed(**changed), vector)
        there = (~gone)[0].nonzero()
        step, channel = next((int(t), int(c)) for t, c in there if c == 16)
        other = given["x"].clone()
        other[0, step, channel] += 3
        assert (model.embed(**{**given, "x": other}) - vector)[0].abs().max() > 1e-4
        same(model.embed(**{**given, "x": other})[1:], vector[1:])


def test_a_group_is_masked_as_a_whole(model: Presto) -> None:
    """One channel missing is the group missing, in that month alone."""
    torch.manual_seed(1)
    x, classes, place = series(2)
    one, all_three = torch.zeros_like(x), torch.zeros_like(x)
    one[:, 5, 3], all_three[:, 5, 2:5] = 1, 1
    with torch.no_grad():
        same(model(x, classes, place, one), model(x, classes, place, all_three))
        same(model(x, classes, place, one.bool()), model(x, classes, place, one))
        assert (model(x, classes, place, one)[0] - model(x, classes, place)[0]).abs().max() > 1e-4


def test_tokens_left_out_are_as_tokens_never_made(model: Presto) -> None:
    """Months masked altogether, against a series that has no such months."""
    torch.manual_seed(1)
    x, classes, place = series(3)
    classes = classes.clamp(max=8)
    mask = torch.zeros_like(x)
    mask[:, 7:] = 1
    known = classes.clone()
    known[:, 7:] = 9
    with torch.no_grad():
        masked = model.embed(x, known, place, mask, 2)
        short = model.embed(x[:, :7], classes[:, :7], place, None, 2)
    same(masked, short)


def test_series_with_different_gaps_share_a_batch(model: Presto, given: dict[str, Any]) -> None:
    """Each is as it is alone, though the numbers of tokens differ."""
    with torch.no_grad():
        together, vectors = model(**given), model.embed(**given)
        for i in range(4):
            alone = {k: v[i : i + 1] for k, v in given.items()}
            same([t[i : i + 1] for t in together], list(model(**alone)))
            same(vectors[i : i + 1], model.embed(**alone))
    with pytest.raises(ConfigError, match="encode"):
        model.encoder(**given)


def test_series_that_are_permuted_give_permuted_outputs(
    model: Presto, given: dict[str, Any]
) -> None:
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for a, b in zip(
            model(**{k: v[order] for k, v in given.items()}), model(**given), strict=True
        ):
            same(a, b[order])


def test_order_of_tokens_does_not_matter_but_what_they_are_told(model: Presto) -> None:
    """Attention knows no order: the table's rows and the steps, permuted alike, change nothing."""
    torch.manual_seed(1)
    x, classes, place = series(2)
    months = torch.arange(12).expand(2, -1)
    order = torch.randperm(12)
    x[:, :, 14:16] = x[:, :1, 14:16]  # topography is read in the first month
    with torch.no_grad():
        before = model.embed(x, classes, place, None, months)
        moved = (x[:, order], classes[:, order], place, None, months[:, order])
        assert (model.embed(*moved) - before).abs().max() > 1e-4
        model.encoder.pos_embed.copy_(model.encoder.pos_embed[:, order])
        same(model.embed(*moved), before)


def test_topography_is_that_of_the_first_month(model: Presto) -> None:
    torch.manual_seed(1)
    x, classes, place = series(2)
    later = x.clone()
    later[:, 1:, 14:16] = 77
    with torch.no_grad():
        out = model(x, classes, place)
        same(model(later, classes, place), out)
        later[:, 0, 14] += 1
        assert (model(later, classes, place)[0] - out[0]).abs().max() > 1e-5
    assert torch.equal(out[0][:, :1, 14:16].expand(-1, 12, -1), out[0][:, :, 14:16])


def test_months_by_number_by_series_and_by_step(model: Presto) -> None:
    torch.manual_seed(1)
    x, classes, place = series(3, 8)
    with torch.no_grad():
        by_number = model(x, classes, place, None, 9)
        by_series = model(x, classes, place, None, torch.tensor([9, 9, 9]))
        each = torch.tensor([9, 10, 11, 0, 1, 2, 3, 4]).expand(3, -1)
        by_step = model(x, classes, place, None, each)
        other = model(x, classes, place, None, 3)
    same(by_number, by_series)
    same(by_number, by_step)
    assert (other[0] - by_number[0]).abs().max() > 1e-4


def test_months_go_around() -> None:
    assert months_of(10, 1, 4, torch.device("cpu")).tolist() == [[10, 11, 0, 1]]
    table = month_table(8)
    for month in range(12):
        angle = 2 * math.pi * month / 12
        expected = [math.sin(angle)] * 4 + [math.cos(angle)] * 4
        torch.testing.assert_close(table[month], torch.tensor(expected), atol=1e-6, rtol=0)
    steps = (table - table.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(12))  # December is as near as any


def test_positions_are_sines_down_to_a_thousandth() -> None:
    table = positions(30, 10)
    for step in range(30):
        for i in range(5):
            angle = step / 1000 ** (2 * i / 10)
            assert table[step, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[step, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_longer_series_than_the_table(model: Presto) -> None:
    """The steps go on as the formula says: a model with a longer table gives the same."""
    torch.manual_seed(1)
    longer = small_presto(max_sequence_length=30).eval()
    # both with the formula's own positions
    own = {k: v for k, v in model.state_dict().items() if not k.endswith("pos_embed")}
    longer.load_state_dict(own, strict=False)
    plain = small_presto().eval()
    plain.load_state_dict(own, strict=False)
    given = series(2, 30)
    with torch.no_grad():
        same(plain(*given), longer(*given))


def test_places_are_points_of_a_sphere(model: Presto) -> None:
    torch.manual_seed(1)
    x, classes, _ = series(2)

    def vector(lat: float, lon: float) -> Tensor:
        with torch.no_grad():
            return model.embed(x, classes, torch.tensor([[lat, lon]] * 2))

    same(vector(30, 180), vector(30, -180))
    same(vector(90, 10), vector(90, -120))
    assert (vector(30, 60) - vector(60, 30)).abs().max() > 1e-5
    points: list[Tensor] = []
    model.encoder.latlon_embed.register_forward_pre_hook(lambda _, given: points.append(given[0]))
    vector(0, 0), vector(0, 90), vector(90, 0)
    torch.testing.assert_close(torch.stack([p[0] for p in points]), torch.eye(3), atol=1e-6, rtol=0)


def test_no_place_is_no_token(model: Presto) -> None:
    torch.manual_seed(1)
    x, classes, place = series(2)
    with torch.no_grad():
        tokens, kept, removed = model.encoder(x, classes.clamp(max=8), None)
        with_place, also_kept, _ = model.encoder(x, classes.clamp(max=8), place)
    assert tokens.shape[1] == kept.shape[1] == with_place.shape[1] - 1 == 8 * 12 + 1 + 12
    assert torch.equal(kept, also_kept)
    assert removed.shape == (2, 0)


def test_classes_that_are_not_known(model: Presto) -> None:
    """Left out and all 9 are one; 9 in a month removes that month's token."""
    torch.manual_seed(1)
    x, classes, place = series(2)
    with torch.no_grad():
        same(model(x, None, place), model(x, torch.full((2, 12), 9), place))
        known = classes.clamp(max=8)[:1].expand(2, -1).clone()
        known[:, 4] = 9
        _, kept, removed = model.encoder(x, known, place)
    assert removed.tolist() == [[97 + 4]] * 2
    assert 97 + 4 not in kept[0]


def test_reconstruction_goes_where_the_channels_are() -> None:
    """Groups in any order and with gaps, each value in its input's place."""
    torch.manual_seed(0)
    groups = {"B": (4, 2), "SRTM": (5,), "A": (0,)}
    net = small_presto(band_groups=groups).eval()
    for layer in net.decoder.eo_decoder_pred.values():
        torch.nn.init.zeros_(layer.weight)
    for name, values in {"B": [4.0, 2.0], "SRTM": [5.0], "A": [7.0]}.items():
        net.decoder.eo_decoder_pred[name].bias.data.copy_(torch.tensor(values))
    found = net(torch.randn(1, 3, 6), None, torch.zeros(1, 2))[0]
    assert found[0, 1].tolist() == [7, 0, 2, 0, 4, 5]


def test_channel_names_are_shared_by_encoder_and_decoder() -> None:
    net = small_presto()
    assert net.encoder.channel_embed.weight is net.decoder.channel_embeddings.weight
    frozen = {n for n, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {
        f"{part}.{name}" for part in ("encoder", "decoder")
        for name in ("pos_embed", "month_embed.weight")
    }  # fmt: skip


def test_mistakes_are_named(model: Presto) -> None:
    torch.manual_seed(1)
    x, classes, place = series(2)
    with pytest.raises(BandError, match="x has 16 channels: expected 17"):
        model(x[..., :16], classes, place)
    with pytest.raises(ConfigError, match=r"expected \(B, T, C\)"):
        model(x[0], classes, place)
    with pytest.raises(ConfigError, match=r"mask has the shape \(2, 12\)"):
        model(x, classes, place, torch.zeros(2, 12))
    with pytest.raises(ConfigError, match="dynamic_world has the shape"):
        model(x, classes[:, :5], place)
    with pytest.raises(ConfigError, match="classes from 0 to 11"):
        model(x, torch.tensor([[0, 11] * 6] * 2), place)
    with pytest.raises(ConfigError, match="latitude, longitude in degrees"):
        model(x, classes, torch.tensor([[120.0, 20.0]] * 2))
    for month in (12, -1, torch.tensor([3, 12])):
        with pytest.raises(ConfigError, match=r"0 .January. to 11"):
            model(x, classes, place, None, month)
    with pytest.raises(ConfigError, match="month has the shape"):
        model(x, classes, place, None, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ConfigError, match="everything of a series is masked"):
        model(x, None, None, torch.ones_like(x))
    for groups in ({}, {"A": ()}, {"A": (-1,)}, {"dynamic_world": (0,)}):
        with pytest.raises(ConfigError, match="band"):
            small_presto(band_groups=groups)
    with pytest.raises(ConfigError, match="4 heads"):
        small_presto(encoder_embedding_size=30)
    with pytest.raises(ConfigError, match="expected at least 2 each"):
        small_presto(month_embed_ratio=0.8)


def test_everything_masked_but_the_place(model: Presto) -> None:
    torch.manual_seed(1)
    x, _, place = series(2)
    with torch.no_grad():
        values, classes = model(x, None, place, torch.ones_like(x))
    assert torch.isfinite(values).all()
    assert classes.shape == (2, 12, 9)


def test_gradients_of_masked_values_are_zero(model: Presto, given: dict[str, Any]) -> None:
    x = given["x"].clone().requires_grad_()
    model.embed(**{**given, "x": x}).square().sum().backward()
    gone = given["mask"].bool()
    assert x.grad is not None
    assert (x.grad[gone] == 0).all()
    assert (x.grad[~gone] != 0).any()


@pytest.mark.parametrize("ratio", [2, 4])
def test_published_file_loads(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, ratio: int
) -> None:
    """Encoder and decoder, every tensor; a file of another size is refused."""
    torch.manual_seed(5)
    state = small_presto().state_dict()
    path = tmp_path / "model.pth"
    torch.save(state, path)
    monkeypatch.setattr(
        "swath.models.weights.fetch_state_dict", lambda *_, **__: read_state_dict(path)
    )
    numbers = {
        "encoder_embedding_size": 32, "decoder_embedding_size": 32, "encoder_num_heads": 4,
        "decoder_num_heads": 4, "max_sequence_length": 12, "mlp_ratio": ratio,
    }  # fmt: skip
    if ratio == 2:
        with pytest.raises(ConfigError, match="does not fit Presto"):
            presto(Presto_Weights.PRESTO, **numbers)
        return
    net = presto(Presto_Weights.PRESTO, **numbers)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert net.encoder.channel_embed.weight is net.decoder.channel_embeddings.weight


def test_exported_for_any_batch(model: Presto) -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    shapes = {k: {0: batch} for k in ("x", "dynamic_world", "latlons", "mask", "month")}
    torch.manual_seed(1)
    exported = torch.export.export(model, (), masked_series(2), dynamic_shapes=shapes).module()
    for count in (2, 5):
        given = masked_series(count)
        with torch.no_grad():
            same(exported(**given), model(**given))
