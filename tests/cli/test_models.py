"""``swath models``: what a person reads before they choose weights."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swath.main import main
from swath.models import ResNet18_Weights, get_model_weights, list_models, list_weights
from swath.models.registry import weights_enums

MEMBER = "ResNet18_Weights.SENTINEL2_ALL_MOCO"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    lines = text.splitlines()
    long = [line for line in lines if len(line) > 100 and not re.search("http|checkpoints/", line)]
    assert not long
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    return text


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 1
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1
    return text


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")


def test_help_is_quick_and_imports_no_torch() -> None:
    code = (
        "import sys\nfrom swath.main import main\n"
        "for more in ([], ['list'], ['show']):\n"
        "    assert main(['models', *more, '--help']) == 0\n"
        "assert not {'torch', 'numpy', 'timm'} & set(sys.modules), sys.modules\n"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 3
    assert "--sensor" in done.stdout


def test_list_names_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "list")
    first = {line.split(" ")[0] for line in text.splitlines()}
    assert set(list_models()) <= first
    count = sum(len(e.__members__) for e in weights_enums().values())
    assert f"{len(list_models())} models, {count} published weights" in text
    assert re.search(r"^resnet18 +13  backbone", text, re.MULTILINE)


def test_list_by_task(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "list", "--task", "location")
    assert "satclip" in text
    assert "resnet18" not in text
    assert "did you mean segmentation?" in refused(capsys, "list", "--task", "segmentatoin")


def test_list_by_sensor_and_bands(capsys: pytest.CaptureFixture[str]) -> None:
    rgbn = ["--sensor", "sentinel2", "--bands", "B04", "B03", "B02", "B08"]
    text = said(capsys, "list", *rgbn)
    expected = [repr(w) for w in list_weights("sentinel2", ["B04", "B03", "B02", "B08"])]
    assert re.findall(r"^(\w+_Weights\.\w+)", text, re.MULTILINE) == expected
    assert re.search(rf"^{MEMBER} .* 4 of 13$", text, re.MULTILINE)
    assert "SENTINEL1" not in text.replace("TESSERA_SENTINEL1", "")
    assert "Of any bands, by their wavelengths" in text
    assert "dofa_base_patch16_224" in text
    exact = said(capsys, "list", *rgbn, "--exact")
    assert len(exact) <= len(text)
    assert "adapted" not in exact
    same = said(capsys, "list", "--sensor", "sentinel2", "--bands", "B4", "B3", "B2", "--exact")
    assert re.search(r"^ResNet18_Weights\.SENTINEL2_RGB_MOCO .* as they are$", same, re.MULTILINE)
    radar = said(capsys, "list", "--sensor", "sentinel1")
    assert "SENTINEL1_GRD_MAE" in radar
    assert "LANDSAT" not in radar
    family = said(capsys, "list", "--sensor", "landsat", "--bands", "red", "green", "--exact")
    assert re.search(r"^ResNet18_Weights\.LANDSAT_ETM_SR_MOCO .* 2 of 6$", family, re.MULTILINE)
    waves = said(capsys, "list", "--bands", "0.665", "0.56", "0.49", "0.842")
    assert "by wavelength" in waves


def test_list_that_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(
        capsys, "list", "--sensor", "sentinel1", "--bands", "VV", "VH", "--task", "forecast"
    )
    assert "No published weights suit" in text


def test_misspelt_filters(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean sentinel2" in refused(capsys, "list", "--sensor", "sentinell2")
    assert "B44" in refused(capsys, "list", "--sensor", "sentinel2", "--bands", "B44")


@pytest.mark.parametrize("name", ["resnet18", "RESNET18", "ResNet18_Weights"])
def test_show_a_model(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = said(capsys, "show", name)
    assert text.startswith("resnet18\n")
    for member in ResNet18_Weights:
        assert re.search(rf"^{member.name} ", text, re.MULTILINE)


def test_show_the_bands_of_each_sensor(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(said(capsys, "show", "croma_base").split())
    assert "bands sar VV VH; optical B1 B2" in text
    assert "those of the weights" in said(capsys, "show", "tessera")
    assert "its own" in said(capsys, "show", "presto")


def test_a_reader_who_has_seen_enough() -> None:
    """`swath models list | head -1` is no error."""
    with subprocess.Popen(
        [sys.executable, "-m", "swath", "models", "list"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_show_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    for name in list_models():
        text = said(capsys, "show", name)
        assert text.startswith(f"{name}\n")


def test_show_weights(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = said(capsys, "show", MEMBER)
    words = " ".join(text.split())
    for part in (
        MEMBER, "resnet18 (11.7 million parameters, 47 MB)", "sentinel2", "CC-BY-4.0",
        "https://arxiv.org/abs/2211.07044", ResNet18_Weights.SENTINEL2_ALL_MOCO.url, "moco",
        "std=(10000.0,)", "not fetched yet", 'resnet18(weights="SENTINEL2_ALL_MOCO")',
        "B1 B2 B3 B4 B5 B6 B7 B8 B8a B9 B10 B11 B12", "digital numbers",
    ):  # fmt: skip
        assert part in words, part
    place = tmp_path / "checkpoints" / "resnet18_sentinel2_all_moco-59bfdff9.pth"
    place.parent.mkdir()
    place.write_bytes(bytes(3_000_000))
    assert "(3 MB)" in said(capsys, "show", MEMBER)


def test_show_one_of_every_enum(capsys: pytest.CaptureFixture[str]) -> None:
    for name, enum in weights_enums().items():
        first = next(iter(enum.__members__.values()))
        text = said(capsys, "show", f"{name}.{first.name}")
        assert first.url in text
        assert str(first.meta["publication"]) in text


def test_misspelt_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean resnet18" in refused(capsys, "show", "resnet19")
    wrong = MEMBER.replace("ALL", "AL")
    assert "did you mean SENTINEL2_ALL_MOCO" in refused(capsys, "show", wrong)
    assert f"full name, {MEMBER}" in refused(capsys, "show", "SENTINEL2_ALL_MOCO")
    assert main(["models"]) == 2
    assert get_model_weights("resnet18") is ResNet18_Weights
