"""Write ``docs/weights.md``: every published weight, in one table.

python docs/make_weights_table.py          # write it
python docs/make_weights_table.py --check  # say whether it is up to date
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import swath.models  # noqa: F401 - registers everything
from swath.errors import DependencyNotFoundError
from swath.models.registry import weights_enums
from swath.models.size import ModelSize, entry_of, model_size

PAGE = pathlib.Path(__file__).with_name("weights.md")

HEAD = """\
# Published weights

<!-- Written by docs/make_weights_table.py: change that, or the weights, and run it. -->

{count} checkpoints of {enums} families, all loaded by name:

```python
from swath.models import ResNet18_Weights, get_weight, resnet18

model = resnet18(weights=ResNet18_Weights.SENTINEL2_ALL_MOCO, bands=("B04", "B03", "B02", "B08"))
weights = get_weight("ResNet18_Weights.SENTINEL2_ALL_MOCO")
```

`swath models list` and `swath models show NAME` say the same on the command line, and more:
units, normalisation, URL.

* **Parameters** are those of the model that the factory builds for the weights, in millions.
* **Size** is that of its state dict in 32 bits, in MB (10⁶ bytes). A published file can be larger
  (a decoder, an optimiser) or smaller (16 bits).
* **Licence** is what the provider says of the weights; a dash, where we have found nothing said:
  ask the provider before you use them for more than trying.
* A file is fetched at the first use, checked, and kept in PyTorch's hub folder (or in
  `$SWATH_HOME/checkpoints`). *Checked* says how: by the SHA-256 of which the file's name holds the
  beginning, or only by the size that the server announces, since nothing is published.

| Weights | Model | Sensor | Bands | Parameters | Size | Licence | Checked | Paper |
|---|---|---|---|--:|--:|---|---|---|
"""


#: What is said of weights and makes no other architecture.
_NO_MATTER = {
    "bands", "dataset", "license", "publication", "repo", "sensor", "sha256", "ssl_method", "units",
    "input", "scale", "scale_source", "family", "multi_image",
}  # fmt: skip


def citation(url: str) -> str:
    """A link whose text says what it is: arXiv's number, a DOI, else the host."""
    found = re.search(r"arxiv\.org/(?:abs|pdf)/([\d.]+\d)", url)
    if found:
        return f"[arXiv:{found[1]}]({url})"
    found = re.search(r"doi\.org/(.+)", url)
    if found:
        return f"[doi:{found[1]}]({url})"
    return f"[{url.split('/')[2].removeprefix('www.')}]({url})"


def cells(weights: Any, sizes: dict[Any, ModelSize | None]) -> Iterator[str]:
    """One row."""
    from swath.models.checkpoint import named_hash

    meta = weights.meta
    yield f"`{type(weights).__name__}` `{weights.name}`"
    entry = entry_of(weights)
    yield f"`{entry.name}`"
    yield weights.sensor or "–"
    count = weights.in_channels
    yield " ".join(weights.bands) or (f"{count} channels" if count else "any")
    size = sizes[weights]
    yield f"{size.parameters / 1e6:.1f} M" if size else "–"
    yield f"{size.megabytes:,.0f} MB" if size else "–"
    yield meta.get("license") or "–"
    hashed = meta.get("sha256") or named_hash(weights.url.rsplit("/", 1)[-1])
    yield f"SHA-256, {len(hashed)} digits" if hashed else "size"
    yield citation(meta["publication"])


def page() -> str:
    """The whole page."""
    enums = weights_enums()
    members = [m for name in sorted(enums) for m in enums[name].__members__.values()]
    alike: dict[str, ModelSize | None] = {}
    sizes: dict[Any, ModelSize | None] = {}
    for member in members:
        said = {k: v for k, v in member.meta.items() if k not in _NO_MATTER}
        key = f"{type(member).__name__} {sorted(said.items())}"
        if key not in alike:
            try:
                alike[key] = model_size(member)
            except DependencyNotFoundError:
                alike[key] = None
        sizes[member] = alike[key]
    rows = ("| " + " | ".join(cells(m, sizes)) + " |\n" for m in members)
    return HEAD.format(count=len(members), enums=len(enums)) + "".join(rows)


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description="Write docs/weights.md.")
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
