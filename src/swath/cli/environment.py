"""What a run was made with: packages, machine, revision, command."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["describe_environment", "hide_secrets", "now", "write_json", "write_text"]

_SECRET = re.compile(r"(?i)(token|password|passwd|secret|api_?key|credential)")


def now() -> str:
    """The time, with its zone."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def describe_environment() -> dict[str, Any]:
    """Versions of all packages, Python, platform, GPUs, and the revision of the working directory.

    Returns:
        Plain Python. What does not exist is None: a GPU, a git repository.
    """
    import rasterio
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": platform.node(),
        "process": os.getpid(),
        "cpus": os.cpu_count(),
        "gpus": gpus,
        "cuda": torch.version.cuda if gpus else None,
        "gdal": rasterio.__gdal_version__,
        "git": _revision(),
        "folder": os.getcwd(),
        "packages": dict(sorted(_packages().items())),
    }


def _packages() -> dict[str, str]:
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return found


def _revision() -> dict[str, Any] | None:
    """Commit of the working directory, and whether files differ from it; None if there is none."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.strip(), "dirty": bool(changed.strip())}


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout


def hide_secrets(command: Sequence[str]) -> list[str]:
    """A command line with the values of options left out that are called token or password."""
    shown: list[str] = []
    for word in command:
        name, equals, _ = word.partition("=")
        if equals and name.startswith("-") and _SECRET.search(name):
            word = f"{name}=…"
        elif shown and shown[-1].startswith("--") and "=" not in shown[-1]:
            word = "…" if _SECRET.search(shown[-1]) else word
        shown.append(word)
    return shown


def write_json(path: str, record: Mapping[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_text(path: str, text: str) -> None:
    """Write a text, whole or not at all."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
