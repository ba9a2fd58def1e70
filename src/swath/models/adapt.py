"""Fit a checkpoint to the bands that the user has: its first layer, and its normalisation."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swath.errors import BandError
from swath.models.matching import (
    TOLERANCE,
    Match,
    Target,
    find_source,
    nearest_sources,
    source_bands,
    target_band,
)
from swath.models.presets import Preset
from swath.models.weights import WeightsEnum
from swath.sensors import find_sensor

__all__ = ["BandFit", "adapt_kernel", "fit_bands"]

logger = logging.getLogger("swath.models")


@dataclass(frozen=True, eq=False)
class BandFit:
    """How a checkpoint's bands become the user's.

    Attributes:
        source: The checkpoint's bands.
        target: The user's bands, in order.
        mixing: (targets, sources): row i has the weights by which the sources' kernels make the
            kernel of target i.
        transforms: The checkpoint's preset for the user's bands; None if it has none.
        how: For each target ``"same"``, ``"counterpart"`` or ``"near"`` (see `fit_bands`).
        weights: Full name of the checkpoint.
        units: What raw pixels must be, a name of `swath.sensors.UNITS`; None if it is not known.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    mixing: Tensor
    transforms: Preset | None = None
    how: tuple[str, ...] = ()
    weights: str = ""
    units: str | None = None

    @property
    def exact(self) -> bool:
        """Every band is one of the checkpoint's, and no kernel is shared or mixed."""
        used = self.mixing != 0
        alone = bool((used.sum(0) <= 1).all()) and bool((used.sum(1) == 1).all())
        return alone and all(how == "same" for how in self.how)

    @property
    def unchanged(self) -> bool:
        """The same bands in the same order: the first layer stays as it was published."""
        square = self.mixing.shape[0] == self.mixing.shape[1]
        return square and bool(torch.equal(self.mixing, torch.eye(len(self.mixing))))

    @property
    def unused(self) -> tuple[str, ...]:
        """The checkpoint's bands that no band of the user stands for."""
        used = self.mixing.abs().sum(0) > 0
        return tuple(b for b, u in zip(self.source, used.tolist(), strict=True) if not u)

    def describe(self) -> str:
        """In words, a line a band: which kernel it gets, from which bands, by which weights."""
        lines = [f"{self.weights or 'The checkpoint'}: {len(self.source)} bands, fitted to "
                 f"{len(self.target)}."]  # fmt: skip
        width = max((len(name) for name in self.target), default=0)
        for i, name in enumerate(self.target):
            row = self.mixing[i].tolist()
            parts = [
                f"{'' if w == 1 else f'{w:.3g} x '}{self.source[j]}" for j, w in enumerate(row) if w
            ]
            how = self.how[i] if i < len(self.how) else "same"
            shared = any(int((self.mixing[:, j] != 0).sum()) > 1 for j, w in enumerate(row) if w)
            said = _HOW[how] + (", kernel shared" if shared else "")
            lines.append(f"  {name:<{width}}  <- {' + '.join(parts)}  ({said})")
        if self.unused:
            lines.append(f"  left out: {', '.join(self.unused)} (as if always at their mean)")
        if self.units:
            lines.append(f"  raw pixels must be {self.units}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.describe()


_HOW = {
    "same": "the same band",
    "counterpart": "its counterpart by wavelength",
    "near": "the nearest by wavelength",
}


def fit_bands(
    weights: WeightsEnum,
    bands: Sequence[str | float],
    *,
    sensor: str | None = None,
    tolerance: float = TOLERANCE,
    rescale: bool = False,
) -> BandFit:
    """How the checkpoint `weights` fits an image with `bands`, in the order of its channels.

    Each of the user's bands is, in this order:

    * *the same* band of the checkpoint, by any of its names (``"B4"``, ``"B04"``, ``"red"``), or
      of the same design on another satellite (Landsat 9's for Landsat 8's);
    * its *counterpart*: the pass bands are such that each one's centre lies in the other (a bare
      wavelength: it lies in the checkpoint's band); of several, the one with the nearest centre;
    * *near*: pass bands overlap, or are `tolerance` apart at most. Between two of these, one on
      either side, the kernel is their mean, weighted linearly by wavelength.

    Beyond that there is an error, never a guess. Radar matches by polarisation and light by
    wavelength, never one with the other; thermal bands, and bands in which the air absorbs (water
    vapour, cirrus), match only their like; an index such as NDVI only its name.

    Several targets that take the same source share its kernel, so that nothing is counted twice:
    where a source's weights add up to more than 1 over the targets, they are divided by their
    sum. If all these targets hold what the source would have held, the first layer's output is
    what it was.

    A checkpoint for several dates names its bands several times: the n-th time that a name is
    among `bands`, it means the n-th time it is among the checkpoint's. Where the checkpoint has
    a band once and `bands` several times (dates on top of each other), they share its kernel.

    Bands of the checkpoint that nobody asks for are left out, and the rest stays as it is: the
    model is exactly the published one with the missing bands at zero after normalisation, which
    is their mean. It is not rescaled by the number of bands, as for pictures is often done: a
    kernel's size says how much its band matters, which does not grow when others are missing.

    Args:
        weights: A member of a weights enum.
        bands: Names in the checkpoint's sensor or in `sensor`, ``"sensor:band"``, or centre
            wavelengths: in micrometres, above 100 in nanometres.
        sensor: Whose bands they are, where it is not the checkpoint's.
        tolerance: Gap between pass bands that is allowed, in micrometres.
        rescale: Multiply all kernels by sources / targets, for presets that have no mean: bright
            bands that are missing then lower the activations less.

    Raises:
        BandError: A band has no counterpart in the checkpoint; the text names the nearest.
        ConfigError: There is no such sensor.
    """
    fit = match_bands(weights, bands, sensor=sensor, tolerance=tolerance, rescale=rescale)
    if not fit.unchanged:
        logger.log(logging.INFO if fit.exact else logging.WARNING, "%s", fit)
    return fit


def match_bands(
    weights: WeightsEnum,
    bands: Sequence[str | float],
    *,
    sensor: str | None = None,
    tolerance: float = TOLERANCE,
    rescale: bool = False,
) -> BandFit:
    """`fit_bands`, without a word in the log: for whoever only compares."""
    if isinstance(bands, str):
        raise BandError(f"bands is the text {bands!r}: expected a list of bands, [{bands!r}]")
    named = repr(weights)
    if not weights.bands:
        raise BandError(
            f"{named} does not say what its bands are, so that none can be picked: leave bands out"
        )
    if not len(bands):
        raise BandError(f"bands is empty: expected some of {', '.join(weights.bands)}")
    sources = source_bands(weights.sensor, weights.bands)
    meant = sensor or weights.sensor
    own = None if meant is None else find_sensor(meant)
    targets = [target_band(b, own, () if sensor else weights.bands) for b in bands]
    matches = _match(named, targets, sources, tolerance)
    raw = torch.zeros(len(bands), len(sources), dtype=torch.float64)
    for i, match in enumerate(matches):
        for j, share in match.shares.items():
            raw[i, j] = share
    mixing = (raw / raw.sum(0).clamp_min(1)).float()
    if rescale:
        mixing *= len(sources) / len(targets)
    names = tuple(t.name for t in targets)
    preset = weights.transforms if isinstance(weights.transforms, Preset) else None
    units = weights.meta.get("units")
    return BandFit(
        weights.bands, names, mixing, preset.select(raw, names) if preset else None,
        tuple(m.how for m in matches), named, units,
    )  # fmt: skip


def adapt_kernel(kernel: Tensor, fit: BandFit) -> Tensor:
    """(out, sources, …) to (out, targets, …)."""
    if kernel.ndim < 2 or kernel.shape[1] != len(fit.source):
        raise BandError(
            f"the first layer's kernel is {tuple(kernel.shape)}: expected {len(fit.source)} "
            f"channels, one for each of {', '.join(fit.source)}"
        )
    mixed = torch.einsum("ts,os...->ot...", fit.mixing.to(kernel), kernel)
    return mixed.contiguous()


def _match(
    named: str, targets: Sequence[Target], sources: Sequence[Target], tolerance: float
) -> list[Match]:
    """A match for each target, the n-th of a name among the n-th of the sources."""
    dates: list[int] = []
    seen: Counter[object] = Counter()
    for source in sources:
        dates.append(seen[_key(source)])
        seen[_key(source)] += 1
    last = max(dates)
    found: list[Match] = []
    counted: Counter[object] = Counter()
    for target in targets:
        date = counted[_key(target)]
        counted[_key(target)] += 1
        if date > last and last > 0:
            raise BandError(
                f"{target.name!r} is given {date + 1} times and {named} has its bands "
                f"{last + 1} times: {_listed(sources)}"
            )
        allowed = [i for i, d in enumerate(dates) if d == min(date, last)]
        match = find_source(target, sources, allowed, tolerance)
        if match is None:
            raise BandError(_no_match(named, target, sources, tolerance))
        found.append(match)
    return found


def _key(target: Target) -> object:
    return target.band if target.band is not None else target.name.lower()


def _listed(sources: Sequence[Target]) -> str:
    return ", ".join(s.name for s in sources)


def _no_match(named: str, target: Target, sources: Sequence[Target], tolerance: float) -> str:
    kinds = {s.band.kind for s in sources if s.band is not None}
    bare = target.band is None or target.band.sensor == "wavelength"
    what = target.name if bare else str(target.band)
    text = f"{named} has no band like {what}"
    if target.band is not None and target.band.kind == "radar" and "radar" not in kinds:
        return f"{text}: it was trained on light ({_listed(sources)}), and radar has no part in it"
    if target.band is not None and target.band.kind != "radar" and kinds == {"radar"}:
        return f"{text}: it was trained on radar ({_listed(sources)}), and light has no part in it"
    near = nearest_sources(target, sources)
    if near:
        shown = ", ".join(f"{s.name} at {s.band.wavelength:.4g} µm" for s in near if s.band)
        return (
            f"{text} (pass bands at most {tolerance:g} µm apart): nearest are {shown}; it has "
            f"{_listed(sources)}. Leave the band out, or take weights that have it "
            "(swath.models.list_weights)"
        )
    return f"{text}: it has {_listed(sources)}"
