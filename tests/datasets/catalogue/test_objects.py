"""Objects read from COCO, XML, text, JSON and tables; vector labels burned where images lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from rasterio import features

from swath.datasets import DIOR, DOTA, FAIR1M, VHR10, SpaceNet4, SpaceNet6, make_miniature
from swath.datasets.catalogue import Found, Site
from swath.datasets.catalogue.coco import CocoTable
from swath.datasets.catalogue.objects import corners_of, mask_of
from swath.datasets.catalogue.oriented import PolygonObjects
from swath.datasets.catalogue.vectors import resized_grid, shapes_on
from swath.datasets.catalogue.voc import read_xml
from swath.errors import ConfigError, UnreadableFileError
from swath.geometry import Grid

pytestmark = pytest.mark.filterwarnings("ignore")


def coco(path: Path, **changes: Any) -> CocoTable:
    text = {
        "images": [{"id": 7, "file_name": "a.jpg", "height": 20, "width": 24},
                   {"id": 3, "file_name": "b.jpg", "height": 10, "width": 12}],
        "annotations": [
            {"image_id": 3, "category_id": 2, "bbox": [1, 1, 4, 5], "segmentation": []},
            {"image_id": 7, "category_id": 1, "bbox": [10, 10, 10.5, 7],
             "segmentation": [[10, 10, 16, 10, 13, 16], [18, 10, 20, 10, 20, 12]]},
            {"image_id": 7, "category_id": 9, "bbox": [2, 3, 6, 7],
             "segmentation": [[2, 3, 8, 3, 8, 10, 2, 10]]},
        ],
    } | changes  # fmt: skip
    path.write_text(json.dumps(text))
    return CocoTable(str(path))


def test_coco_objects_are_those_of_their_image(tmp_path: Path) -> None:
    table = coco(tmp_path / "a.json")
    found = table.of("a.jpg")
    assert found.names == ["1", "9"]
    assert found.boxes.tolist() == [[10, 10, 20.5, 17], [2, 3, 8, 10]]
    assert found.shape == (20, 24)
    assert [len(rings) for rings in found.outlines] == [2, 1]
    assert table.of("b.jpg").names == ["2"]
    with pytest.raises(UnreadableFileError, match=r"nothing of the image c\.jpg"):
        table.of("c.jpg")


def test_masks_have_every_ring_of_an_object(tmp_path: Path) -> None:
    found = coco(tmp_path / "a.json").of("a.jpg")
    for rings in found.outlines:
        polygons = shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings])
        expected = features.rasterize([polygons], (20, 24), transform=Affine.identity())
        np.testing.assert_array_equal(mask_of(rings, (20, 24)), expected)


def test_masks_stay_inside_their_image() -> None:
    ring = np.array([[-5.0, -5.0], [4.0, -5.0], [4.0, 4.0], [-5.0, 4.0]])
    assert mask_of([ring], (10, 10)).sum() == 16
    assert mask_of([ring + 100], (10, 10)).sum() == 0
    assert mask_of([ring[:2]], (10, 10)).sum() == 0
    thin = np.array([[2.1, 2.1], [2.3, 2.1], [2.3, 2.3]])
    assert mask_of([thin], (10, 10)).sum() == 1


@pytest.mark.parametrize(
    "changes",
    [{"annotations": [{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1]}]},
     {"annotations": [{"image_id": 7, "bbox": [0, 0, 1, 1]}]},
     {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0, 1]}]},
     {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1],
                       "segmentation": {"counts": [1, 2], "size": [20, 24]}}]},
     {"images": None}],
)  # fmt: skip
def test_damaged_coco_files_are_named(changes: Any, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"a\.json"):
        coco(tmp_path / "a.json", **changes)


def test_an_image_that_the_list_lacks_is_an_error(tmp_path: Path) -> None:
    make_miniature(VHR10, tmp_path)
    folder = tmp_path / "NWPU VHR-10 dataset/positive image set"
    (folder / "099.jpg").write_bytes((folder / "001.jpg").read_bytes())
    ds = VHR10(tmp_path, checksum=False)
    with pytest.raises(UnreadableFileError, match=r"099\.jpg"):
        [ds[i] for i in range(len(ds))]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>'
    "<annotation><object><name>&y;</name></object></annotation>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    "<annotation><object><name>&x;</name></object></annotation>"
)


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, '<!DOCTYPE a SYSTEM "a.dtd"><annotation/>'])
@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_xml_declares_no_entities(text: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode(code))
    with pytest.raises(UnreadableFileError, match=r"a\.xml.*document type"):
        read_xml(str(path))


def test_dior_knows_classes_as_the_paper_spells_them(tmp_path: Path) -> None:
    make_miniature(DIOR, tmp_path)
    path = tmp_path / "Annotations/trainval/00001.xml"
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox>"
    named = f"<object><name>Expressway-toll-station</name>{box}</object>"
    path.write_text(f"<annotation>{named}</annotation>")
    sample = DIOR(tmp_path, checksum=False)[0]
    assert DIOR.classes[int(sample["label"][0])] == "expresswaytollstation"
    assert sample["bbox_xyxy"].tolist() == [[1, 2, 5, 6]]
    path.write_text("<annotation><object><name>ship</name></object></annotation>")
    with pytest.raises(UnreadableFileError, match="without bndbox"):
        DIOR(tmp_path, checksum=False)[0]
    path.write_text("<annotation></annotation>")
    empty = DIOR(tmp_path, checksum=False)[0]
    assert empty["bbox_xyxy"].shape == (0, 4)
    assert empty["label"].shape == (0,)


def test_corners_are_read_as_published(tmp_path: Path) -> None:
    make_miniature(FAIR1M, tmp_path)
    sample = FAIR1M(tmp_path, "val", checksum=False)[0]
    points = sample["bbox"].reshape(-1, 4, 2)
    around = np.concatenate([points.amin(1), points.amax(1)], axis=1)
    np.testing.assert_array_equal(sample["bbox_xyxy"], around)
    with pytest.raises(UnreadableFileError, match="four corners"):
        corners_of(Found.of_corners(["a"], [[0, 0, 1, 1, 2, 0]]))


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    make_miniature(DOTA, tmp_path)
    path = tmp_path / "train/annotations/version2.0/P00001.txt"
    path.write_text("imagesource:dummy\ngsd:1\n1 2 3 4 5 6 7 ship 0\n")
    ds = DOTA(tmp_path, checksum=False)
    with pytest.raises(UnreadableFileError, match=r"P00001\.txt, line 3"):
        [ds[i] for i in range(len(ds))]


def test_polygons_of_many_corners_become_rectangles(tmp_path: Path) -> None:
    ring = [2, 0, 4, 0, 5, 1, 4, 2, 2, 2, 1, 1]
    text = {"annotations": [{"poly": ring, "category_id": 0}]}
    (tmp_path / "a.json").write_text(json.dumps(text))
    part = PolygonObjects("a.json", boxes=None, corners="bbox")
    corners = part.read(Site(tmp_path, {}, classes=("a",)), {})["bbox"].reshape(4, 2)
    rectangle = shapely.Polygon(corners.numpy())
    assert rectangle.area == pytest.approx(8)
    assert rectangle.buffer(1e-6).covers(shapely.Polygon(np.reshape(ring, (-1, 2))))


def test_footprints_lie_where_rasterio_burns_them(tmp_path: Path) -> None:
    make_miniature(SpaceNet6, tmp_path)
    for product in ("PAN", "RGBNIR"):
        ds = SpaceNet6(tmp_path, image=product, checksum=False)
        row = ds.sample_rows[1]
        with rasterio.open(tmp_path / row["chip"]) as image:
            move = Transformer.from_crs("EPSG:4326", image.crs, always_xy=True).transform
            world = json.loads((tmp_path / row["labels"]).read_text())["features"]
            moved = [
                shapely.transform(shapely.geometry.shape(f["geometry"]), move, interleaved=False)
                for f in world
            ]
            expected = features.rasterize(moved, image.shape, transform=image.transform)
        assert expected.any()
        np.testing.assert_array_equal(ds[1]["mask"], expected)


def test_labels_in_another_crs_are_moved(tmp_path: Path) -> None:
    grid = Grid(CRS.from_epsg(32631), Affine(1, 0, 6e5, 0, -1, 5.7e6), 20, 20)
    square = {"type": "Polygon", "coordinates": [[[600004, 5699990], [600008, 5699990],
              [600008, 5699996], [600004, 5699996], [600004, 5699990]]]}  # fmt: skip
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    path = tmp_path / "a.geojson"
    every = [{"type": "Feature", "properties": {}, "geometry": g} for g in (square, None)]
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": every}))
    (shape,) = shapes_on(str(path), grid)
    assert shape.bounds == (600004, 5699990, 600008, 5699996)
    path.write_text('{"type": "FeatureCollection", "features": []}')
    assert len(shapes_on(str(path), grid)) == 0


def test_a_resized_grid_is_the_same_ground() -> None:
    grid = Grid(CRS.from_epsg(32631), Affine(2, 0, 6e5, 0, -2, 5.7e6), 30, 20)
    other = resized_grid(grid, (40, 15))
    assert other.shape == (40, 15)
    assert other.bounds == grid.bounds


def test_spacenet_chooses_areas_products_and_views(tmp_path: Path) -> None:
    make_miniature(SpaceNet4, tmp_path, count=3)
    ds = SpaceNet4(tmp_path, checksum=False)
    assert len(ds) == 27
    assert len(set(ds.sample_rows.columns["labels"])) == 3
    for options, words in [({"aois": [5]}, "no area"), ({"aois": []}, "no area"),
                           ({"image": "RGB"}, "expected 'MS'"), ({"mask": "roads"}, "no mask"),
                           ({"nadir": "7"}, "no argument")]:  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            SpaceNet4(tmp_path, checksum=False, **options)  # type: ignore[arg-type]
