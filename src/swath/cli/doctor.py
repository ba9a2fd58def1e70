"""``swath doctor``: what is installed, what works, and what is missing for what."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ["EXTRAS", "Finding", "examine", "run"]

#: What pip installs -> (the module that tells, what it is for).
EXTRAS = {
    "swath[xarray]": ("xarray", "NetCDF, HDF5 and Zarr cubes"),
    "swath[hdf5]": ("h5py", "benchmarks in HDF5: So2Sat, ZueriCrop"),
    "swath[lora]": ("peft", "low-rank adapters: lora=… of every task"),
    "swath[tensorboard]": ("tensorboard", "curves of a training in TensorBoard"),
    "swath[mlflow]": ("mlflow", "runs in MLflow"),
    "swath[wandb]": ("wandb", "runs in Weights & Biases"),
    "swath[aurora]": ("aurora", "the weather model Aurora"),
    "swath[olmoearth]": ("olmoearth_pretrain_minimal", "the OlmoEarth backbones"),
    "faster-coco-eval": ("faster_coco_eval", "mean average precision of detection"),
}

_SHOWN = ("torch", "torchvision", "lightning", "timm", "segmentation-models-pytorch", "kornia",
          "torchmetrics", "numpy", "numba", "rasterio", "pyproj", "shapely", "geopandas",
          "imagecodecs")  # fmt: skip
_FEW = 2**30  # bytes free, under which a training soon stops


@dataclass(frozen=True)
class Finding:
    """A line: ``state`` is ``"ok"``, ``"note"`` (something is missing or doubtful) or ``"bad"``
    (Swath does not work).
    """

    group: str
    name: str
    text: str
    state: str = "ok"


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    argparse.ArgumentParser(
        prog="swath doctor",
        description="Versions, cores, memory, GPUs, GDAL, caches, disk and optional packages. "
        "Nothing is downloaded and the network is not tried. Exits with 1 if something "
        "essential does not work.",
    ).parse_args(argv)
    found = list(examine())
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    print("\n".join(report(found, width)))
    return int(any(f.state == "bad" for f in found))


def examine() -> Iterator[Finding]:
    """All findings, a group after the other."""
    yield from _versions()
    yield from _machine()
    yield from _tried("works", "GPU", _gpus)
    yield from _tried("works", "GDAL", _gdal)
    yield from _tried("works", "PROJ", _proj)
    yield from _caches()
    yield from _network()
    yield from _extras()


def report(found: Sequence[Finding], width: int) -> list[str]:
    """The findings as lines, and what they come to."""
    marks = {"ok": "  ", "note": "! ", "bad": "X "}
    lines: list[str] = []
    group = ""
    for f in found:
        head = "" if f.group == group else f.group
        group = f.group
        start = f"{head:9}{marks[f.state]}{f.name:26} "
        lines += textwrap.wrap(
            f.text, width, initial_indent=start, subsequent_indent=" " * 38,
            break_on_hyphens=False, break_long_words=False,
        ) or [start]  # fmt: skip
    bad = [f.name for f in found if f.state == "bad"]
    notes = sum(f.state == "note" for f in found)
    end = f"{len(bad)} broken: {', '.join(bad)}" if bad else "all that is essential works"
    return [*lines, "", f"{end}; {notes} note{'s' * (notes != 1)} (!)"]


def _tried(group: str, name: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from list(look())
    except Exception as error:  # a broken library fails in any way, and that is the finding
        text = " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(group, name, f"does not work: {text[:300]}", "bad")


def _versions() -> Iterator[Finding]:
    from swath import __version__

    yield Finding("versions", "swath", __version__)
    yield Finding("versions", "python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("versions", "system", f"{platform.system()} {platform.release()}, "
                  f"{platform.machine()}")  # fmt: skip
    known: list[str] = []
    for name in _SHOWN:
        module = name.replace("-", "_")
        try:
            version = importlib.metadata.version(name)
            __import__(module)
        except importlib.metadata.PackageNotFoundError:
            text = f'is not installed: pip install "{name}"'
            yield Finding("versions", name, text, "bad")
        except Exception as error:  # an import of a broken binary fails in any way
            text = " ".join(str(error).split())[:300]
            yield Finding("versions", name, f"{version} cannot be imported: {text}", "bad")
        else:
            known.append(f"{name} {version}")
    yield Finding("versions", "packages", ", ".join(known))


def _machine() -> Iterator[Finding]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    cores = os.cpu_count() or 1
    told = f"{cores}" if usable in (None, cores) else f"{usable} of {cores} may be used"
    threads = os.environ.get("OMP_NUM_THREADS")
    told += f", OMP_NUM_THREADS={threads}" if threads else ""
    yield Finding("machine", "processor cores", told)
    total, free = _memory()
    if total:
        text = f"{_size(total)}, {_size(free)} free"
        yield Finding("machine", "memory", text, "ok" if free > 2 * _FEW else "note")
    left = shutil.disk_usage(os.getcwd()).free
    state = "ok" if left > _FEW else "note"
    yield Finding("machine", "disk, this folder", f"{_size(left)} free", state)


def _memory() -> tuple[int, int]:
    """Bytes of memory that there are (or may be used here), and that are free."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        total, free = (int(lines[k].split()[0]) * 1024 for k in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        try:
            total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            return 0, 0
        return total, total
    try:  # a container's own limit
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            limit = int(file.read())
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as file:
            used = int(file.read())
    except (OSError, ValueError):
        return total, free
    return min(total, limit), max(min(free, limit - used), 0)


def _gpus() -> Iterator[Finding]:
    import torch

    built = torch.version.cuda or torch.version.hip
    kind = "CUDA" if torch.version.cuda else "ROCm"
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            got = torch.cuda.get_device_properties(i)
            free, total = torch.cuda.mem_get_info(i)
            sample = torch.ones(8, device=f"cuda:{i}")
            if float(sample.sum()) != 8:
                raise RuntimeError(f"{got.name} adds wrongly")
            text = f"{got.name}, {_size(total)}, {_size(free)} free; {kind} {built}"
            yield Finding("works", f"GPU {i}", text)
        return
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        yield Finding("works", "GPU", "Apple's, through MPS")
        return
    there = os.path.exists("/proc/driver/nvidia/version") or os.path.exists("/dev/kfd")
    if not there:
        yield Finding("works", "GPU", "none: trainings use the processor")
    elif not built:
        text = "there is one, but this torch was built without CUDA or ROCm: install that of your "
        yield Finding("works", "GPU", text + "driver, https://pytorch.org/get-started", "note")
    else:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f" (CUDA_VISIBLE_DEVICES={hidden})" if hidden is not None else ""
        text = f"there is a driver, but torch ({kind} {built}) sees no GPU{why}: is the driver "
        yield Finding("works", "GPU", text + "new enough, and the GPU given to you?", "note")


def _gdal() -> Iterator[Finding]:
    import numpy as np
    import rasterio
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    options = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "uint16",
               "crs": "EPSG:32633", "transform": from_origin(0, 80, 10, 10),
               "compress": "deflate"}  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**options) as file:
            file.write(pixels, 1)
        with memory.open() as file:
            if (file.read(1) != pixels).any() or file.crs.to_epsg() != 32633:
                raise RuntimeError("a GeoTIFF that was written comes back changed")
    wanted = {"JPEG 2000": "JP2OpenJPEG", "NetCDF": "netCDF", "HDF5": "HDF5"}
    with rasterio.Env() as env:
        there = env.drivers()
    lacks = [name for name, driver in wanted.items() if driver not in there]
    text = f"{rasterio.__gdal_version__}, writes and reads GeoTIFF"
    text += f"; without {', '.join(lacks)}" if lacks else ""
    yield Finding("works", "GDAL", text)


def _proj() -> Iterator[Finding]:
    import pyproj

    step = pyproj.Transformer.from_crs(4326, 32633, always_xy=True).transform
    x, y = step(15.0, 50.0)
    if abs(x - 500_000) > 0.01 or abs(y - 5_538_630.70) > 0.01:
        raise RuntimeError(f"15° E, 50° N is at {x:.2f}, {y:.2f} in EPSG:32633: expected 500000, "
                           "5538630.70; is PROJ_DATA of another version?")  # fmt: skip
    text = pyproj.proj_version_str
    for name in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA"):
        if name in os.environ:
            text += f"; {name}={os.environ[name]}"
    yield Finding("works", "PROJ", text)


def _caches() -> Iterator[Finding]:
    try:
        from swath.datasets.rows import keep_folder
        from swath.models.checkpoint import checkpoint_folder
        from swath.vector.indexed import copies_folder
    except Exception as error:  # said above, by the package that is broken
        yield Finding("caches", "folders", f"not known: {error}", "note")
        return
    tiles = os.environ.get("SWATH_CACHE_DIR")
    yield _folder("weights", str(checkpoint_folder()))
    yield _folder("index of files", str(keep_folder()))
    yield _folder("copies of vectors", str(copies_folder()))
    if tiles:
        yield _folder("tiles", tiles)
    else:
        yield Finding("caches", "tiles", "in memory alone; SWATH_CACHE_DIR keeps remote ones")


def _folder(name: str, path: str) -> Finding:
    size, count = 0, 0
    for folder, _, files in os.walk(path):
        for file in files:
            try:
                size += os.lstat(os.path.join(folder, file)).st_size
                count += 1
            except OSError:
                continue
    above = path
    while not os.path.exists(above) and os.path.dirname(above) != above:
        above = os.path.dirname(above)
    if not (os.path.isdir(above) and os.access(above, os.W_OK | os.X_OK)):
        remedy = "SWATH_CACHE_DIR" if name == "tiles" else "SWATH_HOME"
        text = f"{path}: not writable; set {remedy} to a folder that is"
        return Finding("caches", name, text, "note")
    left = shutil.disk_usage(above).free
    what = f"{_size(size)} in {count} files" if count else "empty"
    state = "ok" if left > _FEW else "note"
    return Finding("caches", name, f"{path}: {what}, {_size(left)} free", state)


def _network() -> Iterator[Finding]:
    from swath.fetch.urls import redact

    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "GDAL_HTTP_PROXY"):
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            shown = redact(value if "://" in value else f"http://{value}")
            yield Finding("network", name, f"{shown} (not tried)")


def _extras() -> Iterator[Finding]:
    for package, (module, purpose) in EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Finding("optional", module, f"is there: {purpose}")
        else:
            text = f'{purpose}: pip install "{package}"'
            yield Finding("optional", module, text, "note")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
