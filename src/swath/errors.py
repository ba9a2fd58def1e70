"""Every exception of Swath: one root, each also the matching builtin.

A message carries the value, what was expected and the remedy, and names the file. Catch
`SwathError` for all of them, or the builtin that a caller of any other library would catch.
"""

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "ArchiveError",
    "BandError",
    "CRSError",
    "ChecksumError",
    "ConfigError",
    "ConfigMistakesError",
    "DatasetNotFoundError",
    "DependencyNotFoundError",
    "DiskSpaceError",
    "DownloadError",
    "FileMissingError",
    "GridError",
    "NoOverlapError",
    "QueryError",
    "RGBBandsMissingError",
    "SplitError",
    "SwathError",
    "UnreadableFileError",
    "UnsupportedDataError",
    "WriteError",
    "nearest",
]


class SwathError(Exception):
    """Root of all errors that Swath raises on purpose."""


class FileMissingError(SwathError, FileNotFoundError):
    """A file that was named does not exist."""


class UnreadableFileError(SwathError, OSError):
    """A file exists and cannot be read: damaged, cut short, or of an unknown format."""


class WriteError(SwathError, OSError):
    """A file could not be written: the disk is full, or the place is not writable."""


class UnsupportedDataError(SwathError, TypeError):
    """The data is well-formed and of a kind that Swath does not handle (complex pixels, say)."""


class BandError(SwathError, ValueError):
    """A band was asked for that the product or file does not have."""


class CRSError(SwathError, ValueError):
    """A coordinate reference system is missing, unknown, or cannot be transformed to."""


class GridError(SwathError, ValueError):
    """A grid, bounding box, size or resolution that describes no pixels."""


class QueryError(SwathError, IndexError):
    """A query outside the dataset, empty, or malformed."""


class SplitError(SwathError, ValueError):
    """A split that is impossible or would leak ground between its parts."""


class NoOverlapError(SwathError, ValueError, RuntimeError):
    """Layers that share no ground or no time where they had to."""


class ConfigError(SwathError, ValueError):
    """An option or configuration value that is unknown, missing or contradictory."""


class ConfigMistakesError(ConfigError):
    """All mistakes of a config at once, a line each."""

    def __init__(self, heading: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n  ".join([heading, *self.mistakes]))


class DatasetNotFoundError(SwathError, FileNotFoundError):
    """A dataset's files are not where they were looked for, and were not to be downloaded."""


class DependencyNotFoundError(SwathError, ImportError):
    """An optional dependency is needed and not installed."""


class DiskSpaceError(SwathError, OSError):
    """There is not enough room on the disk for what is to be written."""


class RGBBandsMissingError(SwathError, ValueError):
    """A plot needs the red, green and blue bands, and the sample does not hold them."""


class DownloadError(SwathError, OSError):
    """A download failed after its retries. `status` is the server's last answer, if it had one."""

    status: int | None = None


class ChecksumError(SwathError, ValueError):
    """A file's bytes are not the published ones."""


class ArchiveError(SwathError, ValueError):
    """An archive is damaged, or a member of it is unsafe to extract."""


def nearest(name: str, names: Iterable[str]) -> str:
    """``did you mean …?``, or what there is when nothing is near."""
    names = list(names)
    lower = {n.lower(): n for n in names}
    near = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(lower[n] for n in near)}?"
    if not names:
        return "there are none"
    shown = ", ".join(names[:40]) + (f", … ({len(names)} in all)" if len(names) > 40 else "")
    return f"there are {shown}"
