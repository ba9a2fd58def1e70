"""What the README shows runs, and what it points at is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT

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


def test_the_first_example_runs(world: Path) -> None:
    code, *_ = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=world, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert "torch.Size([32, 7, 256, 256]) torch.Size([32, 256, 256])" in last


#: In place of the download: the tensors that the file would have, at random.
WEIGHTS = """
import torch
from swath.models import WeightsEnum, resnet50

WeightsEnum.get_state_dict = lambda *a, **k: resnet50(in_chans=13, num_classes=0).state_dict()
"""


def test_the_example_of_weights_runs() -> None:
    _, code, *_ = blocks("python")
    done = subprocess.run([sys.executable, "-c", WEIGHTS + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, shapes = done.stdout.splitlines()[-2:]
    assert "SENTINEL2" in found
    assert shapes.startswith("[(2, 256, 56, 56), (2, 512, 28, 28), (2, 1024, 14, 14)")


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


def test_the_examples_of_training_run(pictures: Path) -> None:
    *_, code = blocks("python")
    (config,) = blocks("yaml")
    (pictures / "config.yaml").write_text(config.replace("max_epochs: 30", "max_epochs: 1"))
    runs = [
        ["-c", code.replace("max_epochs=30", "max_epochs=1")],
        ["-m", "swath", "fit", "--config", "config.yaml"],
    ]
    for arguments in runs:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments], capture_output=True, text=True,
            cwd=pictures, env=os.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    assert list((pictures / "runs").rglob("best.ckpt"))


def test_every_command_exists() -> None:
    shown = set(re.findall(r"^\s*swath (\w+)", "\n".join(blocks("sh")), re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-m", "swath", "--help"], capture_output=True, text=True, check=True
    )
    missing = {name for name in shown if not re.search(rf"\b{name}\b", done.stdout)}
    assert shown
    assert not missing, f"the README shows commands that are not there: {missing}"


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


def test_the_trees_name_what_is_there() -> None:
    """The README's and the design's trees: each subpackage is there, and none is left out."""
    there = {p.parent.name for p in (ROOT / "src/swath").glob("*/__init__.py")}
    for page in ("README.md", "DESIGN.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        tree = text[text.index("src/swath/\n") : text.index("\ntests/")]
        named = set(re.findall(r"(?:^|\s)(\w+)/(?=\s)", tree)) - {"layers", "benchmarks"}
        assert there <= named, f"{page} leaves out {sorted(there - named)}"
