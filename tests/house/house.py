"""What the tests of the house share: where the source is, and which modules it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """A source file, parsed once for all tests."""

    path: Path
    name: str  # dotted, as it is imported
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The subpackage or top-level module it is in: ``raster`` for ``swath.raster.info``."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""

    def at(self, node: ast.AST) -> str:
        """``file:line`` of a node, to click on."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


@cache
def modules() -> tuple[Module, ...]:
    """Every module under ``src/swath``."""
    found = []
    for path in sorted((SRC / "swath").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, name, text, ast.parse(text, str(path))))
    return tuple(found)


def swath_imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Each import of Swath's own modules, at any depth: (node, dotted name)."""
    is_package = module.path.name == "__init__.py"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "swath":
                    yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = module.name.split(".")
                base = base[: len(base) - node.level + is_package]
                target = ".".join([*base, *([node.module] if node.module else [])])
            else:
                target = node.module or ""
            if target == "swath":
                for alias in node.names:
                    yield node, f"swath.{alias.name}"
            elif target.startswith("swath."):
                yield node, target
