"""Panopticon: attention over channels, and what radar's channels are."""

from __future__ import annotations

import pytest
import torch
from cases_wavelength import small_panopticon

from swath.errors import BandError, ConfigError
from swath.models import Panopticon
from swath.models.channel_attention import radar_id


@pytest.fixture(scope="module")
def model() -> Panopticon:
    torch.manual_seed(0)
    made = small_panopticon().eval()
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return made


X = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(0))


def test_planes_are_the_convolution_in_three_dimensions(model: Panopticon) -> None:
    planes = model.model.patch_embed.conv3d
    with torch.no_grad():
        expected = planes.conv3d(X[:, None]).transpose(1, 2)
        torch.testing.assert_close(planes(X), expected, rtol=1e-4, atol=1e-5)


def test_one_channel_needs_no_attention(model: Panopticon) -> None:
    """Softmax over one is 1: the token is the channel's value, whatever the query."""
    fusion = model.model.patch_embed.chnfus
    tokens, ids = torch.randn(2, 1, 5, 96), torch.tensor([[665], [-3]])
    with torch.no_grad():
        told = tokens[:, 0] + fusion.chnemb(ids)
        torch.testing.assert_close(fusion(tokens, ids), fusion.xattn["inproj_v"](told))


def test_attention_against_pytorchs(model: Panopticon) -> None:
    fusion = model.model.patch_embed.chnfus
    theirs = torch.nn.MultiheadAttention(96, 16, bias=False, batch_first=True).eval()
    eye = torch.eye(96)
    tokens, ids = torch.randn(1, 4, 6, 96), torch.tensor([[490, 560, -1, 2190]])
    with torch.no_grad():
        parts = [eye, fusion.xattn["inproj_k"].weight, fusion.xattn["inproj_v"].weight]
        theirs.in_proj_weight.copy_(torch.cat(parts))
        theirs.out_proj.weight.copy_(eye)
        told = (tokens + fusion.chnemb(ids)[:, :, None])[0].transpose(0, 1)
        expected, _ = theirs(fusion.query.expand(6, -1, -1), told, told)
        torch.testing.assert_close(fusion(tokens, ids)[0], expected[:, 0], rtol=1e-4, atol=1e-5)


def test_the_same_channels_twice_say_nothing_new(model: Panopticon) -> None:
    ids = [490, 560, -2]
    with torch.no_grad():
        once, twice = model(X, ids), model(X.repeat(1, 2, 1, 1), ids * 2)
    torch.testing.assert_close(twice, once, rtol=1e-4, atol=1e-5)


def test_padded_channels_are_not_seen(model: Panopticon) -> None:
    """Images with different numbers of channels in one batch."""
    ids = torch.tensor([[490, 560, 665], [-1, -2, 400]])
    padding = torch.tensor([[False, False, False], [False, False, True]])
    with torch.no_grad():
        together = model({"imgs": X, "chn_ids": ids, "spec_masks": padding})
        torch.testing.assert_close(together[:1], model(X[:1], ids[:1]), rtol=1e-4, atol=1e-5)
        alone = model(X[1:, :2], ids[1:, :2])
        torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_radars_channels(model: Panopticon) -> None:
    """Transmitted, received and orbit each have a third of the embedding."""
    table = model.model.patch_embed.chnfus.chnemb
    sent, received, orbit = table.embed_transmit, table.embed_receive, table.embed_orbit
    orbits = {None: orbit.mean(0), "ascending": orbit[0], "descending": orbit[1]}
    seen = set()
    with torch.no_grad():
        for where, last in orbits.items():
            for name, (s, r) in {"VV": (0, 0), "VH": (0, 1), "HH": (1, 1), "HV": (1, 0)}.items():
                number = radar_id(name, where)
                seen.add(number)
                found = table(torch.tensor([[number]]))[0, 0]
                torch.testing.assert_close(found, torch.cat([sent[s], received[r], last]))
    assert seen == set(range(-12, 0))
    assert (radar_id("VV"), radar_id("vh", "ascending"), radar_id("HH", "descending")) == (
        -1, -6, -11,
    )  # fmt: skip
    with pytest.raises(BandError, match="'XX'"):
        radar_id("XX")
    with pytest.raises(BandError, match="'up'"):
        radar_id("VV", "up")


def test_forms_of_input(model: Panopticon) -> None:
    ids = [490, 560, 665]
    rows = torch.tensor(ids).repeat(2, 1)
    with torch.no_grad():
        expected = model({"imgs": X, "chn_ids": rows})
        for found in (
            model(X, ids), model(X, torch.tensor(ids)), model(X, rows), model({"imgs": X}, ids),
            model(x_dict={"imgs": X, "chn_ids": rows[:1]}),
            model({"imgs": X, "chn_ids": rows.float()}), model.forward_features(X, ids),
        ):  # fmt: skip
            torch.testing.assert_close(found, expected)


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="attn_dim is 100: expected a multiple of 48"):
        small_panopticon(attn_dim=100)
    with pytest.raises(ConfigError, match="multiple of the patch, 14"):
        small_panopticon(img_size=100)
