"""Imports point down the design's list and never up; matplotlib has one place."""

from __future__ import annotations

import ast

from house import modules, swath_imports

BASE = {"errors", "typing"}
FILES = BASE | {"geometry", "sensors"}
PIXELS = FILES | {"raster", "vector", "fetch"}

#: What each subpackage may import, beside itself. ``plot`` is drawn lazily by whoever shows
#: something, so it stands near the bottom and knows arrays and grids only.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "typing": set(),
    "sensors": BASE,
    "geometry": BASE,
    "plot": FILES,
    "fetch": FILES,
    "raster": FILES | {"fetch"},
    "vector": FILES | {"fetch"},
    "datasets": PIXELS | {"plot"},
    "samplers": PIXELS | {"datasets", "plot"},
    "transforms": FILES,
    "losses": FILES,
    "models": FILES | {"fetch", "transforms"},
    "trainers": PIXELS | {"datasets", "samplers", "transforms", "losses", "models", "plot"},
    "tasks": {"trainers"},
    "datamodules": PIXELS
    | {"datasets", "samplers", "transforms", "losses", "models", "trainers", "plot"},
    "predict": PIXELS | {"datasets", "samplers", "plot"},
    "jobs": FILES | {"plot"},
}

#: What may be imported besides, but only for types or inside the function that needs it: a plot
#: looks at what it draws, and whoever is drawn imports ``plot`` lazily too.
MAY_IMPORT_LAZILY = {"plot": {"datasets", "samplers"}}

#: The command line stands on top of everything, and nothing stands on it.
TOP = {"cli", "main", "__main__", "demo"}


def test_every_subpackage_has_its_place() -> None:
    unknown = {m.package for m in modules()} - set(MAY_IMPORT) - TOP - {""}
    assert not unknown, (
        f"{sorted(unknown)} stand nowhere in the import order: add them to MAY_IMPORT here and to "
        "the layout in DESIGN.md"
    )


def test_imports_point_down() -> None:
    wrong = []
    for module in modules():
        if module.package in TOP:
            continue
        allowed = MAY_IMPORT.get(module.package, set()) | {module.package}
        for node, target in swath_imports(module):
            package = target.split(".")[1]
            if package == "__version__" or package in allowed:
                continue
            lazily = package in MAY_IMPORT_LAZILY.get(module.package, set())
            if lazily and node not in module.tree.body:
                continue
            wrong.append(f"{module.at(node)}: {module.package or 'swath'} imports {target}")
    assert not wrong, "imports that point up (see DESIGN.md, Layout):\n" + "\n".join(wrong)


def test_the_order_has_no_cycle() -> None:
    placed: set[str] = set()
    left = dict(MAY_IMPORT)
    while left:
        free = {name for name, below in left.items() if below <= placed}
        assert free, f"MAY_IMPORT has a cycle among {sorted(left)}"
        placed |= free
        left = {name: below for name, below in left.items() if name not in free}


def test_only_plot_imports_matplotlib() -> None:
    wrong = []
    for module in modules():
        if module.package == "plot":
            continue
        typing_only = {
            child
            for node in ast.walk(module.tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for child in ast.walk(node)
        }
        for node in ast.walk(module.tree):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if node not in typing_only and any(n.split(".")[0] == "matplotlib" for n in names):
                wrong.append(module.at(node))
    assert not wrong, f"matplotlib is imported by swath.plot alone, but also at: {wrong}"


def test_plot_is_imported_lazily() -> None:
    wrong = [
        f"{module.at(node)}: {target}"
        for module in modules()
        if module.package not in {"plot", "cli"}
        for node, target in swath_imports(module)
        if target.startswith("swath.plot") and node in module.tree.body
    ]
    assert not wrong, "import swath.plot inside the method that draws:\n" + "\n".join(wrong)
