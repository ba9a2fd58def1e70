"""Figures, looked at by their pixels: the right colours at the right places."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import pytest
import torch
from affine import Affine
from matplotlib.figure import Figure
from pyproj import CRS, Geod, Transformer

from swath.errors import ConfigError, FileMissingError, UnreadableFileError
from swath.geometry import Grid
from swath.plot import (
    confusion_figure,
    map_figure,
    new_figure,
    sample_panel,
    save_figure,
    training_curves,
)
from swath.plot.maps import _round_length
from swath.raster.write import write_raster

COLOURS = {1: (200, 10, 20), 2: (10, 180, 30), 5: (20, 30, 220)}
NAMES = {1: "town", 2: "forest", 5: "lake"}


DRAWN: WeakKeyDictionary[Figure, np.ndarray] = WeakKeyDictionary()


def pixels(figure: Figure) -> np.ndarray:
    if figure not in DRAWN:
        figure.canvas.draw()
        DRAWN[figure] = np.array(figure.canvas.buffer_rgba())[..., :3]
    return DRAWN[figure]


def at(figure: Figure, axis: int, x: float, y: float) -> tuple[int, ...]:
    """The colour that is drawn at data coordinates of an axis."""
    picture = pixels(figure)
    col, up = figure.axes[axis].transData.transform((x, y))
    return tuple(int(c) for c in picture[picture.shape[0] - 1 - int(up), int(col)])


def has(figure: Figure, colour: tuple[int, ...]) -> int:
    return int((pixels(figure) == colour).all(-1).sum())


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(lambda o: hasattr(o, "get_text"))]


@pytest.fixture
def samples() -> list[dict]:
    mask = torch.ones(32, 32, dtype=torch.int64)
    mask[:, 16:] = 2
    mask[:4] = 0
    found = torch.full((32, 32), 5)
    found[:, 16:] = 2
    image = torch.zeros(4, 32, 32)
    image[2, :16] = 100.0
    return [{"image": image, "mask": mask, "prediction": found}] * 2


def test_panel_shows_image_truth_prediction(samples: list[dict]) -> None:
    figure = sample_panel(
        samples, classes=NAMES, colours=COLOURS, ignore=0, bands=list("abcd"),
        rgb_bands=["c", "b", "a"], titles=["first", "second"],
    )  # fmt: skip
    assert len(figure.axes) == 6
    assert at(figure, 0, 5, 5) == (255, 128, 128)  # b and a hold one value: half
    assert at(figure, 0, 5, 28) == (0, 128, 128)
    for row in (0, 3):
        assert at(figure, row + 1, 5, 20) == COLOURS[1]
        assert at(figure, row + 1, 28, 20) == COLOURS[2]
        assert at(figure, row + 1, 5, 1) == (255, 255, 255)  # ignored: blank
        assert at(figure, row + 2, 5, 20) == COLOURS[5]
        assert at(figure, row + 2, 28, 20) == COLOURS[2]
    words = texts(figure)
    assert {"image", "truth", "prediction", "first", "second", "town", "forest", "lake"} <= set(
        words
    )
    assert words.count("50 % as in truth") == 2


def test_panel_takes_a_batch_and_scores(samples: list[dict]) -> None:
    batch = {k: torch.stack([s[k] for s in samples]) for k in ("image", "mask")}
    batch["valid"] = torch.ones(2, 32, 32, dtype=torch.bool)
    batch["valid"][:, :, :8] = False
    scores = torch.zeros(2, 6, 32, 32)
    scores[:, 1] = 1
    figure = sample_panel(batch, scores, classes=NAMES, colours=COLOURS)
    assert at(figure, 2, 12, 20) == COLOURS[1]
    assert at(figure, 2, 4, 20) == (255, 255, 255)
    assert at(figure, 0, 4, 20) == (255, 255, 255)
    figure = sample_panel({"image": samples[0]["image"]})
    assert len(figure.axes) == 1


def test_panel_says_what_is_wrong(samples: list[dict]) -> None:
    with pytest.raises(ConfigError, match="no sample"):
        sample_panel([])
    with pytest.raises(ConfigError, match="3 predictions are given for 2"):
        sample_panel(samples, torch.zeros(3, 32, 32))


def utm_map(path: Path, zone: int = 32612) -> np.ndarray:
    values = np.ones((300, 400), np.uint8)
    values[:, 200:] = 2
    values[200:, :100] = 255
    values[150:154, 300:304] = 5
    place = Grid(CRS.from_epsg(zone), Affine(10, 0, 4e5, 0, -10, 41e5), 400, 300)
    write_raster(path, values, place, nodata=255, colormap=COLOURS, classes=NAMES)
    return values


def test_map_has_colours_coordinates_names_shares_and_scale(tmp_path: Path) -> None:
    utm_map(tmp_path / "map.tif")
    figure = map_figure(tmp_path / "map.tif")
    assert at(figure, 0, 400_500, 4_099_500) == COLOURS[1]
    assert at(figure, 0, 403_500, 4_099_500) == COLOURS[2]
    assert at(figure, 0, 403_020, 4_098_480) == COLOURS[5]
    assert at(figure, 0, 400_900, 4_097_900) == (245, 245, 245)  # no data: the paper's colour
    words = texts(figure)
    assert "town  45 %" in words
    assert "forest  55 %" in words
    assert "lake  < 0.1 %" in words
    assert "map.tif" in words
    assert "1 km" in words
    assert "N" in words
    assert any("EPSG:32612" in w for w in words)
    assert any("401 000" in w for w in words)


def test_scale_bar_is_as_long_as_the_ground(tmp_path: Path) -> None:
    # At 60° north a metre of Web Mercator is half a metre on the ground.
    place = Grid(CRS.from_epsg(3857), Affine(100, 0, 0, 0, -100, 8_399_737.89 + 25_000), 500, 500)
    write_raster(tmp_path / "m.tif", np.ones((500, 500), np.uint8), place, colormap=COLOURS)
    figure = map_figure(tmp_path / "m.tif")
    pixels(figure)
    bars = [p for p in figure.axes[0].patches if p.get_zorder() == 5]
    share = sum(p.get_width() for p in bars)
    change = Transformer.from_crs(3857, 4326, always_xy=True)
    lon, lat = change.transform([0, 50_000], [8_399_737.89] * 2)
    ground = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])[2]
    assert ground == pytest.approx(25_000, rel=0.01)
    assert share * ground == pytest.approx(5000, rel=0.01)
    assert "5 km" in texts(figure)


@pytest.mark.parametrize(
    ("metres", "bar"), [(1, 1), (1.9, 1), (4999, 2000), (5000, 5000), (0.3, 0.2)]
)
def test_round_lengths(metres: float, bar: float) -> None:
    assert _round_length(metres) == pytest.approx(bar)


def test_map_of_degrees_values_and_images(tmp_path: Path) -> None:
    place = Grid(CRS.from_epsg(4326), Affine(0.001, 0, 8, 0, -0.001, 60), 200, 200)
    ramp = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (200, 1))
    ramp[:50] = np.nan
    write_raster(tmp_path / "r.tif", ramp, place, nodata=float("nan"), descriptions=["height"])
    figure = map_figure(tmp_path / "r.tif", title="Heights")
    dark, light = at(figure, 0, 8.01, 59.85), at(figure, 0, 8.19, 59.85)
    assert sum(light) > sum(dark) + 200
    assert at(figure, 0, 8.1, 59.98) == (245, 245, 245)
    words = texts(figure)
    assert "Heights" in words
    assert "height" in words
    assert "8.1° E" in words
    # A degree of longitude at 60° is half as long as one of latitude.
    box = figure.axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(2, rel=0.02)
    image = np.zeros((3, 200, 200), np.uint8)
    image[0] = np.arange(200)
    image[1:] = 40
    write_raster(tmp_path / "i.tif", image, place)
    red = at(map_figure(tmp_path / "i.tif"), 0, 8.195, 59.9)
    assert red[0] == 255
    assert red[1] == red[2] == 128


def test_map_of_what_is_no_raster(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"none\.tif"):
        map_figure(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(UnreadableFileError, match=r"text\.tif"):
        map_figure(tmp_path / "text.tif")


def test_curves_of_lightnings_csv(tmp_path: Path) -> None:
    rows = []
    for epoch in range(6):
        for step in range(2):
            rows.append(
                {"epoch": epoch, "step": 2 * epoch + step, "train_loss": 3.0 - epoch + step}
            )
        rows.append(
            {
                "epoch": epoch, "step": 2 * epoch + 1, "val_loss": abs(epoch - 4) + 0.5,
                "val_accuracy": 0.1 * epoch, "val_majority": 0.3,
                "val_iou/a": 0.1, "val_iou/b": 0.2,
            }
        )  # fmt: skip
    rows.append({"epoch": 6, "step": 12, "test_loss": 0.75})
    rows += [{"step": s, "lr-Adam": 0.1} for s in range(12)]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    figure = training_curves(tmp_path / "metrics.csv", title="run")
    panels = {a.get_title(loc="left"): a for a in figure.axes if a.get_title(loc="left")}
    assert list(panels) == ["loss", "accuracy", "iou of classes", "lr-Adam"]
    lines = {line.get_label(): line for line in panels["loss"].lines}
    np.testing.assert_allclose(lines["train"].get_ydata(), 3.5 - np.arange(6))
    np.testing.assert_allclose(lines["val"].get_xdata(), np.arange(6))
    assert lines["test"].get_ydata()[0] == 0.75
    star = [line for line in panels["loss"].lines if line.get_marker() == "*"]
    assert [(float(s.get_xdata()[0]), float(s.get_ydata()[0])) for s in star] == [(4, 0.5)]
    assert [t.get_text() for t in panels["iou of classes"].get_legend().get_texts()] == ["a", "b"]
    assert "majority class" in [t.get_text() for t in panels["accuracy"].get_legend().get_texts()]
    assert has(figure, (46, 110, 178)) > 20


def test_a_class_has_one_colour_and_one_place_in_the_legend(tmp_path: Path) -> None:
    classes = list("abcdef")
    row = {"epoch": 0, "val_f1": 0.5, "val_majority": 0.2, "val_accuracy": 0.4}
    rows = [row | {f"val_f1/{c}": 0.1 * i for i, c in enumerate(classes)}]
    ended = {"epoch": 1, "test_f1": 0.4, "test_majority": 0.2, "test_accuracy": 0.4}
    rows.append(ended | {f"test_f1/{c}": 0.1 * i + 0.05 for i, c in enumerate(classes)})
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    panels = {a.get_title(loc="left"): a for a in training_curves(tmp_path / "metrics.csv").axes}
    assert list(panels) == ["f1", "accuracy", "f1 of classes"]

    def legend(panel: str) -> list[str]:
        return [t.get_text() for t in panels[panel].get_legend().get_texts()]

    assert legend("f1 of classes") == classes
    assert legend("accuracy").count("majority class") == 1
    of = {float(line.get_ydata()[0]): line.get_color() for line in panels["f1 of classes"].lines}
    for i in range(len(classes)):
        assert of[0.1 * i] == of[0.1 * i + 0.05]
    assert len({tuple(colour) for colour in of.values()}) == len(classes)


def test_curves_of_what_are_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"metrics\.csv"):
        training_curves(tmp_path / "metrics.csv")
    (tmp_path / "metrics.csv").write_text("name,place\na,b\n")
    with pytest.raises(UnreadableFileError, match=r"\['name', 'place'\]"):
        training_curves(tmp_path / "metrics.csv")
    (tmp_path / "metrics.csv").write_text("")
    with pytest.raises(UnreadableFileError, match=r"metrics\.csv"):
        training_curves(tmp_path / "metrics.csv")


def test_confusion_tells_recall_precision_and_iou() -> None:
    from sklearn.metrics import jaccard_score, precision_score

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 4000)
    found = np.where(rng.random(4000) < 0.7, truth, rng.integers(0, 3, 4000))
    matrix = np.zeros((4, 4), int)
    np.add.at(matrix, (truth, found), 1)
    figure = confusion_figure(torch.from_numpy(matrix), ["a", "b", "c", "never"], title="test")
    words = texts(figure)
    for name, p in zip("abc", precision_score(truth, found, average=None), strict=True):
        assert f"{name}\n{100 * p:.1f} %" in words
    for iou, n in zip(jaccard_score(truth, found, average=None), np.bincount(truth), strict=True):
        assert f"{100 * iou:.1f} %   {n / 1000:.3g} k" in words
    assert "never\n–" in words
    mean = jaccard_score(truth, found, average="macro")
    assert any(f"accuracy {100 * (truth == found).mean():.1f} %" in w for w in words)
    assert any(f"mean IoU {100 * mean:.1f} %" in w for w in words)
    dark, light = at(figure, 0, 0.35, 0.35), at(figure, 0, 2.35, 0.35)
    assert sum(dark) < sum(light)
    with pytest.raises(ConfigError, match=r"\(2, 2\) counts, got shape \(4, 4\)"):
        confusion_figure(matrix, ["a", "b"])


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figures_are_saved_whole_or_not_at_all(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = new_figure(2, 2)
    figure.add_subplot()
    place = tmp_path / "deep" / f"a.{suffix}"
    assert save_figure(figure, place) == str(place)
    assert place.stat().st_size > 500
    before = place.read_bytes()

    def fail(part: Path, **options: object) -> None:
        Path(part).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        save_figure(figure, place)
    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]


def test_no_pyplot_is_needed() -> None:
    code = "import sys, swath.plot; assert 'matplotlib.pyplot' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False
    )
    assert done.returncode == 0


def test_only_all_of_it_is_a_hundred_percent() -> None:
    from swath.plot import agreement_text

    assert agreement_text(1) == "100 % as in truth"
    assert agreement_text(0.9999) == "over 99 % as in truth"
    assert agreement_text(0.994) == "99 % as in truth"
    assert agreement_text(0.0001) == "under 1 % as in truth"
    assert agreement_text(0) == "0 % as in truth"
