"""What the source imports is what an installation brings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator

from house import ROOT, Module, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

#: Distributions that are imported by another name than their own.
IMPORTED_AS = {
    "faster-coco-eval": "faster_coco_eval",
    "microsoft-aurora": "aurora",
    "netcdf4": "netCDF4",
    "olmoearth-pretrain-minimal": "olmoearth_pretrain_minimal",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "segmentation-models-pytorch": "segmentation_models_pytorch",
}


def listed(requirements: list[str]) -> set[str]:
    """Packages that requirements make importable: ``{"PIL"}`` for ``["pillow>=10"]``."""
    names = (re.split(r"[\s\[<>=!~;]", r, maxsplit=1)[0].lower() for r in requirements)
    return {IMPORTED_AS.get(name, name) for name in names}


ALWAYS = listed(PROJECT["dependencies"])
EXTRAS = set().union(
    *(listed(more) for name, more in PROJECT["optional-dependencies"].items() if name != "test")
)

#: Listed for others that import them: pandas (tables in Parquet), torchmetrics (scores of boxes).
FOR_OTHERS = {"faster_coco_eval", "pyarrow"}


def others(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Each import of a package that is neither Swath nor Python's own: (node, its name)."""
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in {n.split(".")[0] for n in names} - {"swath"} - sys.stdlib_module_names:
            yield node, name


def test_what_is_imported_is_listed() -> None:
    wrong = [
        f"{module.at(node)}: {name}"
        for module in modules()
        for node, name in others(module)
        if name not in ALWAYS | EXTRAS
    ]
    assert not wrong, "list in pyproject.toml (and in IMPORTED_AS here):\n" + "\n".join(wrong)


def test_extras_are_imported_where_they_are_used() -> None:
    """A package that an installation may lack must not stop ``import`` of a whole module."""
    wrong = [
        f"{module.at(node)}: {name}"
        for module in modules()
        for node, name in others(module)
        if name not in ALWAYS and node in module.tree.body
    ]
    assert not wrong, "import these inside the function that needs them:\n" + "\n".join(wrong)


def test_what_is_listed_is_used() -> None:
    imported = {name for module in modules() for _, name in others(module)}
    unused = ALWAYS - imported - FOR_OTHERS
    assert not unused, f"dependencies that nothing imports: {sorted(unused)}"
