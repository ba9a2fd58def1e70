"""Write ``docs/datasets.md``: every dataset of the catalogue, in one table a kind.

python docs/make_datasets_table.py          # write it
python docs/make_datasets_table.py --check  # say whether it is up to date
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any, Literal

from swath.datasets import dataset_class, list_datasets
from swath.datasets.catalogue import Archive, published_files
from swath.datasets.catalogue.description import size_text

PAGE = pathlib.Path(__file__).with_name("datasets.md")

HEAD = """\
# Published datasets

<!-- Written by docs/make_datasets_table.py: change that, or a dataset, and run it. -->

{count} datasets that are loaded by name. Each downloads, verifies, extracts and draws itself:

```python
from swath.datasets import EuroSAT, dataset_class, list_datasets

dataset = EuroSAT("data/eurosat", split="train", download=True)
names = list_datasets("segmentation")
```

`swath datasets list` and `swath datasets show NAME` say the same on the command line, and more:
files with digests, classes with colours, bands with wavelengths. `swath datasets download`,
`verify` and `plot` fetch, check and draw them; `swath datasets mini NAME DIR` writes a made-up
miniature, to try a training before the download. [Add your dataset](add-a-dataset.md) says how
the catalogue grows.

* **Samples** are those that were published; of all splits.
* **Size** is that of an image in pixels, **m** the metres of a pixel, **bands** their names if they
  are few, **classes** their number.
* **Licence** is what the provider says; a dash, where we have found nothing said: ask the provider
  before you use the data for more than trying.
* **Download** is the size of the files; a dash, where it is not published. *By hand* is behind a
  form, an account or a page that needs a browser: the error of the class says what to do.
"""

LISTS: tuple[tuple[Literal["samples", "layers"], str, str], ...] = (
    ("samples", "## Samples by number", "Made for benchmarks: ready-made images with labels, "
     "masks or boxes, and mostly with splits."),
    ("layers", "## Layers", "Asked by place and time, laid over each other and over your own "
     "files: `Landsat8(...) & CDL(...)`."),
)  # fmt: skip

COLUMNS = (
    "Dataset", "Tasks", "Source", "Samples", "Classes", "Size", "m", "Bands", "Licence",
    "Download", "Paper",
)  # fmt: skip


def cells(name: str) -> Iterator[str]:
    """One row."""
    kind = dataset_class(name)
    info = kind.info
    yield f"`{name}`"
    yield ", ".join(info.tasks)
    yield info.source
    yield f"{info.total:,}" if info.total is not None else "–"
    yield str(len(kind.classes)) if kind.classes else "–"
    yield info.size
    yield _said(info.resolution)
    yield _bands(tuple(kind.all_band_names))
    yield _said(info.licence)
    yield _download(kind)
    yield _citation(info.citation)


def _said(text: str) -> str:
    return "–" if text in ("", "-") else text


def _bands(names: tuple[str, ...]) -> str:
    if names == ("R", "G", "B"):
        return "RGB"
    return " ".join(names) if 0 < len(names) <= 4 else f"{len(names)} bands" if names else "–"


def _download(kind: Any) -> str:
    files = [
        v
        for f in published_files(kind)
        for v in (f, *(f.volumes if isinstance(f, Archive) else ()))
    ]
    known = all(f.size is not None for f in files) and bool(files)
    size = sum(f.size or 0 for f in files) if known else kind.info.bytes
    by_hand = any(f.url is None for f in files) or bool(kind.info.account)
    return ", ".join([size_text(size)] * (size is not None) + ["by hand"] * by_hand) or "–"


def _citation(text: str) -> str:
    """Authors and year as the text of a link, where there is one."""
    found = re.search(r"https?://[^\s;]+", text)
    if found is None:
        return text or "–"
    url = found[0].rstrip(".,)")
    words = text[: found.start()].strip(" ,.:(")
    if len(words) > 60:
        words = words[:59].rsplit(" ", 1)[0] + " …"
    return f"[{words or url.split('/')[2].removeprefix('www.')}]({url})"


def page() -> str:
    """The whole page."""
    parts = [HEAD.format(count=len(list_datasets()))]
    for kind, title, text in LISTS:
        names = list_datasets(kind=kind)
        rows = ["| " + " | ".join(c.replace("|", "\\|") for c in cells(n)) + " |" for n in names]
        heads = "| " + " | ".join(COLUMNS) + " |"
        rule = "|" + "|".join("--:" if c in ("Samples", "Classes") else "---" for c in COLUMNS)
        parts.append("\n".join([title, "", text, "", heads, f"{rule}|", *rows, ""]))
    return "\n".join(parts)


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description="Write docs/datasets.md.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE} is not what {pathlib.Path(__file__).name} makes: run it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
