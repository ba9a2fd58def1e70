"""DEO: two first layers, stages as torchvision's Swin has them, channels of two units."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases_embeddings import small_deo

from swath.errors import BandError, ConfigError, GridError
from swath.models import DEO, DEO_Weights, deo, deo_base


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Builds are small, and the published file is one of them; gives its tensors."""
    monkeypatch.setitem(deo._SIZES, "swin_b", (16, (1, 1, 1, 1), (1, 2, 2, 4), 4))
    torch.manual_seed(0)
    # saved without the wrapper's name, and without what is computed
    state = {
        k.removeprefix("feat_extr."): v for k, v in DEO().state_dict().items()
        if not k.endswith("position_index")
    }  # fmt: skip
    monkeypatch.setattr(DEO_Weights, "get_state_dict", lambda *_, **__: dict(state))
    return state


def test_stages_are_torchvisions() -> None:
    """The same parameters in torchvision's own Swin give the same last map."""
    from torchvision.models.swin_transformer import SwinTransformer

    torch.manual_seed(0)
    model = small_deo(10).eval()
    other = SwinTransformer([4, 4], 16, [1, 2, 1, 1], [1, 2, 2, 4], [4, 4]).eval()
    own = model.state_dict()
    for name in list(other.state_dict()):
        part, _, rest = name.partition(".")
        level, _, tail = rest.partition(".")
        if part == "features" and level == "0":
            source = f"feat_extr.conv_rgb.{tail}"
        elif part == "features":
            source = f"feat_extr.features.{int(level) - 1}.{tail}"
        else:
            source = f"feat_extr.{name}"
        if source in own:
            other.state_dict()[name].copy_(own[source])
    x = torch.randn(2, 3, 61, 44)
    with torch.no_grad():
        torch.testing.assert_close(model(x), other.features(x))
        final = model.forward_intermediates(x, norm=True)[0]
        torch.testing.assert_close(final, other.norm(other.features(x)).permute(0, 3, 1, 2))


def test_maps_and_their_description_agree() -> None:
    model: Any = small_deo().eval()
    x = torch.randn(1, 10, 128, 64)
    with torch.no_grad():
        maps = model.forward_intermediates(x, intermediates_only=True)
        plain = model.forward_features(x)
        assert model(x).shape == (1, 4, 2, 128)
        torch.testing.assert_close(model(x).permute(0, 3, 1, 2), maps[-1])
    for found, same, level in zip(maps, plain, model.feature_info, strict=True):
        r = level["reduction"]
        assert found.shape == (1, level["num_chs"], 128 // r, 64 // r)
        torch.testing.assert_close(found, same)


def test_the_first_layer_follows_from_the_channels() -> None:
    model: Any = small_deo(10).eval()
    seen = []
    model.feat_extr.conv_ms.register_forward_hook(lambda *_: seen.append("ms"))
    model.feat_extr.conv_rgb.register_forward_hook(lambda *_: seen.append("rgb"))
    with torch.no_grad():
        model(torch.randn(1, 10, 16, 16))
        model(torch.randn(1, 3, 16, 16))
    assert seen == ["ms", "rgb"]
    with pytest.raises(BandError, match="C = 10 bands, or 3"):
        model(torch.randn(1, 4, 16, 16))
    with pytest.raises(GridError, match="4x4"):
        model(torch.randn(1, 10, 3, 16))


def test_channels_are_in_two_units() -> None:
    """Pictures from 0 to 1 and digital numbers: a mean of each becomes 0, one std above it 1."""
    transforms = DEO_Weights.DEO_SWIN.transforms
    picture = torch.tensor([0.4182007, 0.4214799, 0.3991276]).view(3, 1, 1)
    numbers = torch.full((7, 1, 1), 1700.0)
    found = transforms(torch.cat((picture, numbers)))
    assert found[:3].abs().max() < 1e-5
    assert found[3:].abs().max() < 1
    assert DEO_Weights.DEO_SWIN.meta["units"] == "rgb01_s2_dn"


def test_the_published_file_loads(tiny: dict[str, torch.Tensor]) -> None:
    model = deo_base("DEO_SWIN").eval()
    for name, value in model.state_dict().items():
        if not name.endswith("position_index"):
            torch.testing.assert_close(value, tiny[name.removeprefix("feat_extr.")])
    x = torch.rand(1, 10, 32, 32)
    bands = model.bands
    order = [3, 9, 0, 1, 2, 4, 5, 6, 7, 8]
    turned = deo_base(DEO_Weights.DEO_SWIN, bands=[bands[i] for i in order]).eval()
    with torch.no_grad():
        torch.testing.assert_close(turned(x[:, order]), model(x), rtol=1e-4, atol=1e-5)
    assert turned.transforms.mean == tuple(model.transforms.mean[i] for i in order)


def test_red_green_and_blue_have_a_layer_of_their_own(tiny: dict[str, torch.Tensor]) -> None:
    model = deo_base("DEO_SWIN", bands=("B4", "B3", "B2")).eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(x), deo_base("DEO_SWIN").eval()(x))
    assert model.transforms.channels == 3
    assert model.transforms.mean[0] == pytest.approx(0.4182, abs=1e-4)
    # three others are the multispectral layer's
    other = deo_base("DEO_SWIN", bands=("B8", "B4", "B3"))
    torch.testing.assert_close(
        other.feat_extr.conv_ms[0].weight, tiny["conv_ms.0.weight"][:, [6, 0, 1]]
    )


def test_unknown_sizes_are_told() -> None:
    with pytest.raises(ConfigError, match="swin_b"):
        DEO("swin_c")  # type: ignore[arg-type]
