"""LandCover.ai's scenes cut into its tiles, without its script."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from swath.datasets import LandCoverAI
from swath.datasets.benchmarks import landcoverai
from swath.datasets.catalogue.cutting import cut_listed, tile_places
from swath.errors import ChecksumError, FileMissingError, UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore")


def scenes(root: Path, holes: bool, height: int = 40, width: int = 56) -> np.ndarray:
    """Two scenes of smooth colours, and lists of all their tiles of 16 pixels."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows * 4, columns * 3, rows + columns]).astype(np.uint8)
    mask = ((rows // 16 * 4 + columns // 16) % 5).astype(np.uint8)
    for folder, pixels in (("images", image), ("masks", mask[None])):
        (root / folder).mkdir(parents=True)
        for name in ("M-1", "N-2"):
            with rasterio.open(
                root / folder / f"{name}.tif", "w", driver="GTiff", count=len(pixels),
                height=height, width=width, dtype="uint8", crs="EPSG:2180",
            ) as file:  # fmt: skip
                file.write(pixels)
    tiles = [f"{n}_{k}" for n in ("M-1", "N-2")
             for k in tile_places(height, width, 16, holes=holes)]  # fmt: skip
    for split, part in (("train", tiles[:8]), ("val", tiles[8:10]), ("test", tiles[10:])):
        (root / f"{split}.txt").write_text("\n".join(part) + "\n")
    (root / "split.py").write_text("raise SystemExit('it was run')")
    return mask


@pytest.mark.parametrize("holes", [True, False])
def test_tiles_are_counted_as_the_lists_count_them(
    tmp_path: Path, holes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landcoverai, "_SIDE", 16)
    mask = scenes(tmp_path, holes)
    sets = [LandCoverAI(tmp_path, split) for split in LandCoverAI.splits]
    samples = [ds[i] for ds in sets for i in range(len(ds))]
    assert len(samples) == 12  # 2 by 3 whole tiles of each scene
    places = [(0, 0), (0, 16), (0, 32), (16, 0), (16, 16), (16, 32)] * 2
    for sample, (top, left) in zip(samples, places, strict=True):
        expected = mask[top : top + 16, left : left + 16]
        assert torch.equal(sample["mask"], torch.from_numpy(expected).long())
        rows = torch.arange(top, top + 16).float() * 4
        assert float((sample["image"][0] - rows[:, None]).abs().max()) < 12  # JPEG is lossy
    made = {p.name for p in tmp_path.iterdir()}
    assert made == {"images", "masks", "output", "train.txt", "val.txt", "test.txt", "split.py"}


def test_from_the_archive_of_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes(tmp_path / "tree", True)
    root = tmp_path / "root"
    root.mkdir()
    with zipfile.ZipFile(root / "landcover.ai.v1.zip", "w") as archive:
        for path in (tmp_path / "tree").rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path / "tree"))
    monkeypatch.setattr(landcoverai, "_SIDE", 16)
    with pytest.raises(ChecksumError, match=r"landcover\.ai\.v1\.zip"):
        LandCoverAI(root)
    digest = hashlib.sha256((root / "landcover.ai.v1.zip").read_bytes()).hexdigest()
    monkeypatch.setattr(landcoverai, "_SCENES_SHA256", digest)
    assert len(LandCoverAI(root)) == 8
    (root / "landcover.ai.v1.zip").unlink()
    assert len(LandCoverAI(root, "val")) == 2


def test_lists_of_another_release_are_refused(tmp_path: Path) -> None:
    scenes(tmp_path, True)
    lists = [tmp_path / "train.txt"]
    lists[0].write_text("M-1_99\n")
    with pytest.raises(UnreadableFileError, match="M-1_99"):
        cut_listed(tmp_path / "images", tmp_path / "masks", tmp_path / "output", 16, lists)
    for wrong in ("../M-1_0", "M-1", ".M_1"):
        lists[0].write_text(wrong)
        with pytest.raises(UnreadableFileError, match="no tile's name"):
            cut_listed(tmp_path / "images", tmp_path / "masks", tmp_path / "output", 16, lists)
    lists[0].write_text("M-1_0")
    (tmp_path / "masks" / "M-1.tif").unlink()
    with pytest.raises(FileMissingError, match="M-1"):
        cut_listed(tmp_path / "images", tmp_path / "masks", tmp_path / "output", 16, lists)
    assert not (tmp_path / "output").exists()
    assert not list(tmp_path.glob(".*"))
