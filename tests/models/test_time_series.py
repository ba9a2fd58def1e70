"""What encoders of time series must do beyond the contract."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases_time_series import ltae
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import BandError, ConfigError
from swath.models import LTAE, Conv3dLSTM, ConvLSTM


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(0)


def shaken(model: nn.Module) -> Any:
    """No parameter stays at 0 or 1."""
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def bare(**settings: Any) -> LTAE:
    return shaken(LTAE(8, 2, 4, (8, 5), d_model=None, T=50, **settings))


# -- L-TAE


def test_order_of_dates_does_not_matter_where_positions_go_with_them() -> None:
    model = bare()
    x, places = torch.randn(2, 6, 8), torch.tensor([3, 5, 11, 20, 21, 40])
    order = torch.randperm(6)
    with torch.no_grad():
        found = model(x, positions=places)
        torch.testing.assert_close(model(x[:, order], positions=places[order]), found)
        assert (model(x[:, order], positions=places) - found).abs().max() > 1e-3


def test_order_of_dates_with_parameters_for_each() -> None:
    """With a first layer, the parameters of the dates in its norm have to go with them too."""
    model = shaken(LTAE(8, 2, 4, (16, 5), d_model=16, T=50, len_max_seq=6))
    x, order = torch.randn(2, 6, 8), torch.randperm(6)
    with torch.no_grad():
        found = model(x)
        for p in (model.inconv[1].weight, model.inconv[1].bias):
            p.copy_(p[:, order].clone())
        torch.testing.assert_close(model(x[:, order], positions=order), found)


@pytest.mark.parametrize("width", [None, 16])
@pytest.mark.parametrize("filler", [0.0, 1e4, float("nan")])
def test_padded_dates_have_no_influence(width: int | None, filler: float) -> None:
    model = shaken(LTAE(8, 2, 4, (width or 8, 5), d_model=width, T=50, len_max_seq=9))
    x = torch.randn(3, 9, 8)
    mask = torch.arange(9) < torch.tensor([4, 9, 1])[:, None]
    padded = torch.where(mask[..., None], x, filler)
    with torch.no_grad():
        found = model(padded, mask)
        for i, length in enumerate((4, 9, 1)):
            torch.testing.assert_close(found[i : i + 1], model(x[i : i + 1, :length]),
                                       rtol=1e-4, atol=1e-5)  # fmt: skip


def test_a_hole_is_a_date_left_out() -> None:
    model = bare()
    x, kept = torch.randn(1, 6, 8), torch.tensor([0, 1, 3, 5])
    mask = torch.zeros(1, 6, dtype=torch.bool)
    mask[:, kept] = True
    with torch.no_grad():
        torch.testing.assert_close(model(x, mask), model(x[:, kept], positions=kept))


def test_gradients_do_not_come_from_padded_dates() -> None:
    model = shaken(ltae())
    x = torch.randn(2, 4, 8, requires_grad=True)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    model(x, mask).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad[0, 2:] == 0).all()
    assert (x.grad[0, :2] != 0).any()


def test_positions_of_the_constructor_are_used() -> None:
    """By the formula of https://arxiv.org/abs/1706.03762 with T in place of 10 000."""
    places = [0, 7, 30, 49]
    model = bare(positions=places)
    pe = torch.tensor([
        [(torch.sin if c % 2 == 0 else torch.cos)(torch.tensor(p / 50 ** (2 * (c // 2) / 8)))
         for c in range(8)] for p in places
    ])  # fmt: skip
    torch.testing.assert_close(model.pos_encoder.pe[0, places], pe)
    x = torch.randn(2, 4, 8)
    with torch.no_grad():
        found = model(x)
        torch.testing.assert_close(found, model(x, positions=torch.tensor(places)))
        each = torch.tensor([places, [1, 2, 3, 4]])
        assert (model(x, positions=each)[0] - found[0]).abs().max() < 1e-5
        assert (model(x, positions=each)[1] - found[1]).abs().max() > 1e-3


def test_ltae_refuses() -> None:
    model = ltae().eval()
    x = torch.randn(2, 4, 8)
    mask = torch.tensor([[True] * 4, [False] * 4])
    for error, match, args in (
        (ConfigError, r"\(2, 8\): expected \(B, T, C\)", (x[:, 0],)),
        (BandError, "C = 8", (x[..., :5],)),
        (ConfigError, "len_max_seq=5", (torch.randn(2, 5, 8),)),
        (ConfigError, r"series \[1\]", (x, mask)),
        (ConfigError, "torch.bool", (x, mask.int())),
        (ConfigError, r"expected \(2, 4\)", (x, mask[:, :3])),
        (ConfigError, "0 to 99", (x, None, torch.tensor([0, 1, 2, 100]))),
        (ConfigError, "expected integers", (x, None, torch.rand(4))),
    ):
        with pytest.raises(error, match=match):
            model(*args)
    for match, settings in (
        ("divisors", {"n_head": 5}), ("begin with", {"n_neurons": (64, 32)}),
        ("0 to 999", {"positions": [0, 1000]}),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=match):
            LTAE(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="3 positions"):
        bare(positions=[1, 2, 3])(x)


# -- ConvLSTM


@pytest.mark.parametrize("layers", [1, 3])
def test_on_one_pixel_it_is_an_lstm(layers: int) -> None:
    model = ConvLSTM(5, 4, 1, layers, return_all_layers=True, num_classes=0)
    oracle = nn.LSTM(5, 4, layers, batch_first=True)
    with torch.no_grad():
        for i, cell in enumerate(model.cell_list):
            # PyTorch: input, forget, candidate, output; here the candidate is last
            enter, forget, leave, candidate = cell.conv.weight[..., 0, 0].chunk(4)
            kernel = torch.cat([enter, forget, candidate, leave])
            enter, forget, leave, candidate = cell.conv.bias.chunk(4)
            getattr(oracle, f"bias_ih_l{i}").copy_(torch.cat([enter, forget, candidate, leave]))
            getattr(oracle, f"bias_hh_l{i}").zero_()
            split = kernel.shape[1] - 4
            getattr(oracle, f"weight_ih_l{i}").copy_(kernel[:, :split])
            getattr(oracle, f"weight_hh_l{i}").copy_(kernel[:, split:])
        x = torch.randn(2, 7, 5)
        begin = [(torch.randn(2, 4, 1, 1), torch.randn(2, 4, 1, 1)) for _ in range(layers)]
        given = tuple(torch.stack([s[k][..., 0, 0] for s in begin]) for k in range(2))
        expected, (hidden, cell_state) = oracle(x, given)
        maps, states = model.forward_features(x[..., None, None], begin)
        torch.testing.assert_close(maps[-1][..., 0, 0], expected)
        for i, (h, c) in enumerate(states):
            torch.testing.assert_close(h[..., 0, 0], hidden[i])
            torch.testing.assert_close(c[..., 0, 0], cell_state[i])
        last = model(x[..., None, None], None, begin)
        torch.testing.assert_close(last[..., 0, 0], expected[:, -1])


def test_a_pixel_sees_as_far_as_the_kernel_in_each_step() -> None:
    model = ConvLSTM(1, 2, [(3, 5)], 1).eval()
    x = torch.zeros(1, 2, 1, 9, 13, requires_grad=True)
    model(x)[0, 0, 4, 6].backward()
    assert x.grad is not None
    for t, (rows, columns) in enumerate(((5, 9), (3, 5))):
        seen = x.grad[0, t, 0].nonzero()
        assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [rows, columns]


MODELS = {
    "conv": lambda: ConvLSTM(3, [4, 5], 3, 2, num_classes=2),
    "pixel": lambda: Conv3dLSTM(3, 6, 4, num_outputs=2),
    "chip": lambda: Conv3dLSTM(3, 6, 4, (5, 3, 1), num_outputs=2, output_mode="chip"),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_follows_the_end_has_no_influence(name: str) -> None:
    model = MODELS[name]().eval()
    x = torch.randn(3, 5, 3, 6, 7)
    lengths = torch.tensor([2, 9, 1])
    with torch.no_grad():
        found = model(x, lengths)
        for i, length in enumerate(lengths.clamp_max(5).tolist()):
            torch.testing.assert_close(found[i : i + 1], model(x[i : i + 1, :length]))
        x[0, 2:] = float("nan")
        if name != "conv":
            torch.testing.assert_close(model(x, lengths), found)


@pytest.mark.parametrize("mode", ["pixel", "chip"])
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_chips_are_pooled_maps(mode: Any, pooling: Any) -> None:
    model = Conv3dLSTM(3, 6, 4, num_outputs=2, pooling=pooling, return_sequence=True).eval()
    x = torch.randn(2, 4, 3, 6, 7)
    last = Conv3dLSTM(3, 6, 4, num_outputs=2, pooling=pooling, output_mode=mode).eval()
    last.load_state_dict(model.state_dict())
    with torch.no_grad():
        maps = model(x)
        assert maps.shape == (2, 4, 2, 6, 7)
        expected = maps[:, -1]
        if mode == "chip":
            expected = expected.mean((2, 3)) if pooling == "avg" else expected.amax((2, 3))
        torch.testing.assert_close(last(x), expected)


def test_the_first_convolution_is_over_time() -> None:
    """Without recurrence into it: PyTorch's Conv3d and a ConvLSTM, one after the other."""
    model = Conv3dLSTM(3, 6, 4, (3, 1, 3)).eval()
    plain = ConvLSTM(6, 4).eval()
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("input_projection")}
    plain.load_state_dict(state)
    x = torch.randn(2, 4, 3, 6, 7)
    w, b = model.input_projection.weight, model.input_projection.bias
    with torch.no_grad():
        steps = F.conv3d(x.transpose(1, 2), w, b, padding=(1, 0, 1)).transpose(1, 2)
        torch.testing.assert_close(model(x), plain(steps))


@pytest.mark.parametrize("model", [ConvLSTM(3, 4), Conv3dLSTM(3, 6, 4)], ids=["conv", "conv3d"])
def test_series_of_another_shape_are_refused(model: Any) -> None:
    x = torch.zeros(2, 4, 3, 5, 6)
    states = [(torch.zeros(2, 4, 5, 5), torch.zeros(2, 4, 5, 5))]
    for error, match, args in (
        (ConfigError, r"\(2, 3, 5, 6\): expected \(B, T, C, H, W\)", (x[:, 0],)),
        (ConfigError, "none empty", (x[:, :0],)),
        (BandError, r"2 channels: expected \(B, T, C, H, W\) with C = 3", (x[:, :, :2],)),
        (ConfigError, r"\(3,\): expected \(2,\)", (x, torch.tensor([1, 2, 3]))),
        (ConfigError, "at least one date", (x, torch.tensor([0, 3]))),
        (ConfigError, r"hidden_state has the shapes .*\(2, 4, 5, 6\)", (x, None, states)),
    ):
        with pytest.raises(error, match=match):
            model(*args)


@pytest.mark.parametrize(
    ("match", "settings"),
    [("kernel_size is 2", {"kernel_size": 2}), ("head_kernel_size is 4", {"head_kernel_size": 4}),
     ("2, one a layer", {"hidden_dim": [4], "num_layers": 2}),
     ("one number", {"kernel_size": [3, 3]}), ("num_layers is 0", {"num_layers": 0})],
)  # fmt: skip
def test_convlstm_arguments(match: str, settings: dict[str, Any]) -> None:
    for build in (ConvLSTM, Conv3dLSTM):
        with pytest.raises(ConfigError, match=match):
            build(3, **settings)


@pytest.mark.parametrize(
    ("match", "settings"),
    [("conv3d_kernel_size is 2", {"conv3d_kernel_size": 2}), ("num_outputs is 0",
     {"num_outputs": 0}), ("did you mean pixel", {"output_mode": "pixels"}),
     ("there are avg, max", {"pooling": "sum"})],
)  # fmt: skip
def test_conv3dlstm_arguments(match: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=match):
        Conv3dLSTM(3, **settings)


# -- they learn, and leave


def learns(model: nn.Module, x: Tensor, target: Tensor, steps: int = 60) -> float:
    """The last loss as a share of the first."""
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    losses = []
    for _ in range(steps):
        value = F.binary_cross_entropy_with_logits(model.train()(x), target)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(value.item())
    return losses[-1] / losses[0]


def test_the_order_of_dates_is_learnt() -> None:
    """Which came first, the bright date or the dark one: a mean over dates cannot tell."""
    early = torch.tensor([1.0, -1, 0, 0])
    x = torch.stack([early, early.flip(0)]).repeat(4, 1)[..., None, None, None]
    maps = (x + 0.1 * torch.randn(8, 4, 3, 6, 6)).float()
    target = torch.tensor([0.0, 1]).repeat(4)[:, None]
    chips = Conv3dLSTM(3, 4, 4, output_mode="chip")
    assert learns(chips, maps, target) < 0.3
    assert learns(ConvLSTM(3, 4), maps, target[..., None, None].expand(8, 1, 6, 6)) < 0.3
    head = nn.Linear(8, 1)
    # the first norm takes away what all channels have in common
    series = maps.mean((2, 3, 4))[..., None] * torch.randn(8)
    encoder = LTAE(8, 2, 4, (16, 8), 0.0, d_model=16, T=100, len_max_seq=4)
    assert learns(nn.Sequential(encoder, head), series, target) < 0.3


def test_exported_with_what_says_how_long() -> None:
    with torch.no_grad():
        model = ltae().eval()
        mask = torch.tensor([[True, True, True, False]] * 2)
        x = torch.randn(2, 4, 8)
        out = torch.export.export(model, (x, mask)).module()
        other = mask.roll(1, 1)
        torch.testing.assert_close(out(x, other), model(x, other))
        conv = ConvLSTM(3, 4).eval()
        images = torch.randn(2, 4, 3, 5, 6)
        out = torch.export.export(conv, (images, torch.tensor([1, 4]))).module()
        lengths = torch.tensor([3, 2])
        torch.testing.assert_close(out(images, lengths), conv(images, lengths))
