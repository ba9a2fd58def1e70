"""What is in an archive, one kind of file at a time: names that are safe, bytes in a stream."""

from __future__ import annotations

import bisect
import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import os
import pathlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal, Self

from swath.errors import ArchiveError, FileMissingError
from swath.typing import Path

__all__ = ["DAMAGE", "Member", "open_members", "safe_name"]

#: What the standard library raises for damaged archives.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
)
_MAGIC = {
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "gz": (b"\x1f\x8b",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
    "zst": (b"\x28\xb5\x2f\xfd",),
}
_TARS = (".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive, its name already found safe.

    Attributes:
        name: Relative, with forward slashes, no ``.`` or ``..`` in it.
        kind: ``link`` is a symbolic one; ``hard`` names another member as `target`.
        size: Bytes that the archive announces; -1 where it does not say.
        target: Of a link.
    """

    name: str
    kind: Literal["file", "folder", "link", "hard"]
    size: int = 0
    target: str = ""


def safe_name(name: str, archive: str) -> str:
    """A member's name without ``.`` parts, or ArchiveError if it may lead out of the folder."""

    def refuse(why: str) -> ArchiveError:
        return ArchiveError(
            f"{archive}: member {name!r} {why}. Nothing was extracted; don't trust this archive "
            "unless you know why it is so."
        )

    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise refuse("has a name that is not UTF-8") from None
    if "\0" in name:
        raise refuse("has a NUL in its name")
    # Faulty Windows tools write backslashes; as a plain character they have no use in a name
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or (parts and len(parts[0]) == 2 and parts[0][1] == ":"):
        raise refuse("has an absolute name")
    if ".." in parts:
        raise refuse("leads out of the folder with '..'")
    return "/".join(parts)


@contextlib.contextmanager
def open_members(
    path: Path, volumes: Sequence[Path] = ()
) -> Iterator[Iterator[tuple[Member, IO[bytes] | None]]]:
    """Open an archive and go through its members in order, each with its bytes if it is a file.

    The kind is told by the first bytes, not by the name: zip, tar (plain, gz, bz2, xz, zst), or
    a single file compressed with one of these. Each stream must be read before the next member.

    Raises:
        FileMissingError: There is no such file.
        ArchiveError: It is none of these kinds, it is damaged, or a member is unsafe.
    """
    name = os.fspath(path)
    with contextlib.ExitStack() as stack:
        try:
            raw: IO[bytes] = stack.enter_context(open(name, "rb"))
            rest = [stack.enter_context(open(volume, "rb")) for volume in volumes]
        except FileNotFoundError as exc:
            raise FileMissingError(
                f"{exc.filename} does not exist, so it cannot be extracted."
            ) from exc
        if rest:
            raw = io.BufferedReader(_Volumes([raw, *rest]), 1 << 20)
        head = raw.read(6)
        raw.seek(0)
        kind = next((key for key, magic in _MAGIC.items() if head.startswith(magic)), "")
        if kind == "zip":
            yield _zip(stack.enter_context(zipfile.ZipFile(raw)), name)
            return
        stream = stack.enter_context(_decompressed(raw, kind))
        lead = stream.read(tarfile.BLOCKSIZE)
        if _is_tar(lead, name):
            joined: IO[bytes] = _Joined(lead, stream)  # type: ignore[assignment]
            archive = tarfile.open(  # noqa: SIM115
                fileobj=joined, mode="r|", tarinfo=_StrictTarInfo, errorlevel=1, encoding="utf-8"
            )
            yield _tar(stack.enter_context(archive), name)
        elif kind:
            single = safe_name(pathlib.Path(name).stem, name)
            yield iter([(Member(single, "file", -1), _Joined(lead, stream))])  # type: ignore[list-item]
        else:
            raise ArchiveError(
                f"{name} is no archive: expected zip, tar, gz, bz2, xz or zst, found a file that "
                f"begins with {head!r}. If it was downloaded, it may be an error page: look at it."
            )


def _decompressed(raw: IO[bytes], kind: str) -> IO[bytes]:
    if kind == "gz":
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if kind == "bz2":
        return bz2.BZ2File(raw)
    if kind == "xz":
        return lzma.LZMAFile(raw)
    if kind == "zst":
        import pyarrow as pa

        return pa.CompressedInputStream(raw, "zstd")
    return raw


def _is_tar(block: bytes, name: str) -> bool:
    if len(block) < tarfile.BLOCKSIZE:
        return False
    if not any(block):  # an empty tar, or any file that begins with zeros
        return name.lower().endswith(_TARS)
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


class _Volumes(io.RawIOBase):
    """Several files, read as one."""

    def __init__(self, files: Sequence[IO[bytes]]) -> None:
        self._files = files
        sizes = [os.fstat(file.fileno()).st_size for file in files]
        self._ends = list(itertools.accumulate(sizes))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        number = bisect.bisect_right(self._ends, self._at)
        if number == len(self._files):
            return 0
        file, end = self._files[number], self._ends[number]
        start = self._ends[number - 1] if number else 0
        file.seek(self._at - start)
        block = file.read(min(len(buffer), end - self._at))
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)


class _Joined:
    """A stream whose first bytes were read already. No seeking."""

    def __init__(self, lead: bytes, rest: IO[bytes]) -> None:
        self._lead, self._rest = lead, rest

    def read(self, size: int = -1) -> bytes:
        if not self._lead:
            return self._rest.read(size)
        if size < 0 or size >= len(self._lead):
            lead, self._lead = self._lead, b""
            return lead + self._rest.read(size - len(lead) if size >= 0 else -1)
        lead, self._lead = self._lead[:size], self._lead[size:]
        return lead


class _StrictTarInfo(tarfile.TarInfo):
    """The standard library takes a broken header after the first for the archive's end: we don't.

    The end is a block of zeros and nothing else, so that an archive that was cut short between
    two members is not taken for a whole one.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except (
            tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
            tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
            tarfile.EmptyHeaderError,  # type: ignore[attr-defined]
        ) as exc:
            raise EOFError(f"{exc} where a member or the end mark should be") from exc


def _tar(archive: tarfile.TarFile, name: str) -> Iterator[tuple[Member, IO[bytes] | None]]:
    for info in archive:
        safe = safe_name(info.name, name)
        if info.isdir():
            yield Member(safe, "folder"), None
        elif info.isfile():
            yield Member(safe, "file", info.size), archive.extractfile(info)
        elif info.issym():
            yield Member(safe, "link", target=info.linkname), None
        elif info.islnk():
            yield Member(safe, "hard", target=safe_name(info.linkname, name)), None
        else:
            raise ArchiveError(
                f"{name}: member {info.name!r} is a device, a pipe or of an unknown kind "
                f"({info.type!r}): expected files, folders and links. Nothing was extracted."
            )


def _zip(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[Member, IO[bytes] | None]]:
    infos = [(info, safe_name(_zip_name(info, name), name)) for info in archive.infolist()]
    for info, safe in infos:
        mode = info.external_attr >> 16 if info.create_system == 3 else 0
        if info.is_dir() or stat.S_ISDIR(mode):
            yield Member(safe, "folder"), None
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFLNK):
            raise ArchiveError(
                f"{name}: member {info.filename!r} is a device or a pipe: expected files, "
                "folders and links. Nothing was extracted."
            )
        if info.flag_bits & 0x1:
            raise ArchiveError(
                f"{name}: member {info.filename!r} is encrypted. Extract the archive yourself "
                "with the password and give the folder."
            )
        try:
            stream = archive.open(info)
        except NotImplementedError as exc:
            raise ArchiveError(
                f"{name}: member {info.filename!r} is packed with a method that Python does not "
                f"know ({info.compress_type}). Extract the archive with 7z and give the folder."
            ) from exc
        with stream:
            if stat.S_ISLNK(mode):
                target = stream.read(4096).decode("utf-8", "surrogateescape")
                yield Member(safe, "link", target=target), None
            else:
                yield Member(safe, "file", info.file_size), stream


def _zip_name(info: zipfile.ZipInfo, archive: str) -> str:
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    # Without the UTF-8 flag the standard says code page 437; in truth it is UTF-8 without the
    # flag, or some code page that the file does not name.
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        raise ArchiveError(
            f"{archive}: member {name!r} has a name that is not UTF-8. Extract the archive "
            "with a tool that knows its code page and give the folder."
        ) from None
