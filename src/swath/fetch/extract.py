"""Extract archives from strangers: nothing outside the folder, no bombs, all or nothing."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from swath.errors import ArchiveError, DiskSpaceError, FileMissingError, SwathError
from swath.fetch.lock import file_lock
from swath.fetch.members import DAMAGE, Member, open_members
from swath.typing import Path

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["extract_archive", "is_extracted", "list_members"]

_CHUNK = 1 << 20
#: Below this many bytes no ratio is too high: masks of one class shrink a thousandfold.
_RATIO_FLOOR = 1 << 30
#: Left free on the disk, and how often the disk is asked.
_RESERVE, _ASK_EVERY = 64 << 20, 256 << 20


def extract_archive(
    src: Path,
    dst: Path | None = None,
    *,
    max_size: int | None = None,
    max_ratio: float | None = 200.0,
    max_members: int = 5_000_000,
    progress: bool = True,
    volumes: Sequence[Path] = (),
) -> pathlib.Path:
    """Extract a zip, a tar (plain, gz, bz2, xz, zst) or a single compressed file into a folder.

    Members are written to a folder beside the destination first and moved when all of them are
    there, so that what is refused, damaged or killed leaves the destination as it was. The last
    thing written is a mark (``.NAME.extracted``) with the list of files: an archive that was
    extracted already is not extracted again, and one that was half moved, or lost files since,
    is. Of several processes one extracts and the others wait.

    Refused, with the member's name: absolute names and ``..``, links that lead out, devices,
    names twice, names that are not UTF-8, encrypted members.

    Args:
        src: The archive.
        dst: The folder that the members go into; by default the archive's own.
        max_size: Most bytes in all; by default what the disk has room for.
        max_ratio: Most bytes in all for each byte of the archive, once there is 1 GiB; None
            for no limit.
        max_members: Most members.
        progress: Show a bar, on a terminal.
        volumes: The further files, in order, of an archive that was cut into several (``….gzaa``,
            ``….gzab``): all are read as one.

    Returns:
        The folder.

    Raises:
        FileMissingError: There is no such archive.
        ArchiveError: It is damaged, too large when extracted, or holds an unsafe member.
        DiskSpaceError: The disk is full.
    """
    archive = pathlib.Path(src)
    target = pathlib.Path(dst) if dst is not None else archive.parent
    if not archive.is_file():
        raise FileMissingError(f"{archive} does not exist, so it cannot be extracted.")
    if is_extracted(archive, target):
        return target
    target.mkdir(parents=True, exist_ok=True)
    with file_lock(target / f".{archive.name}.extract.lock"):
        if is_extracted(archive, target):
            return target
        work = target / f".{archive.name}.extracting"
        shutil.rmtree(work, ignore_errors=True)  # left by a process that was killed
        job = _Job(archive, work, max_size, max_ratio, max_members, volumes)
        try:
            work.mkdir()
            job.run(progress)
            _move(work, target, archive)
            _mark(archive, target).unlink(missing_ok=True)
            _write_mark(archive, target, job.written)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise DiskSpaceError(
                    f"{archive} cannot be extracted to {target}: {exc.strerror}. Make room or "
                    "choose another folder; nothing is left behind."
                ) from exc
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def is_extracted(src: Path, dst: Path | None = None) -> bool:
    """Whether the folder holds all that this archive has, by the mark that extraction leaves.

    The archive itself may be gone by now; if it is there, it must be the one that was extracted.
    """
    archive = pathlib.Path(src)
    target = pathlib.Path(dst) if dst is not None else archive.parent
    try:
        note = json.loads(_mark(archive, target).read_text())
        size, changed, files = note["size"], note["changed"], note["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    with contextlib.suppress(FileNotFoundError):
        state = archive.stat()
        if (state.st_size, state.st_mtime_ns) != (size, changed):
            return False
    try:
        return all(os.lstat(target / name).st_size == length for name, length in files)
    except OSError:
        return False


def list_members(src: Path) -> list[str]:
    """Names of the files in an archive, in its order, without extracting any.

    Raises:
        FileMissingError: There is no such archive.
        ArchiveError: It is damaged or holds an unsafe member.
    """
    with _damage(src), open_members(src) as members:
        return [member.name for member, _ in members if member.kind in ("file", "hard")]


@contextlib.contextmanager
def _damage(archive: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGE as exc:
        raise ArchiveError(
            f"{os.fspath(archive)} is damaged: {exc or type(exc).__name__}. Delete it and "
            "download it again."
        ) from exc
    except OSError as exc:
        if exc.errno is None and not isinstance(exc, SwathError):  # a codec's complaint
            raise ArchiveError(
                f"{os.fspath(archive)} is damaged: {exc}. Delete it and download it again."
            ) from exc
        raise


@dataclass
class _Job:
    """One extraction into a folder that nobody else looks at."""

    archive: pathlib.Path
    work: pathlib.Path
    max_size: int | None
    max_ratio: float | None
    max_members: int
    volumes: Sequence[Path] = ()
    written: dict[str, int] = field(default_factory=dict)
    total: int = 0
    asked: int = -_ASK_EVERY
    links: list[Member] = field(default_factory=list)

    def run(self, progress: bool) -> None:
        from tqdm import tqdm

        packed = sum(os.stat(path).st_size for path in (self.archive, *self.volumes))
        with (
            _damage(self.archive),
            open_members(self.archive, self.volumes) as members,
            tqdm(
                desc=f"extracting {self.archive.name}",
                unit="B",
                unit_scale=True,
                disable=None if progress else True,
            ) as bar,
        ):
            for count, (member, stream) in enumerate(members, 1):
                if count > self.max_members:
                    raise self._refuse(f"has more than {self.max_members} members")
                if member.name:
                    self._take(member, stream, packed, bar)
                elif member.kind != "folder":
                    raise self._refuse("has a member without a name")
            self._link()

    def _take(self, member: Member, stream: IO[bytes] | None, packed: int, bar: tqdm[Any]) -> None:
        place = self.work / member.name
        if member.kind == "folder":
            self._folder(place, member)
        elif member.kind == "link":
            self._folder(place.parent, member)
            self.links.append(member)
        elif member.kind == "hard":
            if member.target not in self.written:
                raise self._refuse(
                    f"has a member {member.name!r} linked to {member.target!r}, which is no file "
                    "before it"
                )
            with open(self.work / member.target, "rb") as source:
                self._write(place, member, source, packed, bar)
        elif stream is not None:
            if member.size > 0:
                self._limit(self.total + member.size, packed)
            self._write(place, member, stream, packed, bar)

    def _folder(self, place: pathlib.Path, member: Member) -> None:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise self._refuse(
                f"has a member {member.name!r} whose folder is another member's file"
            ) from None

    def _write(
        self,
        place: pathlib.Path,
        member: Member,
        stream: IO[bytes],
        packed: int,
        bar: tqdm[Any],
    ) -> None:
        self._folder(place.parent, member)
        try:
            out = open(place, "xb")  # noqa: SIM115
        except (FileExistsError, IsADirectoryError):
            raise self._refuse(f"has the name {member.name!r} twice") from None
        length = 0
        with out:
            while block := stream.read(_CHUNK):
                length += len(block)
                self.total += len(block)
                self._limit(self.total, packed)
                out.write(block)
                bar.update(len(block))
        if member.size >= 0 and member.kind == "file" and length != member.size:
            raise EOFError(f"{member.name} has {length} bytes, expected {member.size}")
        self.written[member.name] = length

    def _limit(self, total: int, packed: int) -> None:
        if self.max_size is not None and total > self.max_size:
            raise self._refuse(
                f"has more than max_size={self.max_size} bytes when extracted (raise max_size "
                "if you trust it)"
            )
        if (
            self.max_ratio is not None
            and total > _RATIO_FLOOR
            and total > self.max_ratio * max(packed, 1)
        ):
            raise self._refuse(
                f"grows from {packed} bytes to more than {total}, over max_ratio="
                f"{self.max_ratio:g} (raise max_ratio if you trust it)"
            )
        if total - self.asked >= _ASK_EVERY or self.asked < 0:
            self.asked = total
            free = shutil.disk_usage(self.work).free + self.total
            if total + _RESERVE > free:
                raise DiskSpaceError(
                    f"{self.archive} needs {total} bytes or more, and {free} are free in "
                    f"{self.work.parent}. Make room or choose another folder."
                )

    def _link(self) -> None:
        """Make symbolic links last, so that nothing was written through one."""
        for member in self.links:
            place = self.work / member.name
            steps = os.path.normpath(os.path.join(os.path.dirname(member.name), member.target))
            if (
                not member.target
                or "\0" in member.target
                or os.path.isabs(member.target)
                or steps.split(os.sep)[0] == os.pardir
            ):
                raise self._outside(member)
            try:
                place.symlink_to(member.target)
            except FileExistsError:
                raise self._refuse(f"has the name {member.name!r} twice") from None
        root = os.path.realpath(self.work)
        for member in self.links:  # through other links it may lead elsewhere than it says
            real = os.path.realpath(self.work / member.name)
            if os.path.commonpath([root, real]) != root:
                raise self._outside(member)
            self.written[member.name] = os.lstat(self.work / member.name).st_size

    def _outside(self, member: Member) -> ArchiveError:
        return self._refuse(f"has a link {member.name!r} to {member.target!r}, outside the folder")

    def _refuse(self, why: str) -> ArchiveError:
        return ArchiveError(f"{self.archive} {why}. Nothing was extracted.")


def _move(work: pathlib.Path, target: pathlib.Path, archive: pathlib.Path) -> None:
    """Put what was extracted in its place; folders that are there already are joined."""
    for entry in sorted(os.scandir(work), key=lambda entry: entry.name):
        place = target / entry.name
        if place == archive:
            raise ArchiveError(
                f"{archive} has a member of its own name. Extract it to another folder."
            )
        if entry.is_dir(follow_symlinks=False):
            if place.is_dir():
                _move(pathlib.Path(entry.path), place, archive)
                continue
            if place.exists() or place.is_symlink():
                raise ArchiveError(
                    f"{archive} has a folder {entry.name!r}, and {place} is a file. Move it away."
                )
        elif place.is_dir() and not place.is_symlink():
            raise ArchiveError(
                f"{archive} has a file {entry.name!r}, and {place} is a folder. Move it away."
            )
        os.replace(entry.path, place)


def _mark(archive: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    return target / f".{archive.name}.extracted"


def _write_mark(archive: pathlib.Path, target: pathlib.Path, written: dict[str, int]) -> None:
    state = archive.stat()
    note = {
        "size": state.st_size,
        "changed": state.st_mtime_ns,
        "files": list(written.items()),
    }
    temporary = target / f".{archive.name}.extracted.tmp"
    temporary.write_text(json.dumps(note))
    os.replace(temporary, _mark(archive, target))
