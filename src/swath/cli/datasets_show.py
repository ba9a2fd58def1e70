"""All that is known of one dataset, for a reader or for a program."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swath.cli.text import keyed, table
from swath.datasets.catalogue import Archive, File, dataset_class, published_files
from swath.datasets.catalogue.description import size_text
from swath.datasets.catalogue.layer import PublishedLayer
from swath.errors import BandError, ConfigError
from swath.sensors import Band, Sensor, find_sensor

__all__ = ["download_size", "record", "show", "volumes"]

_NONE = ("", "-", "–")


def show(name: str, as_json: bool = False) -> Iterator[str]:
    """Lines about a dataset.

    Raises:
        ConfigError: There is none of that name.
    """
    kind = dataset_class(name)
    if as_json:
        import json

        yield json.dumps(record(kind), indent=1, ensure_ascii=False)
        return
    info = kind.info
    yield kind.__name__ if info.title == kind.__name__ else f"{kind.__name__}: {info.title}"
    yield ""
    told = {
        "tasks": ", ".join(info.tasks),
        "source": info.source,
        "samples": _samples(kind),
        "size": info.size,
        "resolution": f"{info.resolution} m" if re.match(r"\d", info.resolution) else
        info.resolution,
        "splits": ", ".join(kind.splits) or ("" if issubclass(kind, PublishedLayer) else "none"),
        "licence": "none is stated" if info.licence in _NONE else info.licence,
        "citation": info.citation,
        "homepage": info.homepage,
        "download": size_text(size) if (size := download_size(kind)) else "",
        "account": info.account,
    }  # fmt: skip
    for key, text in told.items():
        if text:
            yield from keyed(key, text)
    for choice, values in kind.choices.items():
        default, *others = values
        also = f" (default), {', '.join(others)}" if others else ""
        yield from keyed(f"--{choice}", f"{default}{also}")
    yield from _bands(kind)
    yield from _classes(kind)
    yield from _files(kind)
    yield ""
    yield from (f"  {line}" for line in _python(kind))


def record(kind: type[Any]) -> dict[str, Any]:
    """The same as plain data."""
    info = kind.info
    samples = dict(info.samples) if isinstance(info.samples, Mapping) else info.samples
    return {
        "name": kind.__name__,
        "title": info.title,
        "tasks": list(info.tasks),
        "source": info.source,
        "samples": samples,
        "size": info.size,
        "resolution": info.resolution,
        "splits": list(kind.splits),
        "choices": {k: list(v) for k, v in kind.choices.items()},
        "classes": list(kind.classes),
        "class_values": list(_values(kind)),
        "colours": [list(c) for c in _colours(kind)],
        "bands": list(kind.all_band_names),
        "band_sets": {k: list(v) for k, v in kind.BAND_SETS.items()},
        "mean": dict(kind.mean),
        "std": dict(kind.std),
        "ignore_index": kind.ignore_index,
        "licence": None if info.licence in _NONE else info.licence,
        "citation": info.citation,
        "homepage": info.homepage,
        "bytes": download_size(kind),
        "account": info.account,
        "files": [
            {"name": f.name, "url": f.url, "mirrors": list(f.mirrors), "size": f.size,
             "md5": f.md5, "sha256": f.sha256, "when": dict(f.when),
             "extracted": isinstance(f, Archive)}
            for f in volumes(published_files(kind))
        ],
    }  # fmt: skip


def volumes(files: Any) -> list[File]:
    """Files, with the further volumes of archives after their first."""
    return [v for f in files for v in (f, *(f.volumes if isinstance(f, Archive) else ()))]


def download_size(kind: type[Any]) -> int | None:
    """Bytes of all that is published of a dataset; None where they are not known."""
    sizes = [f.size for f in volumes(published_files(kind))]
    if sizes and all(s is not None for s in sizes):
        return sum(s or 0 for s in sizes)
    known: int | None = kind.info.bytes
    return known


def _samples(kind: type[Any]) -> str:
    samples = kind.info.samples
    if isinstance(samples, Mapping):
        return f"{kind.info.total:,} ({', '.join(f'{k} {n:,}' for k, n in samples.items())})"
    return "not known" if samples is None else f"{samples:,}"


def _sensors(source: str) -> list[Sensor]:
    """Those of them that are known; aerial pictures have no known wavelengths."""
    found = []
    for name in re.split(r"[,;/&+]| and ", source):
        with contextlib.suppress(ConfigError):
            found.append(find_sensor(name.strip()))
    return found


def _band(name: str, sensors: list[Sensor]) -> Band | None:
    for sensor in sensors:
        with contextlib.suppress(BandError):
            if (band := sensor.find(name)) is not None:
                return band
    return None


def _bands(kind: type[Any]) -> Iterator[str]:
    names = kind.all_band_names
    if not names:
        return
    sensors = _sensors(kind.info.source)
    shown = tuple(getattr(kind, "rgb_bands", ()))
    known = {n: _band(n, sensors) for n in names}
    if not any(known.values()) and not kind.mean:
        yield from keyed("bands", " ".join(names))
        return
    yield ""
    rows = []
    for name, band in known.items():
        where = "" if band is None else (
            f"{band.wavelength:.4g} µm" if band.wavelength is not None else band.polarisation or ""
        )  # fmt: skip
        rgb = "RGB"[shown.index(name)] if name in shown and len(shown) == 3 else ""
        mean, std = (f"{t[name]:.5g}" if name in t else "" for t in (kind.mean, kind.std))
        said = (band.common_name or band.kind) if band is not None else ""
        rows.append((name, where, said, rgb, mean, std))
    head = ("  band", "centre", "what", "shown as", "mean", "std")
    keep = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    yield from table([head[i] for i in keep], [[f"  {r[0]}", *(r[i] for i in keep[1:])]
                                               for r in rows])  # fmt: skip
    for key, bands in kind.BAND_SETS.items():
        yield from keyed(f"{key}:", " ".join(bands))


def _colours(kind: type[Any]) -> list[tuple[int, ...]]:
    return [tuple(c) for c in kind.colours]


def _values(kind: type[Any]) -> Sequence[int]:
    """What each class is in a mask: its number, unless a layer says otherwise."""
    values: Sequence[int] = getattr(kind, "class_values", ())
    return values or range(len(kind.classes))


def _classes(kind: type[Any]) -> Iterator[str]:
    if not kind.classes:
        return
    colours = _colours(kind)
    yield ""
    if not colours:
        text = ", ".join(f"{i} {name}" for i, name in zip(_values(kind), kind.classes, strict=True))
        yield from keyed("classes", f"{len(kind.classes)}: {text}")
    else:
        rows = [
            (str(i), f"#{bytes(c[:3]).hex()}", str(name))
            for i, name, c in zip(_values(kind), kind.classes, colours, strict=False)
        ]
        yield from (f"  {line}" for line in table(("class", "colour", "name"), rows))
    if kind.ignore_index is not None:
        yield from keyed("ignored", f"the value {kind.ignore_index} of masks is no class")


def _files(kind: type[Any]) -> Iterator[str]:
    files = volumes(published_files(kind))
    if not files:
        return
    yield ""
    yield "  files"
    for file in files:
        facts = [size_text(file.size)] if file.size else []
        facts += [f"md5 {file.md5}"] if file.md5 else []
        facts += [f"sha256 {file.sha256}"] if file.sha256 else []
        facts += ["no digest is published"] if not file.md5 and not file.sha256 else []
        facts += [f"for {k} {v if isinstance(v, str) else ' or '.join(v)}"
                  for k, v in file.when.items()]  # fmt: skip
        yield from keyed("", f"{file.name}: {', '.join(facts)}", 2)
        yield from (f"        {url}" for url in (file.url, *file.mirrors) if url)
        if file.url is None:
            yield "        has to be fetched by hand"


def _python(kind: type[Any]) -> Iterator[str]:
    name, arguments = kind.__name__, inspect.signature(kind).parameters
    split = f', split="{kind.splits[0]}"' if kind.splits and "split" in arguments else ""
    if kind.splits and "splits" in arguments:
        split = f', splits=["{kind.splits[0]}"]'
    fetch = ", download=True" if "download" in arguments else ""
    yield f"from swath.datasets import {name}"
    yield f'dataset = {name}("data/{name.lower()}"{split}{fetch})'
