"""What every published layer owes: all states of its folder, honest samples, a picture."""

from __future__ import annotations

import contextlib
import inspect
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from served import Miniature
from test_contract import protect, same

from swath.datasets import dataset_class, list_datasets, stack_samples
from swath.datasets.catalogue import Archive, File, Raster, make_miniature, pack_miniature, states
from swath.datasets.catalogue.layer_miniature import filled_files
from swath.datasets.catalogue.patterns import Pattern
from swath.errors import (
    ArchiveError,
    ChecksumError,
    ConfigError,
    DatasetNotFoundError,
    QueryError,
    SplitError,
    SwathError,
    UnreadableFileError,
)

NAMES = [n for n in list_datasets(kind="layers") if dataset_class(n).parts]
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.parametrize("name", NAMES)]


class LayerMiniature(Miniature):
    """A layer's miniature; of its published files, those that the miniature fills."""

    def files(self, url: str = "http://127.0.0.1:9/") -> tuple[File, ...]:
        """The layer's files with the miniature's digests, at another address."""
        return tuple(self._here(file, url) for file in filled_files(self.kind, self.tree))  # type: ignore[arg-type]

    def served(self, url: str = "http://127.0.0.1:9/") -> type[Any]:
        """The layer's class, for which the miniature is what was published."""
        return type(self.kind.__name__, (self.kind,), {"published": self.files(url)})

    def names(self) -> list[str]:
        """Every published file."""
        return [file.name for file in filled_files(self.kind, self.tree)]  # type: ignore[arg-type]

    def by_hand(self) -> bool:
        """Whether some file cannot be downloaded by a program, or is not known by name."""
        return not self.names() or any(f.url is None for f in self.files())


_MADE: dict[str, LayerMiniature] = {}


@pytest.fixture
def mini(name: str, tmp_path_factory: pytest.TempPathFactory) -> LayerMiniature:
    if name not in _MADE:
        kind, place = dataset_class(name), tmp_path_factory.mktemp(name)
        rows = make_miniature(kind, place / "tree")
        (place / "packed").mkdir()
        if files := filled_files(kind, place / "tree"):
            pack_miniature(files, place / "tree", place / "packed")
        _MADE[name] = LayerMiniature(kind, place / "tree", place / "packed", rows)
    return _MADE[name]


@pytest.fixture(autouse=True)
def another_process() -> None:
    states._seen.clear()


def load(kind: type[Any], root: Path, **options: Any) -> Any:
    """The layer, with those of the options that it has."""
    known = inspect.signature(kind).parameters
    return kind(root, **{k: v for k, v in options.items() if k in known})


def first(ds: Any) -> dict[str, Any]:
    sample: dict[str, Any] = ds.sample_at(0)
    return sample


def test_description(name: str) -> None:
    kind = dataset_class(name)
    assert kind.__doc__
    assert kind.title == kind.info.title
    assert kind.info.citation
    assert kind.info.homepage.startswith("http")
    for file in kind.published:
        assert file.url is None or file.url.startswith(("https://", "http://"))
    if kind.class_values:
        assert len(kind.class_values) == len(kind.classes)


def test_samples_are_honest(name: str, mini: LayerMiniature) -> None:
    ds = load(mini.kind, mini.tree, checksum=False)
    assert len(ds) > 0
    x, y, _ = ds.bounds
    assert x.start < x.stop
    assert y.start < y.stop
    samples = [ds.sample_at(i, 16) for i in range(len(ds))]
    for sample in samples:
        check(ds, sample)
    assert stack_samples([first(ds), first(ds)])
    with pytest.raises(QueryError):
        ds[x.stop + 1e6 : x.stop + 2e6, y]
    with pytest.raises(SwathError):
        ds["0"]


def check(ds: Any, sample: dict[str, Any]) -> None:
    assert set(sample) & {"image", "mask", "bbox_xyxy", "keypoints", "label"}, sorted(sample)
    if "image" in sample:
        assert sample["image"].dtype == torch.float32
        assert sample["image"].shape[-3] == len(ds.bands)
    if "mask" in sample:
        assert sample["mask"].dtype in (torch.int64, torch.float32)
        assert sample["mask"].numel()
    for key in ("bounds", "transform"):
        assert sample[key].shape == (9,)
        assert sample[key].dtype == torch.float64


def test_pixels_are_what_other_readers_read(name: str, mini: LayerMiniature) -> None:
    """On a file's own grid, images are its numbers, and masks of unchanged codes too."""
    parts = [p for p in mini.kind.parts if isinstance(p, Raster)]
    ds = load(mini.kind, mini.tree, checksum=False)
    paths = set(ds.files)
    compared = 0
    for fields in mini.kind.examples:
        for part in parts:
            path = str(mini.tree / Pattern(part.path).format(fields))
            if path not in paths:
                continue
            with rasterio.open(path) as file:
                pixels, bounds, res, crs = file.read(), file.bounds, file.res, file.crs
            known = inspect.signature(mini.kind).parameters
            if "crs" not in known:
                continue
            at = mini.kind(mini.tree, crs=crs.to_wkt(), **{"checksum": False} if "checksum" in
                           known else {})  # fmt: skip
            sample = at[bounds.left : bounds.right : res[0], bounds.bottom : bounds.top : res[1]]
            found = sample["image" if "image" in sample else "mask"].numpy()
            if "image" in sample:
                expected = pixels[: len(found)].astype(np.float32)
            elif getattr(at, "class_map", None) is not None or found.ndim > 3:
                continue
            else:
                expected = pixels[0] if found.ndim == 2 else pixels
            if found.shape == expected.shape and not at.time_series and len(at) == len(paths):
                np.testing.assert_array_equal(found, expected)
                compared += 1
    if len(parts) == 1 and not parts[0].path.endswith("_Map.tif"):
        assert compared or getattr(ds, "class_map", None) is not None


def test_another_crs(name: str, mini: LayerMiniature) -> None:
    known = inspect.signature(mini.kind).parameters
    if "crs" not in known:
        return
    ds = load(mini.kind, mini.tree, crs="EPSG:3857", checksum=False)
    assert ds.crs.to_epsg() == 3857
    check(ds, ds.sample_at(0, 16))


def test_what_cannot_be_chosen(name: str, mini: LayerMiniature) -> None:
    known = inspect.signature(mini.kind).parameters
    for option in ("splits", "layers", "bands"):
        if option in known:
            with pytest.raises(SwathError, match="no such"):
                load(mini.kind, mini.tree, checksum=False, **{option: ["no such thing"]})
    if "splits" in known:
        with pytest.raises(SplitError):
            load(mini.kind, mini.tree, checksum=False, splits=[])
    for choice, values in mini.kind.choices.items():
        for value in values[1:]:
            with contextlib.suppress(DatasetNotFoundError):  # the miniature has not all of them
                load(mini.kind, mini.tree, checksum=False, **{choice: value})
        with pytest.raises(ConfigError):
            load(mini.kind, mini.tree, checksum=False, **{choice: "no such value"})


def test_transforms_are_called(name: str, mini: LayerMiniature) -> None:
    if "transforms" in inspect.signature(mini.kind).parameters:
        ds = load(mini.kind, mini.tree, checksum=False, transforms=lambda s: {"seen": set(s)})
        assert first(ds)["seen"]


def test_picture(name: str, mini: LayerMiniature) -> None:
    ds = load(mini.kind, mini.tree, checksum=False)
    sample = first(ds)
    figure = ds.plot(sample, suptitle="title")
    figure.canvas.draw()
    assert figure.axes
    if "mask" in sample and sample["mask"].ndim == 2:
        sample["prediction"] = sample["mask"]
        assert ds.plot(sample, show_titles=False).axes


def test_archives_alone_are_extracted(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    root = mini.copy("packed", tmp_path / "root")
    if not mini.names():
        return
    kind = mini.served()
    expected = load(kind, mini.tree, checksum=False)
    ds = load(kind, root)
    assert len(ds) > 0
    again = load(kind, root)
    assert len(again) == len(ds)
    for file in kind.published:
        if isinstance(file, Archive):
            (root / file.name).unlink(missing_ok=True)
    without = load(kind, root)  # the archives are not needed any more
    assert len(without) == len(ds) <= len(expected)
    ours, theirs = first(without), first(expected)
    assert same(ours.get("mask"), theirs.get("mask"))
    assert same(ours.get("image"), theirs.get("image"))


def test_deeper_folders_and_single_files(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    """A layer's files are found at any depth."""
    deep = mini.copy("tree", tmp_path / "a" / "b" / "c")
    assert deep.is_dir()
    ds = load(mini.kind, tmp_path / "a", checksum=False)
    assert len(ds) == len(load(mini.kind, mini.tree, checksum=False))


def test_nothing_there(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    kind, root = mini.served(), tmp_path / "empty"
    with pytest.raises(DatasetNotFoundError, match=name) as caught:
        load(kind, root)
    assert str(root) in str(caught.value)
    if mini.names():
        assert kind.info.homepage in str(caught.value)
    assert not root.exists() or not any(root.iterdir())


def serve(mini: LayerMiniature, loopback: Any) -> type[Any]:
    for name in mini.names():
        loopback.put("/" + name, (mini.packed / name).read_bytes())
    return mini.served(loopback.url + "/")


def test_download(name: str, mini: LayerMiniature, tmp_path: Path, loopback: Any) -> None:
    root = tmp_path / "root"
    if mini.by_hand():
        with pytest.raises((DatasetNotFoundError, ConfigError)):
            load(mini.served(), root, download=True)
        return
    kind = serve(mini, loopback)
    ds = load(kind, root, download=True)
    assert 0 < len(ds) <= len(load(mini.kind, mini.tree, checksum=False))
    asked = len(loopback.requests)
    load(kind, root, download=True)
    load(kind, root)
    assert len(loopback.requests) == asked  # nothing twice


def test_interrupted_download_goes_on(name: str, mini: LayerMiniature, tmp_path: Path,
                                      loopback: Any, monkeypatch: Any) -> None:  # fmt: skip
    if mini.by_hand():
        return
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # no pause before the next attempt
    kind = serve(mini, loopback)
    for page in loopback.pages.values():
        page.cut = [len(page.body) // 2]
    assert len(load(kind, tmp_path / "root", download=True))
    assert any("Range" in headers or "range" in headers for _, headers in loopback.requests)


def test_damaged_file(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    root, kind = mini.copy("packed", tmp_path / "root"), mini.served()
    archives = [f for f in kind.published if isinstance(f, Archive)]
    if not archives:
        return
    for file in archives:
        victim = root / file.name
        whole = victim.read_bytes()
        victim.write_bytes(whole[: len(whole) // 2])
    if "checksum" in inspect.signature(kind).parameters:
        with pytest.raises(ChecksumError):
            load(kind, root)
    with pytest.raises((ArchiveError, UnreadableFileError, ChecksumError)):
        load(kind, root, checksum=False)
    assert not any("extracting" in p.name for p in root.rglob("*"))


def test_wrong_file_served(name: str, mini: LayerMiniature, tmp_path: Path, loopback: Any) -> None:
    if mini.by_hand():
        return
    kind = serve(mini, loopback)
    for page in loopback.pages.values():
        page.body, page.etag = b"x" + page.body[1:], '"other"'
    with pytest.raises((ChecksumError, ArchiveError, UnreadableFileError)):
        load(kind, tmp_path / "root", download=True)


def test_partly_extracted_is_mended(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    root, kind = mini.copy("packed", tmp_path / "root"), mini.served()
    if not any(isinstance(f, Archive) for f in kind.published):
        return
    ds = load(kind, root)
    files = list(ds.files)
    os.unlink(files[0])
    states._seen.clear()  # another process
    assert load(kind, root).files == files


def test_two_at_once(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    root, kind = mini.copy("packed", tmp_path / "root"), mini.served()
    if not mini.names():
        return
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(len(load(kind, root)))
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [len(load(kind, root))] * 2


def in_child(work: Callable[[], int]) -> int:
    """What a process that may not write everything returns."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if os.getuid() == 0:  # whom no permission keeps from anything
                os.setgid(65534)
                os.setuid(65534)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_read_only_folder(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    """Extracted data are read; archives that cannot be extracted give an error that says so."""
    tree = mini.copy("tree", tmp_path / "tree")
    packed = mini.copy("packed", tmp_path / "packed")
    kind = mini.served()
    # What is imported on the way is imported now, while it may be read.
    first(load(kind, tree, checksum=False))
    if any(isinstance(f, Archive) for f in kind.published):
        load(kind, mini.copy("packed", tmp_path / "before"))

    def work() -> int:
        if not first(load(kind, tree, checksum=False)):
            return 2
        if not any(isinstance(f, Archive) for f in kind.published):
            return 0
        try:
            load(kind, packed)
        except SwathError as error:
            return 0 if str(packed) in str(error) else 3
        return 4

    for parent in list(tmp_path.parents)[:3]:
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o055)
    protect(tmp_path, 0o555, 0o444)
    try:
        assert in_child(work) == 0
    finally:
        protect(tmp_path, 0o755, 0o644)


def test_a_miniature_is_not_the_real_one(name: str, mini: LayerMiniature, tmp_path: Path) -> None:
    """The published digests tell a made-up archive from the real one."""
    known = [f for f in filled_files(mini.kind, mini.tree) if f.md5 or f.sha256]  # type: ignore[arg-type]
    if known and "checksum" in inspect.signature(mini.kind).parameters:
        root = mini.copy("packed", tmp_path / "root")
        with pytest.raises((ChecksumError, DatasetNotFoundError)):
            load(mini.kind, root)
