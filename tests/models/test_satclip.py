"""SatCLIP: spherical harmonics as scipy has them, a sinusoidal network, the published file."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np
import pytest
import torch
from cases_foundation import places
from scipy import special
from torch import Tensor

from swath.errors import ConfigError
from swath.models import SatCLIP, SatCLIP_Weights, satclip
from swath.models.checkpoint import checkpoint_path
from swath.models.satclip import spherical_harmonics


def somewhere(count: int = 300) -> Tensor:
    torch.manual_seed(11)
    scale = torch.tensor([180.0, 90.0], dtype=torch.float64)
    return torch.cat([places(5).double(), (torch.rand(count, 2).double() * 2 - 1) * scale])


def by_scipy(lonlat: Tensor, count: int) -> np.ndarray[Any, Any]:
    """Real harmonics from scipy's complex ones."""
    lon, lat = np.deg2rad(lonlat.numpy()).T
    theta, phi = lat + np.pi / 2, lon + np.pi
    found = []
    for degree in range(count):
        for order in range(-degree, degree + 1):
            m = abs(order)
            if hasattr(special, "sph_harm_y"):
                y = special.sph_harm_y(degree, m, theta, phi)
            else:
                y = special.sph_harm(m, degree, phi, theta)
            phase = (-1) ** m  # scipy's has Condon's and Shortley's
            if order == 0:
                found.append(math.pi * y.real)
            else:
                found.append(phase * math.sqrt(2) * (y.imag if order < 0 else y.real))
    return np.stack(found, -1)


@pytest.mark.parametrize("count", [1, 2, 10, 40])
def test_harmonics_are_scipys(count: int) -> None:
    lonlat = somewhere()
    found = spherical_harmonics(lonlat, count)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), by_scipy(lonlat, count), rtol=0, atol=1e-9)


def test_harmonics_are_orthonormal() -> None:
    """Integrated over the globe, by Gauss and Legendre in latitude; π² where the order is 0."""
    count = 8
    nodes, gauss = np.polynomial.legendre.leggauss(count)
    lon = np.arange(-180, 180, 360 / (2 * count))
    grid = np.stack(np.meshgrid(lon, np.rad2deg(np.arcsin(nodes))), -1).reshape(-1, 2)
    share = np.repeat(gauss, len(lon)) * 2 * np.pi / len(lon)
    y = spherical_harmonics(torch.from_numpy(grid), count).numpy()
    product = (y * share[:, None]).T @ y
    expected = [
        math.pi**2 if order == 0 else 1.0
        for degree in range(count)
        for order in range(-degree, degree + 1)
    ]
    np.testing.assert_allclose(product, np.diag(expected), atol=1e-9)


def model(**changes: Any) -> SatCLIP:
    torch.manual_seed(0)
    return SatCLIP(**{"legendre_polys": 12, "capacity": 32, "embed_dim": 8, **changes}).eval()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_date_line_and_poles(kind: torch.dtype) -> None:
    """180° east is 180° west, and at a pole all longitudes are one place."""
    net = model().to(kind)
    lat = torch.linspace(-90, 90, 13, dtype=kind)
    east, west = (torch.stack([torch.full_like(lat, s), lat], 1) for s in (180.0, -180.0))
    lon = torch.linspace(-180, 180, 25, dtype=kind)
    with torch.no_grad():
        torch.testing.assert_close(net(east), net(west), rtol=0, atol=1e-6)
        for pole in (90.0, -90.0):
            found = net(torch.stack([lon, torch.full_like(lon, pole)], 1))
            torch.testing.assert_close(found, found[:1].expand_as(found), rtol=0, atol=1e-6)
        assert (net(east)[0] - net(east)[-1]).abs().max() > 1e-4
        # and it is longitude that comes first
        swapped = net(torch.tensor([[20.0, 60.0]], dtype=kind)) - net(
            torch.tensor([[60.0, 20.0]], dtype=kind)
        )
    assert swapped.abs().max() > 1e-4


def test_places_near_each_other_are_alike() -> None:
    net = model()
    with torch.no_grad():
        a, b, c = net(torch.tensor([[9.0, 48.0], [9.0001, 48.0001], [-60.0, -20.0]]))
    assert (a - b).abs().max() < 1e-3 < (a - c).abs().max()


def test_single_precision_loses_nothing_in_the_harmonics() -> None:
    """Also of 40 degrees, and for the network as published."""
    torch.manual_seed(0)
    net = satclip().eval()
    lonlat = somewhere(50)
    lonlat = lonlat.float().double()
    with torch.no_grad():
        single = net(lonlat.float())
        double = net.double()(lonlat)
    assert single.dtype == torch.float32
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-5)


def test_network_is_sines_of_thirty_then_one() -> None:
    net = model(num_hidden_layers=3)
    x = somewhere(20).float()
    parameters = {k: v.double() for k, v in net.state_dict().items()}
    y = torch.from_numpy(by_scipy(x.double(), 12))
    for i, frequency in enumerate((30.0, 1.0, 1.0)):
        weight, bias = (parameters[f"nnet.layers.{i}.{n}"] for n in ("weight", "bias"))
        y = torch.sin(frequency * (y @ weight.T + bias))
    y = y @ parameters["nnet.last_layer.weight"].T + parameters["nnet.last_layer.bias"]
    with torch.no_grad():
        torch.testing.assert_close(net(x).double(), y, rtol=1e-4, atol=1e-5)


def test_initial_values_spread_as_sirens_do() -> None:
    """Sitzmann et al.: the first layer within 1/n, the others within √(6/n)/frequency."""
    net = model(capacity=600)
    first, second, last = net.nnet.layers[0], net.nnet.layers[1], net.nnet.last_layer
    assert first.weight.abs().max().item() == pytest.approx(1 / 144, rel=1e-2)
    for layer in (second, last):
        assert layer.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 600), rel=1e-2)


@pytest.mark.parametrize(
    "wrong",
    [[[200.0, 10.0]], [[10.0, 95.0]], [[0.0, float("nan")]], [[float("inf"), 0.0]], [[5e5, 5e6]]],
)
def test_places_that_do_not_exist(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"coordinates 1 of the batch .* longitude, latitude"):
        model()(torch.tensor([[0.0, 0.0], *wrong]))


def test_other_mistakes() -> None:
    for shape in ((2,), (4, 3), (2, 3, 2)):
        with pytest.raises(ConfigError, match=r"expected \(B, 2\), longitude, latitude"):
            model()(torch.zeros(shape))
    for name in ("legendre_polys", "capacity", "embed_dim", "num_hidden_layers"):
        with pytest.raises(ConfigError, match=f"{name} is 0"):
            SatCLIP(**{name: 0})


def test_an_empty_batch_and_gradients_to_places() -> None:
    assert model()(torch.zeros(0, 2)).shape == (0, 8)
    place = torch.tensor([[10.0, 50.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model().double(), place)


def test_harmonics_after_export_are_as_before() -> None:
    """Tracing must leave nothing behind in what is remembered between calls."""
    net, x = model(legendre_polys=7), somewhere(3).float()
    exported = torch.export.export(net, (x,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(x), net(x))
        torch.testing.assert_close(model(legendre_polys=7)(x), net(x))


SMALL = {"legendre_polys": 4, "capacity": 8, "embed_dim": 4}


@pytest.fixture
def published(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """A small training in its file: both encoders, settings, double precision; gives our part."""
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    torch.manual_seed(5)
    state = {k: v.double() for k, v in SatCLIP(**SMALL).state_dict().items()}
    path = checkpoint_path(SatCLIP_Weights.SATCLIP_VIT16_L40.url)
    path.parent.mkdir(parents=True)
    torch.save(
        {
            "epoch": 499, "global_step": 1, "pytorch-lightning_version": "2.1",
            "state_dict": {
                "model.logit_scale": torch.ones(()),
                "model.visual.patch_embed.proj.weight": torch.ones(2, 13, 4, 4),
                "model.visual.head.bias": torch.ones(4),
                **{f"model.location.{k}": v for k, v in state.items()},
            },
            "hyper_parameters": {"legendre_polys": 4, "le_type": "sphericalharmonics"},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        },
        path,
    )  # fmt: skip
    return state


def test_published_file_loads(published: dict[str, Tensor]) -> None:
    net = satclip(SatCLIP_Weights.SATCLIP_VIT16_L40, **SMALL)
    assert not net.training, "its dropout is for training"
    assert all(torch.equal(v, published[k].float()) for k, v in net.state_dict().items())
    assert satclip(None, **SMALL).training
    with pytest.raises(ConfigError, match="does not fit SatCLIP"):
        satclip("SATCLIP_VIT16_L40", **{**SMALL, "capacity": 9})


def test_settings_are_those_of_the_weights() -> None:
    meta = SatCLIP_Weights.SATCLIP_VIT16_L40.meta
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in SatCLIP(
            meta["legendre_polys"], meta["capacity"], meta["embed_dim"], meta["num_hidden_layers"]
        ).state_dict().items()}  # fmt: skip
        assert shapes == {k: tuple(v.shape) for k, v in satclip().state_dict().items()}
