"""What real folders hold that no description promises: grey photographs, palettes, odd tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import rasterio
import torch
from PIL import Image as Picture

from swath.datasets.catalogue import (
    Benchmark,
    Found,
    Glob,
    Image,
    Info,
    Label,
    Listed,
    Mask,
    Objects,
    Part,
    Table,
)
from swath.datasets.catalogue.patches import Patches
from swath.datasets.catalogue.pixels import grid_of, read_pixels
from swath.datasets.catalogue.windows import image_shape, read_window
from swath.errors import BandError, ConfigError, FileMissingError, UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore")
Describe = Callable[..., type[Benchmark]]


def described(*parts: Part, rows: Any = None, **more: Any) -> type[Benchmark]:
    """A dataset without files to fetch."""
    info = Info("T", ("segmentation",), "aerial", None, "varies", "1", "-", "-", "https://a.org")
    body = {"info": info, "parts": parts, "rows": rows or Glob("{name:[a-z0-9]+}.png"), **more}
    return type("Described", (Benchmark,), body)


@pytest.mark.parametrize("bands", [None, ("B", "R")])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_grey_photographs_have_the_promised_channels(
    tmp_path: Path, ending: str, bands: tuple[str, ...] | None
) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Picture.fromarray(grey).save(tmp_path / f"a.{ending}")
    file = "{name}." + ending
    ds = described(Image(file), rows=Glob(file))(tmp_path, bands=bands)
    image = ds[0]["image"]
    assert image.shape == (len(bands or "RGB"), 8, 8)
    for channel in image:
        assert (channel - torch.from_numpy(grey)).abs().max() <= 2  # JPEG's losses


def test_transparency_is_no_band(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 8, 8), dtype=np.uint8)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", width=8, height=8, count=4,
                       dtype="uint8") as file:  # fmt: skip
        file.write(pixels)
    ds = described(Image("{name}.tif"), rows=Glob("{name}.tif"))(tmp_path)
    assert torch.equal(ds[0]["image"], torch.from_numpy(pixels[:3]).float())


def test_too_few_bands_are_an_error(tmp_path: Path) -> None:
    Picture.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    kind = described(Image("{name}.png"), all_band_names=("R", "G", "B", "NIR"))
    with pytest.raises(BandError, match=r"a\.png has 3 bands where 4"):
        kind(tmp_path)[0]


def save(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    with rasterio.open(path, "w", driver="GTiff", width=4, height=4, count=1,
                       dtype=pixels.dtype) as file:  # fmt: skip
        file.write(pixels[None])


def picture(path: Path, side: int = 4) -> None:
    Picture.fromarray(np.zeros((side, side, 3), np.uint8)).save(path)


def test_masks_with_a_palette_hold_its_places(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    numbers = (np.arange(16) % 3).astype(np.uint8).reshape(4, 4)
    mask = Picture.fromarray(numbers)
    mask.putpalette([255, 0, 0, 0, 255, 0, 7, 0, 255])
    mask.save(tmp_path / "mask.png")
    Picture.fromarray(numbers > 0).save(tmp_path / "bit.png")
    ds = described(Mask("mask.png"), Mask("bit.png", "bit"), rows=Glob("{name:a}.png"))(tmp_path)
    assert torch.equal(ds[0]["mask"], torch.from_numpy(numbers).long())
    assert torch.equal(ds[0]["bit"], torch.from_numpy(numbers > 0).long())
    small = dataclasses.replace(ds.site, window=(1, 2, 2, 2))
    cut = ds.parts[0].read(small, {"name": "a"})["mask"]
    assert torch.equal(cut, torch.from_numpy(numbers[1:3, 2:4]).long())


@pytest.mark.parametrize("values", [None, {0: 0, 1: 1}])
def test_masks_without_a_value_are_ignored_or_an_error(
    tmp_path: Path, values: dict[int, int] | None
) -> None:
    picture(tmp_path / "a.png")
    pixels = (np.arange(16) % 2).astype(np.float32).reshape(4, 4)
    pixels[0, 0] = np.nan
    save(tmp_path / "mask.tif", pixels)
    rows = Glob("{name}.png")
    with pytest.raises(UnreadableFileError, match=r"mask\.tif has .*(NaN|nan)"):
        described(Mask("mask.tif", values=values), rows=rows)(tmp_path)[0]
    ds = described(Mask("mask.tif", values=values, ignore=255), rows=rows)(tmp_path)
    assert ds[0]["mask"].unique().tolist() == [0, 1, 255]
    assert ds[0]["mask"][0, 0] == 255


def test_tables_with_spaces_and_windows_line_ends(tmp_path: Path) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    (tmp_path / "t.csv").write_bytes(
        b"\xef\xbb\xbfname, split ,label\r\na,train ,x \r\nb, train,y\r\n"
    )
    rows = Table("t.csv", {"name": "name", "label": "label"}, where={"split": "{split}"})
    kind = described(Image("{name}.png"), Label(), rows=rows, splits=("train",), classes=("x", "y"))
    ds = kind(tmp_path)
    assert [int(ds[i]["label"]) for i in range(len(ds))] == [0, 1]


@pytest.mark.parametrize("label", ["2", "-1", "\N{SUPERSCRIPT TWO}", "--1", ""])
def test_classes_that_there_are_none_of(tmp_path: Path, label: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(f"name,label\na,{label}\n", encoding="utf-8")
    rows = Table("t.csv", {"name": "name", "label": "label"})
    kind = described(Image("{name}.png"), Label(), rows=rows, classes=("x", "y"))
    with pytest.raises(UnreadableFileError, match="of the class"):
        kind(tmp_path)[0]


def test_damaged_parquet(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 cut short")
    kind = described(Image("{name}.png"), rows=Table("t.parquet", {"name": "name"}))
    with pytest.raises(UnreadableFileError, match=r"t\.parquet cannot be read"):
        kind(tmp_path)


def test_listed_samples_that_are_not_there_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "list.txt").write_text("a.png\nb.png\n")
    rows = Glob("{name}.png", listed=Listed("list.txt", "{name}.png"))
    assert len(described(Image("{name}.png"), rows=rows)(tmp_path)) == 1
    assert "1 of 2 samples that are listed are not in" in caplog.text


def test_what_archivers_leave_behind_is_no_data(tmp_path: Path) -> None:
    for folder in ("x", "__MACOSX", ".cache"):
        (tmp_path / folder).mkdir()
        picture(tmp_path / folder / "a.png")
        (tmp_path / folder / "._a.png").write_bytes(b"resource fork")
    ds = described(Image("{label}/{name}.png"), rows=Glob("{label}/{name}.png"))(tmp_path)
    assert list(ds.sample_rows) == [{"label": "x", "name": "a"}]


def test_a_relative_root_is_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    ds = described(Image("{name}.png"))(".")
    monkeypatch.chdir("/")
    assert ds[0]["image"].shape == (3, 4, 4)


def test_a_picture_that_was_replaced_has_its_new_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture(path, 4)
    assert image_shape(str(path)) == (4, 4)
    picture(path, 40)
    assert image_shape(str(path)) == (40, 40)
    assert read_window(str(path), (20, 20, 5, 5)).shape == (3, 5, 5)
    path.unlink()
    with pytest.raises(FileMissingError):
        image_shape(str(path))


def test_scenes_larger_than_pillow_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png", 40)
    monkeypatch.setattr(Picture, "MAX_IMAGE_PIXELS", 100)
    assert image_shape(str(tmp_path / "a.png")) == (40, 40)


class Boxes(Objects):
    def found(self, site: Any, row: Any) -> Found:
        return Found(["x"], np.array([[0.0, 0.0, 9.0, 9.0]]))

    def write(self, site: Any, row: Any, rng: Any) -> None:
        pytest.fail("no miniature is made here")


@pytest.mark.parametrize("random", [False, True])
def test_patches_of_what_cannot_be_cut_are_refused(tmp_path: Path, random: bool) -> None:
    picture(tmp_path / "a.png", 20)
    rows, count = Glob("{name}.png"), 2 if random else None
    cut = Patches(described(Image("{name}.png"), rows=rows)(tmp_path), 8, count, random)
    assert cut[0]["image"].shape == (3, 8, 8)
    boxed = described(Image("{name}.png"), Boxes(), rows=rows, classes=("x",))(tmp_path)
    with pytest.raises(ConfigError, match="bbox_xyxy of whole images"):
        Patches(boxed, 8, count, random)
    without = described(Boxes(), rows=rows, classes=("x",))(tmp_path)
    with pytest.raises(ConfigError, match="no image files"):
        Patches(without, 8, count, random)


def test_colours_of_16_bits_keep_them(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 60_000, (5, 6, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    image = described(Image("{name}.png"))(tmp_path)[0]["image"]
    assert torch.equal(image, torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1))


def test_a_virtual_raster_by_a_tiffs_name_reads_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tif"
    with rasterio.open(
        secret, "w", driver="GTiff", width=4, height=4, count=1, dtype="uint8"
    ) as file:
        file.write(np.full((1, 4, 4), 7, np.uint8))
    (tmp_path / "a.tif").write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    path = str(tmp_path / "a.tif")
    for read in (
        lambda: read_pixels(path),
        lambda: read_pixels(path, located=True),
        lambda: read_window(path, (0, 0, 2, 2)),
        lambda: image_shape(path),
        lambda: grid_of(path),
    ):
        with pytest.raises(UnreadableFileError):
            read()


def test_arrays_of_other_files_are_not_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    from swath.datasets.catalogue.arrays import array_row

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.arange(3)
    (tmp_path / "raw").write_bytes(bytes(24))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["own"] = np.arange(3)
        file["linked"] = h5py.ExternalLink("secret.h5", "x")
        file["group"] = h5py.ExternalLink("secret.h5", "/")
        raw = [(str(tmp_path / "raw"), 0, 24)]
        file.create_dataset("raw", (3,), "int64", external=raw)
        layout = h5py.VirtualLayout((3,), "int64")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "x", shape=(3,))
        file.create_virtual_dataset("virtual", layout)
    path = str(tmp_path / "a.h5")
    assert array_row(path, "own", 2) == 2
    for name in ("linked", "group/x", "raw", "virtual"):
        with pytest.raises(UnreadableFileError, match="another file"):
            array_row(path, name, 0)
