"""What every published dataset owes: all states of its folder, honest samples, a picture."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image as Picture
from served import Miniature

from swath.datasets import Benchmark, dataset_class, list_datasets, stack_samples
from swath.datasets.catalogue import Archive, Folder, Image, make_miniature
from swath.datasets.catalogue.states import verify_files
from swath.errors import (
    ArchiveError,
    BandError,
    ChecksumError,
    ConfigError,
    DatasetNotFoundError,
    QueryError,
    SplitError,
    SwathError,
    UnreadableFileError,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.parametrize("name", list_datasets(kind="samples")),
]
Make = Callable[[type[Benchmark]], Miniature]


@pytest.fixture
def mini(name: str, miniature: Make) -> Miniature:
    return miniature(dataset_class(name))


def load(kind: type[Benchmark], root: Path, split: str | None = None, **options: Any) -> Any:
    if kind.splits:
        options["split"] = split or kind.splits[0]
    return kind(root, **options)


def read(mini: Miniature, split: str | None = None, **options: Any) -> Any:
    """The extracted miniature, whose lists are not the published ones."""
    return load(mini.kind, mini.tree, split, checksum=False, **options)


def load_all(kind: type[Benchmark], root: Path, **options: Any) -> None:
    for split in kind.splits or (None,):
        load(kind, root, split, **options)


def at(ds: Benchmark, index: int) -> dict[str, Any]:
    """A sample; what is drawn by lot is drawn alike each time."""
    torch.manual_seed(0)
    return ds[index]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return bool(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_description(name: str) -> None:
    kind = dataset_class(name)
    info = kind.info
    assert kind.__doc__
    assert info.title
    assert info.citation
    assert info.homepage.startswith("http")
    assert set(kind.rgb_bands) <= set(kind.all_band_names)
    for bands in kind.BAND_SETS.values():
        assert set(bands) <= set(kind.all_band_names)
    if kind.colours and kind.classes:
        assert len(kind.colours) == len(kind.classes)
    for numbers in (kind.mean, kind.std):
        assert set(numbers) <= set(kind.all_band_names)
    for file in kind.files:
        for url in (file.url, *file.mirrors):
            assert url is None or url.startswith(("https://", "http://"))


def test_every_split_loads_honest_samples(name: str, mini: Miniature) -> None:
    for split in mini.kind.splits or (None,):
        ds = read(mini, split)
        made = [r for r in mini.rows if r["split"] == (split or "")]
        assert len(ds) > 0
        if made and not mini.kind.choices:
            assert len(ds) >= len(made) // 2
        samples = [at(ds, i) for i in range(len(ds))]
        for sample in samples:
            check(ds, sample)
        assert same(samples[-1].get("image"), at(ds, -1).get("image"))
        assert len(stack_samples(samples[:2])) == len(samples[0])
        listed = list(ds)
        assert len(listed) == len(ds)  # iteration ends


def check(ds: Benchmark, sample: dict[str, Any]) -> None:
    images = [k for k in sample if k.startswith("image")]
    assert images, sorted(sample)
    for key in images:
        image = sample[key]
        assert image.dtype == torch.float32, key
        assert image.ndim in (3, 4), key
        assert image.numel(), key
    if "mask" in sample and not sample["mask"].is_floating_point():
        mask = sample["mask"]
        assert mask.dtype in (torch.int64, torch.uint8, torch.bool), mask.dtype
        if mask.dtype == torch.int64 and ds.classes:
            known = (mask >= 0) & (mask < len(ds.classes))
            assert bool((known | (mask == ds.ignore_index)).all()), mask.unique()
    label = sample.get("label")
    if isinstance(label, torch.Tensor) and label.ndim == 0 and not label.is_floating_point():
        assert label.dtype == torch.int64
        assert not ds.classes or 0 <= int(label) < len(ds.classes)
    if "bbox_xyxy" in sample:
        boxes = sample["bbox_xyxy"]
        assert boxes.shape[-1] == 4
        assert boxes.dtype == torch.float32
        assert bool((boxes[:, 2:] >= boxes[:, :2]).all())
    for key in ("bounds", "transform"):
        if key in sample:
            assert sample[key].shape == (9,)
            assert sample[key].dtype == torch.float64


def test_images_are_what_other_readers_read(name: str, mini: Miniature) -> None:
    ds = read(mini)
    for part in ds.parts:
        if type(part) is not Image or not part.there(ds.site):
            continue
        path = part.files(ds.site, ds.sample_rows[0])[0]
        if path.lower().endswith((".tif", ".tiff")):
            with rasterio.open(path) as file:
                expected = file.read().astype(np.float32)
        else:
            pixels = np.asarray(Picture.open(path).convert("RGB"))
            expected = pixels.transpose(2, 0, 1).astype(np.float32)
        found = ds[0][part.key]
        if found.shape == expected.shape:
            np.testing.assert_array_equal(found.numpy(), expected)


def test_every_choice_loads(name: str, tmp_path: Path) -> None:
    kind = dataset_class(name)
    for choice, values in kind.choices.items():
        for value in values[1:]:
            root = tmp_path / f"{choice}-{value}"
            make_miniature(kind, root, **{choice: value})
            ds = kind(root, **{choice: value}, checksum=False)  # type: ignore[arg-type]
            check(ds, ds[0])


def test_what_is_not_there_is_refused(name: str, mini: Miniature) -> None:
    ds = read(mini)
    for index in (len(ds), -len(ds) - 1, 10**9):
        with pytest.raises(QueryError, match="expected 0 to"):
            ds[index]
    for wrong in (slice(0, 2), [0, 1], "0", 1.0):
        with pytest.raises(QueryError, match="whole number"):
            ds[wrong]
    with pytest.raises(SwathError):
        read(mini, bands=["no such band"])
    if mini.kind.splits:
        with pytest.raises(SplitError, match="expected"):
            read(mini, "no such split")
    for choice in mini.kind.choices:
        with pytest.raises((ConfigError, BandError), match="no such value"):
            read(mini, **{choice: "no such value"})


def test_transforms_are_called(name: str, mini: Miniature) -> None:
    ds = read(mini, transforms=lambda sample: {"seen": set(sample)})
    assert ds[0]["seen"]


def test_archives_alone_are_extracted(name: str, mini: Miniature, tmp_path: Path) -> None:
    root = mini.copy("packed", tmp_path / "root")
    kind = mini.served()
    expected = read(mini)
    ds = load(kind, root)
    assert len(ds) == len(expected)
    assert all(same(at(ds, 0)[k], v) for k, v in at(expected, 0).items() if "path" not in k)
    for path in [p for p in root.iterdir() if p.name in mini.names()]:
        if any(isinstance(f, Archive) and f.name == path.name for f in kind.files):
            path.unlink()
    assert len(load(kind, root)) == len(expected)  # the archives are not needed any more


def test_nothing_there(name: str, mini: Miniature, tmp_path: Path) -> None:
    kind, root = mini.served(), tmp_path / "empty"
    with pytest.raises(DatasetNotFoundError, match=name) as caught:
        load(kind, root)
    assert str(root) in str(caught.value)
    assert kind.info.homepage in str(caught.value)
    assert not root.exists() or not any(root.iterdir())


def serve(mini: Miniature, loopback: Any, **how: Any) -> type[Benchmark]:
    for name in mini.names():
        loopback.put("/" + quote(name), (mini.packed / name).read_bytes(), **how)
    return mini.served(loopback.url + "/")


def by_hand(mini: Miniature) -> bool:
    return any(f.url is None for f in mini.files()) or not mini.files()


def test_download(name: str, mini: Miniature, tmp_path: Path, loopback: Any) -> None:
    kind, root = serve(mini, loopback), tmp_path / "root"
    if by_hand(mini):
        with pytest.raises((DatasetNotFoundError, ConfigError)):
            load(kind, root, download=True)
        return
    ds = load(kind, root, download=True)
    assert len(ds) == len(read(mini))
    asked = len(loopback.requests)
    load(kind, root, download=True)
    assert len(loopback.requests) == asked  # nothing twice
    assert all(not problem for _, problem in verify_files(root, ds.wanted_files()))


def test_interrupted_download_goes_on(name: str, mini: Miniature, tmp_path: Path,
                                      loopback: Any, monkeypatch: Any) -> None:  # fmt: skip
    if by_hand(mini):
        return
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # no pause before the next attempt
    kind = serve(mini, loopback)
    for page in loopback.pages.values():
        page.cut = [len(page.body) // 2]
    assert len(load(kind, tmp_path / "root", download=True))
    assert any("Range" in headers or "range" in headers for _, headers in loopback.requests)


def test_damaged_file(name: str, mini: Miniature, tmp_path: Path) -> None:
    root = mini.copy("packed", tmp_path / "root")
    kind = mini.served()
    archives = [f for f in kind.files if isinstance(f, Archive)]
    single = [f for f in kind.files if not isinstance(f, Folder)]
    if not single:
        return
    victim = root / (archives or single)[0].name
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChecksumError, match=re.escape(victim.name.split("/")[-1][:12])):
        load_all(kind, root)
    if archives:
        with pytest.raises((ArchiveError, UnreadableFileError)):
            load_all(kind, root, checksum=False)
    assert not any("extracting" in p.name for p in root.rglob("*"))


def test_damaged_file_is_replaced_by_download(
    name: str, mini: Miniature, tmp_path: Path, loopback: Any
) -> None:
    if by_hand(mini):
        return
    kind, root = serve(mini, loopback), mini.copy("packed", tmp_path / "root")
    for name in mini.names():
        whole = (root / name).read_bytes()
        (root / name).write_bytes(whole[: len(whole) // 2])
    assert len(load(kind, root, download=True)) == len(read(mini))


def test_wrong_file_served(name: str, mini: Miniature, tmp_path: Path, loopback: Any) -> None:
    if by_hand(mini):
        return
    kind = serve(mini, loopback)
    for page in loopback.pages.values():
        page.body, page.etag = b"x" + page.body[1:], '"other"'
    with pytest.raises(ChecksumError):
        load(kind, tmp_path / "root", download=True)


def test_partly_extracted_is_mended(name: str, mini: Miniature, tmp_path: Path) -> None:
    kind = mini.served()
    if not any(isinstance(f, Archive) for f in kind.files):
        return
    root = mini.copy("packed", tmp_path / "root")
    ds = load(kind, root)
    expected = at(ds, 0)
    part = next(p for p in ds.parts if hasattr(p, "files") and p.there(ds.site))
    os.unlink(part.files(ds.site, ds.sample_rows[0])[0])
    from swath.datasets.catalogue import states

    states._seen.clear()  # another process
    again = load(kind, root)
    assert all(same(at(again, 0)[k], v) for k, v in expected.items())
    os.unlink(part.files(ds.site, ds.sample_rows[0])[0])
    for file in kind.files:
        if isinstance(file, Archive):
            (root / file.name).unlink()
    states._seen.clear()
    with pytest.raises(DatasetNotFoundError):
        load(kind, root)


def test_two_at_once(name: str, mini: Miniature, tmp_path: Path) -> None:
    root = mini.copy("packed", tmp_path / "root")
    kind = mini.served()
    lengths: list[Any] = []

    def work() -> None:
        try:
            lengths.append(len(load(kind, root)))
        except BaseException as error:
            lengths.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [len(read(mini))] * 2


def test_read_only_folder(name: str, mini: Miniature, tmp_path: Path) -> None:
    """Extracted data are read; archives that cannot be extracted give an error that says so."""
    tree = mini.copy("tree", tmp_path / "tree")
    packed = mini.copy("packed", tmp_path / "packed")
    kind = mini.served()
    # What is imported on the way is imported now, while it may be read.
    load(kind, tree, checksum=False)[0]
    load_all(kind, mini.copy("packed", tmp_path / "before"))
    for parent in list(tmp_path.parents)[:3]:
        with contextlib.suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o055)
    protect(tmp_path, 0o555, 0o444)
    try:
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                if os.getuid() == 0:  # whom no permission keeps from anything
                    os.setgid(65534)
                    os.setuid(65534)
                code = without_writing(kind, tree, packed)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        protect(tmp_path, 0o755, 0o644)


def protect(folder: Path, folders: int, files: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(folders if path.is_dir() else files)


def without_writing(kind: type[Benchmark], tree: Path, packed: Path) -> int:
    """0 if all is as it must be, else which check failed."""
    if not load(kind, tree, checksum=False)[0]:
        return 2
    if not any(isinstance(f, Archive) for f in kind.files):
        return 0
    try:
        load_all(kind, packed)
    except SwathError as error:
        return 0 if str(packed) in str(error) else 3
    return 4


def test_picture(name: str, mini: Miniature) -> None:
    ds = read(mini)
    sample = ds[0]
    figure = ds.plot(sample, suptitle="title")
    figure.canvas.draw()
    assert figure.axes
    for key in ("mask", "label"):
        if key in sample:
            sample["prediction"] = sample[key]
            assert ds.plot(sample, show_titles=False).axes
            break


def test_a_miniature_is_not_the_real_one(name: str, mini: Miniature, tmp_path: Path) -> None:
    """The published digests tell a made-up archive from the real one."""
    known = [f for f in mini.kind.files if f.md5 or f.sha256]
    needed = [f for f in known if f in files(mini)]
    if not needed:
        return
    root = mini.copy("packed", tmp_path / "root")
    with pytest.raises((ChecksumError, DatasetNotFoundError)):
        load_all(mini.kind, root)
    shutil.rmtree(root)


def files(mini: Miniature) -> list[Any]:
    from swath.datasets.catalogue import files_of

    return files_of(mini.kind)
