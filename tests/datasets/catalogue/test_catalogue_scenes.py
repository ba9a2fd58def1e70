"""What is its own in datasets of scenes: sound, BigEarthNet's classes, lists of older releases."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from swath.datasets import ADVANCE, BigEarthNet, BigEarthNetV2, EuroSAT, make_miniature
from swath.errors import UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore")


def test_sound_of_two_channels(tmp_path: Path) -> None:
    make_miniature(ADVANCE, tmp_path, count=1)
    path = next(tmp_path.rglob("*.wav"))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(22_050)
        sound.writeframes(np.arange(10, dtype="<i2").tobytes())
    found = ADVANCE(tmp_path, checksum=False)[0]["audio"]
    assert found.tolist() == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]
    path.write_bytes(b"RIFF")
    with pytest.raises(UnreadableFileError, match=path.name):
        ADVANCE(tmp_path, checksum=False)[0]


@pytest.mark.parametrize(
    ("names", "few", "many"),
    [
        (["Pastures", "Sea and ocean"], [4, 18], [17, 42]),
        (["Airports", "Rice fields"], [2], [5, 13]),  # airports are none of the 19
        (["Burnt areas"], [], [32]),
    ],
)
def test_bigearthnet_classes(
    tmp_path: Path, names: list[str], few: list[int], many: list[int]
) -> None:
    make_miniature(BigEarthNet, tmp_path, count=1)
    for path in tmp_path.rglob("*.json"):
        path.write_text(json.dumps({"labels": names}))
    for count, expected in ((19, few), (43, many)):
        ds = BigEarthNet(tmp_path, num_classes=count, checksum=False)
        label = ds[0]["label"]
        assert label.shape == (count,)
        assert label.nonzero().flatten().tolist() == expected
        assert len(ds.classes) == count


def test_bigearthnet_bands(tmp_path: Path) -> None:
    make_miniature(BigEarthNet, tmp_path, count=1)
    both = BigEarthNet(tmp_path, checksum=False)[0]["image"]
    s1 = BigEarthNet(tmp_path, bands="s1", checksum=False)[0]["image"]
    s2 = BigEarthNet(tmp_path, bands="s2", checksum=False)[0]["image"]
    assert both.shape == (14, 120, 120)
    assert (both[:2] == s1).all()
    assert (both[2:] == s2).all()


def test_ground_of_no_class_is_ignored(tmp_path: Path) -> None:
    import rasterio

    make_miniature(BigEarthNetV2, tmp_path, count=1)
    ds = BigEarthNetV2(tmp_path, bands="s1", checksum=False)
    part = next(p for p in ds.parts if p.key == "mask")
    path = part.files(ds.site, ds.sample_rows[0])[0]
    with rasterio.open(path, "r+") as file:
        codes = file.read(1)
        codes[:2, :2] = [[999, 142], [523, 211]]
        file.write(codes, 1)
    mask = BigEarthNetV2(tmp_path, bands="s1", checksum=False)[0]["mask"]
    assert mask[:2, :2].tolist() == [[255, 255], [18, 2]]


def test_lists_may_name_jpegs(tmp_path: Path) -> None:
    make_miniature(EuroSAT, tmp_path)
    path = tmp_path / "eurosat-train.txt"
    path.write_text(path.read_text().replace(".tif", ".jpg"))
    assert len(EuroSAT(tmp_path, checksum=False)) == 3
