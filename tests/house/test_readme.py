"""What the README shows runs, and what it points at is there."""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from house import ROOT

from swath.main import COMMANDS, main

sys.path.insert(0, str(ROOT / "benchmarks"))

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small scenes and labels where the README's example has them: data/images, data/labels."""
    import synthetic

    root = tmp_path_factory.mktemp("readme")
    synthetic.make(root, scenes=2, size=400)
    (root / "raw").rename(root / "data")
    return root


def run(code: str) -> None:
    """An example, as a script of its own would run it."""
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})


def test_the_first_example_runs(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, *_ = blocks("python")
    monkeypatch.chdir(world)
    run(code)
    last = capsys.readouterr().out.splitlines()[-1]
    assert "torch.Size([32, 7, 256, 256]) torch.Size([32, 256, 256])" in last


def test_the_example_of_weights_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from swath.models import WeightsEnum, resnet50

    # in place of the download: the tensors that the file would have, at random
    tensors = resnet50(in_chans=13, num_classes=0).state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *a, **k: tensors)
    _, code, *_ = blocks("python")
    run(code)
    found, shapes = capsys.readouterr().out.splitlines()[-2:]
    assert "SENTINEL2" in found
    assert shapes.startswith("[(2, 256, 56, 56), (2, 512, 28, 28), (2, 1024, 14, 14)")


@pytest.fixture
def published_eurosat(tmp_path: Path, loopback: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """EuroSAT's miniature, served from this machine as if it were what is published."""
    from swath.datasets import EuroSAT, make_miniature
    from swath.datasets.catalogue import pack_miniature

    make_miniature(EuroSAT, tmp_path / "tree")
    pack_miniature(EuroSAT.files, tmp_path / "tree", tmp_path / "packed")
    files = []
    for file in EuroSAT.files:
        data = (tmp_path / "packed" / file.name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        files.append(replace(file, url=loopback.put(f"/{file.name}", data), sha256=digest))
    monkeypatch.setattr(EuroSAT, "files", tuple(files))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_of_datasets_run(
    published_eurosat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, code, *_ = blocks("python")
    run(code)
    assert capsys.readouterr().out.startswith("3 torch.Size([3, 64, 64]) ")
    assert (published_eurosat / "sample.png").is_file()
    shell, *_ = [b for b in blocks("sh") if "swath datasets" in b]
    for line in shell.splitlines():
        assert main(line.split()[1:]) == 0, capsys.readouterr().err
    assert (published_eurosat / "samples.png").is_file()
    assert "samples (train 3, val 3, test 3) are ready" in capsys.readouterr().out


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder a class, as the examples of training have it."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for number, name in enumerate(("Forest", "River")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 90, (16, 16, 3), dtype=np.uint8) + 90 * number
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path


@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_training_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, code = blocks("python")
    (config,) = blocks("yaml")
    monkeypatch.chdir(pictures)
    Path("config.yaml").write_text(config.replace("max_epochs: 30", "max_epochs: 1"))
    run(code.replace("max_epochs=30", "max_epochs=1"))
    assert 0 <= float(capsys.readouterr().out.split()[-1]) <= 1
    assert main(["fit", "--config", "config.yaml"]) == 0, capsys.readouterr().err
    assert list(Path("runs").rglob("best.ckpt"))


def test_every_command_exists() -> None:
    shown = set(re.findall(r"^\s*swath (\w+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert shown
    assert shown <= set(COMMANDS)


PAGES = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
    for page in ROOT.glob(pattern)
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    local = [t for t in targets if not t.startswith(("http:", "https:", "mailto:"))]
    broken = [t for t in local if not (path.parent / t).exists()]
    assert not broken, f"{page} points at {broken}"


def there(dotted: str) -> bool:
    """Whether a name such as ``swath.datasets.CDL`` is a module, or something in one."""
    first, *rest = dotted.split(".")
    found: object = importlib.import_module(first)
    for at, part in enumerate(rest):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join([first, *rest[: at + 1]]))
            except ModuleNotFoundError:
                return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("page", PAGES)
def test_what_pages_speak_of_is_there(page: str) -> None:
    """Modules, classes and functions by their dotted names, and files by their paths."""
    text = (ROOT / page).read_text(encoding="utf-8")
    gone = [n for n in sorted(set(re.findall(r"\bswath(?:\.\w+)+", text))) if not there(n)]
    paths = sorted(
        set(re.findall(r"`((?:src|swath|tests|benchmarks|docs|examples)/[\w./-]+)`", text))
    )
    gone += [p for p in paths if not ((ROOT / p).exists() or (ROOT / "src" / p).exists())]
    assert not gone, f"{page} speaks of {gone}"


def test_the_trees_name_what_is_there() -> None:
    """The README's and the design's trees: each subpackage is there, and none is left out."""
    there = {p.parent.name for p in (ROOT / "src/swath").glob("*/__init__.py")}
    for page in ("README.md", "DESIGN.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        tree = text[text.index("src/swath/\n") : text.index("\ntests/")]
        named = set(re.findall(r"(?:^|\s)(\w+)/(?=\s)", tree)) - {"layers", "benchmarks"}
        assert there <= named, f"{page} leaves out {sorted(there - named)}"
