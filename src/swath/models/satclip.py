"""SatCLIP: what a place looks like from above, from its longitude and latitude.

Source: Klemmer et al. 2023, https://arxiv.org/abs/2311.17179.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from swath.errors import ConfigError
from swath.models.factory import Request
from swath.models.registry import register_model
from swath.models.weights import WeightsEnum, weight

__all__ = ["SatCLIP", "SatCLIP_Weights", "satclip", "spherical_harmonics"]

Array: TypeAlias = npt.NDArray[np.float64]


class SatCLIP_Weights(WeightsEnum):
    """Published weights of `satclip`."""

    SATCLIP_VIT16_L40 = weight(
        "https://huggingface.co/microsoft/SatCLIP-ViT16-L40/resolve/"
        "0ef2acc0b91d3c8cfdf4a0cc03207095989287ab/satclip-vit16-l40.ckpt",
        model="satclip", dataset="S2-100K", license="MIT", ssl_method="clip",
        publication="https://doi.org/10.1609/aaai.v39i4.32457",
        repo="https://github.com/microsoft/satclip", image_encoder="vit16-l40",
        legendre_polys=40, capacity=512, embed_dim=256, num_hidden_layers=2,
    )  # fmt: skip


@cache
def _recurrence(count: int) -> tuple[Array, Array, Array]:
    """Factors of the three-term recurrence of normalised Legendre functions, each (degree, order).

    Degree l and order m: P(l, m) = a · x · P(l-1, m) + b · P(l-2, m) + c · sin^m, where a and b
    are for m < l and c for m = l. Arrays, since a tensor may belong to a graph that is traced.
    """
    a, b, c = (np.zeros((count, count)) for _ in range(3))
    first = math.sqrt(1 / (4 * math.pi))
    for degree in range(count):
        if degree:
            first *= math.sqrt((2 * degree + 1) / (2 * degree))
        c[degree, degree] = first
        for m in range(degree):
            below = (degree - 1) ** 2 - m**2
            a[degree, m] = math.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            if below > 0:
                b[degree, m] = -a[degree, m] * math.sqrt(below / (4 * (degree - 1) ** 2 - 1))
    return a, b, c


def spherical_harmonics(lonlat: Tensor, count: int) -> Tensor:
    """Real spherical harmonics of degrees below `count` at places on the globe.

    Colatitude and longitude are counted from the south pole and the date line: theta = lat + 90°,
    phi = lon + 180°. In the order (l, m) = (0, 0), (1, -1), (1, 0), (1, 1), (2, -2), …, with
    √2 sin(|m| phi) for m < 0 and √2 cos(m phi) for m > 0, orthonormal and without the
    Condon-Shortley phase. For m = 0 they are π times as large: so it is in the formulae with
    which the weights were trained (https://github.com/microsoft/satclip/issues/33), which hence
    has to stay.

    Args:
        lonlat: (B, 2), degrees.
        count: Number of degrees.

    Returns:
        (B, count²) in double precision (single where the device has no other).
    """
    kind = torch.float32 if lonlat.device.type == "mps" else torch.float64
    a, b, c = (torch.as_tensor(t, dtype=kind, device=lonlat.device) for t in _recurrence(count))
    lon, lat = torch.deg2rad(lonlat.to(kind)).unbind(-1)
    # cos(lat + 90°) and sin(lat + 90°), without the detour that loses digits at the poles
    x, sine = -torch.sin(lat)[:, None], torch.cos(lat)[:, None]
    orders = torch.arange(count, device=lonlat.device, dtype=kind)
    powers = sine**orders
    before, now = torch.zeros_like(powers), torch.zeros_like(powers)
    angle = orders * (lon[:, None] + math.pi)
    cosine, sine_of = angle.cos() * math.sqrt(2), angle.sin() * math.sqrt(2)
    found: list[Tensor] = []
    for degree in range(count):
        before, now = now, a[degree] * x * now + b[degree] * before + c[degree] * powers
        values = now[:, : degree + 1]
        found += [
            (values[:, 1:] * sine_of[:, 1 : degree + 1]).flip(1),
            values[:, :1] * math.pi,
            values[:, 1:] * cosine[:, 1 : degree + 1],
        ]
    return torch.cat(found, 1)


class SphericalHarmonics(nn.Module):
    """`spherical_harmonics` as a layer."""

    def __init__(self, legendre_polys: int) -> None:
        super().__init__()
        self.legendre_polys = legendre_polys
        self.embedding_dim = legendre_polys**2

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2) longitude, latitude in degrees to (B, legendre_polys²)."""
        return spherical_harmonics(x, self.legendre_polys)


class Siren(nn.Module):
    """A linear layer and sin(frequency · …), in training with dropout in between.

    Source: Sitzmann et al. 2020, https://arxiv.org/abs/2006.09661, initial values included.
    """

    def __init__(
        self, dim_in: int, dim_out: int, frequency: float, *, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.frequency, self.last = frequency, last
        self.weight = nn.Parameter(torch.empty(dim_out, dim_in))
        self.bias = nn.Parameter(torch.empty(dim_out))
        limit = 1 / dim_in if first else math.sqrt(6 / dim_in) / frequency
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -limit, limit)

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim_in) to (B, dim_out)."""
        x = functional.linear(x, self.weight, self.bias)
        if self.last:
            return x
        return torch.sin(self.frequency * functional.dropout(x, 0.5, self.training))


class SirenNet(nn.Module):
    """Hidden layers and a last one without sine."""

    def __init__(self, dim_in: int, hidden: int, dim_out: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Siren(
                hidden if i else dim_in,
                hidden,
                1.0 if i else 30.0,
                first=i == 0,
                last=False,
            )
            for i in range(layers)
        )
        self.last_layer = Siren(hidden, dim_out, 1.0, first=False, last=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim_in) to (B, dim_out)."""
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.last_layer(x)
        return out


class SatCLIP(nn.Module):
    """Location encoder: spherical harmonics into a sinusoidal network.

    Args:
        legendre_polys: Degrees of spherical harmonics: the more, the finer the detail.
        capacity: Width of the hidden layers.
        embed_dim: Numbers of an embedding.
        num_hidden_layers: Layers before the last.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(
        self,
        legendre_polys: int = 40,
        capacity: int = 512,
        embed_dim: int = 256,
        num_hidden_layers: int = 2,
    ) -> None:
        super().__init__()
        numbers = {
            "legendre_polys": legendre_polys, "capacity": capacity, "embed_dim": embed_dim,
            "num_hidden_layers": num_hidden_layers,
        }  # fmt: skip
        for name, number in numbers.items():
            if number < 1:
                raise ConfigError(f"{name} is {number}: expected 1 or more")
        self.posenc = SphericalHarmonics(legendre_polys)
        self.nnet = SirenNet(self.posenc.embedding_dim, capacity, embed_dim, num_hidden_layers)

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings of places.

        The harmonics are computed in double precision whatever the parameters are, since those
        of high degree lose their digits otherwise.

        Args:
            x: (B, 2), longitude then latitude, in degrees: -180 to 180 and -90 to 90. -180 and
                180 are the same place.

        Returns:
            (B, embed_dim) in the precision of the parameters.

        Raises:
            ConfigError: Another shape, or coordinates out of range or not finite.
        """
        check_places(x, ("longitude", "latitude"))
        out: Tensor = self.nnet(self.posenc(x).to(self.nnet.last_layer.weight.dtype))
        return out


def check_places(x: Tensor, order: tuple[str, str]) -> None:
    """Coordinates (B, 2) in degrees that exist; `order` names the two columns.

    Raises:
        ConfigError: Another shape, or coordinates out of range or not finite.
    """
    if x.ndim != 2 or x.shape[1] != 2:
        raise ConfigError(f"coordinates are {tuple(x.shape)}: expected (B, 2), {', '.join(order)}")
    if torch.compiler.is_compiling() or x.is_meta:  # values are not known
        return
    limits = {"longitude": 180.0, "latitude": 90.0}
    limit = torch.tensor([limits[name] for name in order], device=x.device, dtype=x.dtype)
    bad = (~(x.detach().abs() <= limit)).any(1).nonzero()
    if len(bad):
        i = int(bad[0])
        raise ConfigError(
            f"coordinates {i} of the batch are {x[i].tolist()}: expected {order[0]}, {order[1]} in "
            "degrees, longitude from -180 to 180 and latitude from -90 to 90 (are the two "
            "swapped, or in metres?)"
        )


@register_model(weights=SatCLIP_Weights, tasks=("location", "embedding"), bands="none")
def satclip(weights: SatCLIP_Weights | str | None = None, *args: Any, **kwargs: Any) -> SatCLIP:
    """SatCLIP's location encoder, https://arxiv.org/abs/2311.17179.

    Args:
        weights: A member, its name, or None for random numbers. With weights the model is in eval
            mode, as its dropout would otherwise halve what it knows. Of the published file, which
            is a whole training with its image encoder, the location encoder is loaded.
        *args: For `SatCLIP`.
        **kwargs: For `SatCLIP`.

    Raises:
        ConfigError: There are no such weights.
    """
    request = Request.of(SatCLIP_Weights, weights)
    model = SatCLIP(*args, **kwargs)
    model = request.finish(
        model, rename={r"^model\.location\.": ""}, unused=(r"^model\.", r"^posenc\.")
    )
    return model.eval() if request.weights is not None else model
