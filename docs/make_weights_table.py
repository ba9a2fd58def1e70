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
from swath.models.registry import ModelEntry, weights_enums
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
* Without a network the error says which file to fetch elsewhere and where to put it.
* Nothing in a file is ever run: tensors and plain values are read, settings that training programs
  put beside them are passed over, and a file that asks for anything else is refused.

| Weights | Model | Sensor | Bands | Parameters | Size | Licence | Checked | Paper |
|---|---|---|---|--:|--:|---|---|---|
"""


#: What is said of weights and makes no other architecture.
_NO_MATTER = {
    "bands", "dataset", "license", "publication", "repo", "sensor", "sha256", "ssl_method", "units",
    "input", "scale", "scale_source", "family", "multi_image",
}  # fmt: skip


#: Models of other packages, which need not be here, counted with microsoft-aurora 2.0.1 and
#: olmoearth-pretrain-minimal 0.1.5. They have no buffers.
ELSEWHERE = {
    name: ModelSize(count, count)
    for name, count in {
        "Aurora_Weights.HRES_T0_PRETRAINED_AURORA": 1_256_300_176,
        "Aurora_Weights.HRES_T0_PRETRAINED_12HR_AURORA": 1_256_300_176,
        "Aurora_Weights.HRES_T0_PRETRAINED_SMALL_AURORA": 112_797_584,
        "Aurora_Weights.HRES_T0_AURORA": 1_259_150_992,
        "Aurora_Weights.HRES_T0_HIGH_RES_AURORA": 1_201_987_972,
        "Aurora_Weights.HRES_CAMS_AIR_POLLUTION_AURORA": 1_272_694_198,
        "Aurora_Weights.HRES_WAM0_WAVE_AURORA": 1_260_595_520,
        "OlmoEarthV1_Weights.NANO": 3_549_568,
        "OlmoEarthV1_Weights.TINY": 14_260_800,
        "OlmoEarthV1_Weights.BASE": 207_448_320,
        "OlmoEarthV1_Weights.LARGE": 668_036_096,
    }.items()
}


def citation(url: str) -> str:
    """A link whose text says what it is: arXiv's number, a DOI, else the host."""
    found = re.search(r"arxiv\.org/(?:abs|pdf)/([\d.]+\d)", url)
    if found:
        return f"[arXiv:{found[1]}]({url})"
    found = re.search(r"doi\.org/(.+)", url)
    if found:
        return f"[doi:{found[1]}]({url})"
    return f"[{url.split('/')[2].removeprefix('www.')}]({url})"


def _bands(weights: Any, entry: ModelEntry) -> str:
    meta = weights.meta
    several = [b for key in ("optical_bands", "sar_bands") for b in meta.get(key, ())]
    if weights.bands or several:
        return " ".join(weights.bands or several)
    if weights.in_channels:
        return f"{weights.in_channels} channels"
    if entry.bands == "any":
        return "any, by wavelength"
    if "location" in entry.tasks:
        return "longitude and latitude"
    if "forecast" in entry.tasks:
        count = sum(len(v) for k, v in meta.items() if k.endswith("_vars"))
        return f"{count} variables of weather"
    return "of several sensors"


def cells(weights: Any, sizes: dict[Any, ModelSize | None]) -> Iterator[str]:
    """One row."""
    from swath.models.checkpoint import named_hash

    meta = weights.meta
    yield f"`{type(weights).__name__}` `{weights.name}`"
    entry = entry_of(weights)
    yield f"`{entry.name}`"
    yield weights.sensor or "–"
    yield _bands(weights, entry)
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
            extra = entry_of(member).extra
            alike[key] = ELSEWHERE.get(repr(member)) if extra else model_size(member)
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
