"""What is known of a published dataset: its papers, its files, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from swath.errors import ConfigError
from swath.fetch.integrity import check_digests

__all__ = ["MADE_UP", "TASKS", "Archive", "File", "Folder", "Info", "When", "applies", "size_text"]

#: What a dataset is for; the first of its tags says what its target is.
TASKS = (
    "classification",
    "multi-label classification",
    "regression",
    "segmentation",
    "pixelwise regression",
    "detection",
    "instance segmentation",
    "change detection",
    "time series",
    "self-supervised",
    "multi-modal",
)

#: The file that tells a folder with a miniature from one with published data.
MADE_UP = "MADE-UP.txt"

#: Fields (split, choices of the constructor) and the values for which something applies.
When = Mapping[str, str | tuple[str, ...]]


def applies(when: When, fields: Mapping[str, str]) -> bool:
    """Whether every field of `when` has a value that it names."""
    return all(
        fields.get(name) in ((value,) if isinstance(value, str) else value)
        for name, value in when.items()
    )


@dataclass(frozen=True, slots=True)
class Info:
    """What somebody wants to know before downloading.

    Attributes:
        title: Its full name.
        tasks: Tags of `TASKS`; the main one first.
        source: Sensors, ``"Sentinel-2"`` or ``"aerial"``.
        samples: How many there are in all; by split where that is published. None if unknown.
        size: Of an image, ``"64x64"`` or ``"varies"``.
        resolution: Metres of a pixel, ``"10"`` or ``"0.3-1"``.
        licence: As the provider calls it; a dash where none was found.
        citation: Authors, year, and a DOI or address.
        homepage: Where it is described.
        bytes: Of the download, if known.
        account: What must be done before it can be downloaded (sign up, accept terms), if anything.
    """

    title: str
    tasks: tuple[str, ...]
    source: str
    samples: int | Mapping[str, int] | None
    size: str
    resolution: str
    licence: str
    citation: str
    homepage: str
    bytes: int | None = None
    account: str = ""

    def __post_init__(self) -> None:
        unknown = [t for t in self.tasks if t not in TASKS]
        if unknown or not self.tasks:
            raise ConfigError(f"{self.title}: tasks {unknown or 'are missing'}: expected {TASKS}")

    @property
    def total(self) -> int | None:
        """Samples of all splits."""
        if isinstance(self.samples, Mapping):
            return sum(self.samples.values())
        return self.samples


@dataclass(frozen=True, slots=True)
class File:
    """A file that is published and used as it is.

    Attributes:
        name: Its path below the dataset's root.
        url: Where it is; None where it has to be fetched by hand.
        md5: Published digest.
        sha256: Published digest.
        size: Published size in bytes.
        mirrors: Other addresses of the same bytes.
        when: For which splits and choices it is needed; always if empty.
    """

    name: str
    url: str | None = None
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    mirrors: tuple[str, ...] = ()
    when: When = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_digests(md5=self.md5, sha256=self.sha256)


@dataclass(frozen=True, slots=True)
class Archive(File):
    """An archive that is published and extracted.

    Attributes:
        gives: What it brings: beginnings of paths below the root, such as ``"UCMerced_LandUse/"``
            or ``"A/train_"``; fields in braces stand for anything. By them it is seen that an
            archive which is gone was extracted, and miniatures are packed by them.
        into: The folder below the root that it is extracted into.
        volumes: Of an archive in several files: the other files, in order; each is a `File`.
    """

    gives: tuple[str, ...] = ("",)
    into: str = ""
    volumes: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder(File):
    """A folder that is published file by file, in no archive: it has to be fetched by hand.

    Attributes:
        name: Its path below the dataset's root. It is there once it holds anything.
    """

    def __post_init__(self) -> None:
        if self.url is not None:
            raise ConfigError(
                f"{self.name} is a folder: {self.url} cannot be downloaded as one file"
            )


def size_text(count: int | None) -> str:
    """A number of bytes for a reader: ``"89.9 MB"``; a dash where it is not known."""
    if count is None:
        return "–"
    size, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    digits = 1 if unit not in ("B", "KB") and size < 99.95 else 0
    return f"{size:.{digits}f} {unit}"
