"""Finding what suits an image among all that is published."""

from __future__ import annotations

import pytest

from swath.errors import BandError, ConfigError
from swath.models import ResNet18_Weights, Swin_V2_B_Weights, list_models, list_weights
from swath.models.adapt import match_bands
from swath.models.registry import model_entry

RGBN = ("B04", "B03", "B02", "B08")


def test_nothing_asked_is_everything() -> None:
    assert list_models() == sorted(list_models())
    assert {"resnet18", "resnet50", "swin_v2_b"} <= set(list_models())


def test_sensor_and_bands() -> None:
    found = list_models("sentinel2", RGBN, "segmentation")
    assert "resnet18" in found
    assert "swin_t" not in found  # Cityscapes has no near infrared
    for name in found:
        entry = model_entry(name)
        assert entry.bands == "any" or any(
            match_bands(w, RGBN).exact
            for w in list_weights("sentinel2", RGBN, model=name, exact=True)
        )
    assert "resnet18" in list_models("landsat")
    assert "resnet18" in list_models("landsat9")  # of Landsat 8's design
    assert "resnet152" not in list_models("landsat9")


def test_tasks() -> None:
    backbones = list_models(task="segmentation")
    assert {"resnet18", "unet"} <= set(backbones)
    assert "unet" not in list_models(task="backbone") or "backbone" in model_entry("unet").tasks
    assert set(list_models(weights=True)) | set(list_models(weights=False)) == set(list_models())


def test_the_best_come_first() -> None:
    ranked = list_weights("sentinel2", ("B04", "B03", "B02"))
    found = [w for w in ranked if w.bands]
    told = [w for w in ranked if not w.bands]  # models whose input says what the bands are
    assert {"DOFABase16_Weights", "Panopticon_Weights"} <= {type(w).__name__ for w in told}
    fits = [match_bands(w, ("B04", "B03", "B02"), sensor="sentinel2") for w in found]
    exact = [f.exact for f in fits]
    assert exact == sorted(exact, reverse=True)
    assert any(exact)
    assert not all(exact)
    last_exact, first_adapted = found[sum(exact) - 1], found[sum(exact)]
    places = [ranked.index(w) for w in (last_exact, *told, first_adapted)]
    assert places == sorted(places)
    assert found[0].bands in {("B4", "B3", "B2"), ("B04", "B03", "B02")}
    left = [len(f.unused) for f in fits if f.exact]
    assert left == sorted(left)


def test_of_one_model() -> None:
    found = list_weights("landsat9", model="resnet18")
    assert set(found) <= set(ResNet18_Weights.__members__.values())
    assert ResNet18_Weights.LANDSAT_OLI_SR_MOCO in found
    assert ResNet18_Weights.SENTINEL2_ALL_MOCO not in found
    radar = list_weights("sentinel1", ("VV", "VH"))
    assert Swin_V2_B_Weights.SENTINEL1_SI_SATLAS in radar
    assert all(w.sensor == "sentinel1" or "VV" in w.bands for w in radar if w.bands)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sensor": "sentinel22"}, ConfigError, "did you mean sentinel2"),
        ({"sensor": "sentinel2", "bands": ("B44",)}, BandError, "did you mean B04"),
        ({"task": "segmentatoin"}, ConfigError, "did you mean segmentation"),
    ],
)
def test_what_is_misspelt_is_told(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    for find in (list_models, list_weights):
        with pytest.raises(error, match=message):
            find(**arguments)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="did you mean resnet18"):
        list_weights(model="resnet19")
