"""Writes the public names (each subpackage's ``__all__``) to api.json: ``make api``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from house import modules

API = Path(__file__).with_name("api.json")


def public_names() -> dict[str, list[str]]:
    """``__all__`` of ``swath``, of its subpackages, and of its public top-level modules."""
    names = sorted(
        {
            m.name
            for m in modules()
            if m.name.count(".") <= 1 and m.name not in {"swath.__main__", "swath.main"}
        }
    )
    return {name: sorted(importlib.import_module(name).__all__) for name in names}


def main() -> None:
    names = public_names()
    API.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    print(f"{API.name}: {sum(map(len, names.values()))} names of {len(names)} packages")


if __name__ == "__main__":
    main()
