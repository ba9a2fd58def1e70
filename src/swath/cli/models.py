"""``swath models``: which architectures and published weights there are, and what each expects."""

from __future__ import annotations

import argparse
import contextlib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from swath.cli.text import keyed, say, table, width

if TYPE_CHECKING:
    from swath.models.registry import ModelEntry
    from swath.models.weights import WeightsEnum

__all__ = ["run"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath models",
        description="Which architectures and published weights there are, and what each expects.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list|show")
    listing = commands.add_parser(
        "list",
        help="all models, or the weights that suit your images",
        description="All models; with --sensor or --bands the published weights that suit your "
        "images, the best first.",
    )
    add = listing.add_argument
    add("--sensor", help="that takes the images: sentinel2, landsat8, naip, …")
    add(
        "--bands",
        nargs="+",
        metavar="BAND",
        help="of the images, in their order: names of the sensor, or wavelengths in micrometres",
    )
    add("--task", help="backbone, classification, segmentation, detection, change, …")
    add("--exact", action="store_true", help="only weights that have these bands as they are")
    add("--weights", action="store_true", help="list weights whatever the filters")
    show = commands.add_parser(
        "show",
        help="a model and its weights, or all that is known of one weight",
        description="A model and its weights (resnet18), or all that is known of one weight "
        "(ResNet18_Weights.SENTINEL2_ALL_MOCO).",
    )
    show.add_argument("name", metavar="NAME")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    if options.command == "list":
        lines = _list(options)
    else:
        lines = _show(options.name)
    say(lines)
    return 0


def _list(options: argparse.Namespace) -> Iterator[str]:
    from swath.models import list_models, list_weights
    from swath.models.registry import model_entry

    bands = None if options.bands is None else [_band(b) for b in options.bands]
    if not (options.sensor or bands or options.weights):
        entries = [model_entry(name) for name in list_models(task=options.task)]
        yield from _models(entries)
        count = sum(len(_members(e)) for e in entries)
        yield ""
        yield f"{len(entries)} models, {count} published weights."
        yield "`swath models show NAME` says more; --sensor and --bands find weights for images."
        return
    found = list_weights(options.sensor, bands, options.task, exact=options.exact)
    if found:
        yield from table(
            ("weights", "bands", "fit" if bands else "data"),
            [(repr(w), _few(w.bands), _fit(w, bands, options.sensor)) for w in found],
        )
    anything = [name for name in list_models(task=options.task) if model_entry(name).bands == "any"]
    if anything and not options.exact:
        yield ""
        yield from keyed("Of any bands, by their wavelengths", ", ".join(anything))
    yield ""
    if found:
        yield f"{len(found)} weights{', the best first' if bands else ''}."
    else:
        yield "No published weights suit that" + (
            ": try it without --exact." if options.exact else "."
        )


def _band(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _members(entry: ModelEntry) -> list[WeightsEnum]:
    return [] if entry.weights is None else list(entry.weights.__members__.values())


def _models(entries: Iterable[ModelEntry]) -> Iterator[str]:
    rows = []
    for entry in entries:
        members = _members(entry)
        sensors = sorted({m.sensor for m in members if m.sensor})
        text = " ".join(sensors) or {"any": "any, by wavelength"}.get(entry.bands, "")
        rows.append((entry.name, str(len(members) or ""), ", ".join(entry.tasks), text))
    return table(("model", "weights", "for", "sensors"), rows)


def _few(bands: Sequence[str]) -> str:
    if len(bands) <= 4:
        return " ".join(bands)
    return f"{bands[0]} … {bands[-1]} ({len(bands)})"


def _fit(weights: WeightsEnum, bands: list[str | float] | None, sensor: str | None) -> str:
    from swath.errors import BandError
    from swath.models.adapt import match_bands
    from swath.sensors import sensor_family

    if not bands:
        return str(weights.meta.get("dataset") or "")
    fits = []
    for name in [None] if sensor is None else [s.name for s in sensor_family(sensor)]:
        with contextlib.suppress(BandError):  # the sensor, one of a family, may lack the band
            fits.append(match_bands(weights, bands, sensor=name))
    if not fits:
        return ""
    fit = next((f for f in fits if f.exact), fits[0])
    if fit.unchanged:
        return "as they are"
    if fit.exact:
        return f"{len(fit.target)} of {len(fit.source)}"
    moved = sum(how != "same" for how in fit.how)
    return f"adapted: {moved} by wavelength" if moved else "adapted: kernels shared"


def _show(name: str) -> Iterator[str]:
    from swath.errors import ConfigError
    from swath.models import get_weight, list_models
    from swath.models.registry import model_entries, model_entry, weights_enums
    from swath.models.weights import nearest

    enums = weights_enums()
    if name.lower() in {n.lower() for n in list_models()}:
        return _model(model_entry(name))
    if name in enums:
        return _model(next(e for e in model_entries() if e.weights is enums[name]))
    if "." in name or any(name in enum.__members__ for enum in enums.values()):
        return _weight(get_weight(name))
    hint = nearest(name, [*list_models(), *enums])
    raise ConfigError(f"there is no model {name!r}, nor weights of that name: {hint}")


def _model(entry: ModelEntry) -> Iterator[str]:
    yield entry.name
    yield ""
    said = (entry.build.__doc__ or "").strip().split("\n\n")[0]
    yield from textwrap.wrap(" ".join(said.split()), width() - 2, initial_indent="  ",
                             subsequent_indent="  ")  # fmt: skip
    yield from keyed("for", ", ".join(entry.tasks))
    bands = {"fixed": "those of the weights, or yours by bands=(…)", "any": "any, by wavelength",
             "none": "none"}  # fmt: skip
    members = _members(entry)
    own = {  # of several sensors at once
        k.removesuffix("_bands"): " ".join(v)
        for m in members
        for k, v in m.meta.items()
        if k.endswith("_bands") and v and not isinstance(v, str)
    }
    said = "; ".join(f"{k} {v}" for k, v in own.items())
    if entry.bands == "none" and "location" not in entry.tasks:
        bands["none"] = "its own, as its documentation says"
        if any(m.bands for m in members):
            bands["none"] = "those of the weights"
    yield from keyed("bands", said or bands[entry.bands])
    if entry.extra:
        yield from keyed("needs", entry.extra)
    if not members:
        yield from keyed("weights", "none are published")
        return
    yield ""
    yield from table(
        (f"{type(members[0]).__name__}.", "sensor", "bands", "licence", "data"),
        [
            (m.name, m.sensor or "", _few(m.bands), str(m.meta.get("license") or "not stated"),
             str(m.meta.get("dataset") or ""))
            for m in members
        ],
    )  # fmt: skip


def _weight(weights: WeightsEnum) -> Iterator[str]:
    from swath.models.checkpoint import checkpoint_path
    from swath.models.size import entry_of

    meta = dict(weights.meta)
    entry = entry_of(weights)
    path = checkpoint_path(weights.url, sha256=meta.get("sha256"))
    there = f"{path.stat().st_size / 1e6:,.0f} MB" if path.is_file() else "not fetched yet"
    record: dict[str, Any] = {
        "model": f"{entry.name}{_size(weights)}",
        "sensor": weights.sensor,
        "bands": " ".join(weights.bands) or None,
        "in_chans": meta.get("in_chans"),
        "units": _units(meta.get("units")),
        "transforms": " ".join(repr(weights.transforms).split()),
        "licence": meta.get("license") or "not stated",
        "paper": meta.get("publication"),
        "code": meta.get("repo"),
    }
    known = {"model", "sensor", "bands", "in_chans", "units", "license", "publication", "repo"}
    record |= {k: _plain(v) for k, v in meta.items() if k not in known}
    record |= {"url": weights.url, "file": f"{path} ({there})"}
    yield repr(weights)
    yield ""
    told = {k: str(v) for k, v in record.items() if v is not None and v != ""}
    for key, value in told.items():
        yield from keyed(key, value, max(map(len, told)))
    yield ""
    yield f"  from swath.models import {entry.name}"
    yield f'  model = {entry.name}(weights="{weights.name}")'
    if entry.bands == "fixed" and len(weights.bands) > 1 and len({*weights.bands}) > 1:
        some = ", ".join(f'"{b}"' for b in [*dict.fromkeys(weights.bands)][:3])
        yield f'  model = {entry.name}(weights="{weights.name}", bands=({some}))'


def _size(weights: WeightsEnum) -> str:
    from swath.models.size import entry_of, model_size

    if entry_of(weights).extra:  # another package's, which need not be there
        return ""
    size = model_size(weights)
    return f" ({size.parameters / 1e6:.1f} million parameters, {size.megabytes:,.0f} MB)"


def _units(name: str | None) -> str | None:
    from swath.sensors import UNITS

    said = getattr(UNITS.get(name), "meaning", None) if name else None
    return f"{name}: {said}" if said else name


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
