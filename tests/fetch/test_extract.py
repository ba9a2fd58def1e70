"""Extraction of honest archives, damaged ones and hostile ones."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile

import pyarrow as pa
import pytest

from swath.errors import ArchiveError, DiskSpaceError, FileMissingError
from swath.fetch import extract_archive, fetch_and_extract, is_extracted, list_members

FILES = {"scene/b1.tif": b"one" * 1000, "scene/deep/b2.tif": b"two", "read me.txt": b""}


def make_zip(path: pathlib.Path, files: dict[str, bytes]) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def tar_bytes(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def make_tar(path: pathlib.Path, files: dict[str, bytes], *extra: tarfile.TarInfo) -> pathlib.Path:
    path.write_bytes(tar_bytes(files, *extra))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def tree(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def everything(folder: pathlib.Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.tar", bytes),
        ("a.tar.gz", gzip.compress),
        ("a.tgz", gzip.compress),
        ("a.tar.bz2", bz2.compress),
        ("a.tar.xz", lzma.compress),
        ("a.tar.zst", zstd),
        ("wrong_name.zip", gzip.compress),
    ],
)
def test_tars(tmp_path, name, pack):
    archive = tmp_path / name
    archive.write_bytes(pack(tar_bytes(FILES)))
    assert list_members(archive) == list(FILES)
    out = extract_archive(archive, tmp_path / "out")
    assert tree(out) == FILES
    assert is_extracted(archive, out)


def test_zip_into_its_own_folder_beside_other_files(tmp_path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "mine.txt").write_bytes(b"mine")
    archive = make_zip(tmp_path / "a.zip", FILES)
    assert extract_archive(archive) == tmp_path
    found = tree(tmp_path)
    found.pop("a.zip")
    assert found == {**FILES, "scene/mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("name", "pack"),
    [("b1.tif.gz", gzip.compress), ("b1.tif.xz", lzma.compress), ("b1.tif.zst", zstd)],
)
def test_single_compressed_file(tmp_path, name, pack):
    archive = tmp_path / name
    archive.write_bytes(pack(b"pixels" * 500))
    assert tree(extract_archive(archive, tmp_path / "out")) == {"b1.tif": b"pixels" * 500}


def test_second_time_nothing_is_done_until_something_is_missing(tmp_path):
    archive, out = make_zip(tmp_path / "a.zip", FILES), tmp_path / "out"
    extract_archive(archive, out)
    before = (out / "scene/b1.tif").stat().st_ino
    extract_archive(archive, out)
    assert (out / "scene/b1.tif").stat().st_ino == before
    (out / "scene/b1.tif").write_bytes(b"cut")  # a partly extracted folder is noticed
    assert not is_extracted(archive, out)
    extract_archive(archive, out)
    assert tree(out) == FILES
    (out / "scene/deep/b2.tif").unlink()
    extract_archive(archive, out)
    assert tree(out) == FILES
    os.utime(make_zip(archive, {"new.tif": b"x"}))  # another archive of the same name
    extract_archive(archive, out)
    assert tree(out) == {**FILES, "new.tif": b"x"}
    archive.unlink()  # not needed any more
    assert is_extracted(archive, out)


def test_half_moved_folder_is_done_again(tmp_path):
    archive, out = make_zip(tmp_path / "a.zip", FILES), tmp_path / "out"
    (out / ".a.zip.extracting" / "scene").mkdir(parents=True)
    (out / ".a.zip.extracting" / "scene" / "junk").write_bytes(b"?")
    (out / "scene").mkdir()
    (out / "scene" / "b1.tif").write_bytes(b"half")
    assert not is_extracted(archive, out)
    assert tree(extract_archive(archive, out)) == FILES


HOSTILE = [
    {"../evil": b"x"},
    {"ok": b"", "a/../../evil": b"x"},
    {"/etc/evil": b"x"},
    {"C:/evil": b"x"},
    {"..\\evil": b"x"},
    {"\\\\server\\evil": b"x"},
    {"a": b"x", "a/b": b"x"},
    {"a/b": b"x", "a": b"x"},
    {"a": b"x", "./a": b"y"},
    {"a": b"x", "b//c": b"x", "b/c": b"y"},
]


@pytest.mark.parametrize("files", HOSTILE)
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_names_that_lead_out_or_collide(tmp_path, make, files):
    archive = make(tmp_path / "a", files)
    out = tmp_path / "out" / "inner"
    with pytest.raises(ArchiveError, match=r"evil|a") as caught:
        extract_archive(archive, out)
    assert str(archive) in str(caught.value)
    assert everything(tmp_path) == ["a", "out", "out/inner"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.tif", b"1")
        archive.writestr("a.tif", b"2")
    with pytest.raises(ArchiveError, match=r"'a\.tif' twice"):
        extract_archive(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    "extra",
    [
        [special("link", tarfile.SYMTYPE, "/etc/passwd")],
        [special("link", tarfile.SYMTYPE, "../x")],
        [special("d/link", tarfile.SYMTYPE, "../../x")],
        [special("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [special("hard", tarfile.LNKTYPE, "not/there")],
        [special("dev", tarfile.CHRTYPE)],
        [special("dev", tarfile.BLKTYPE)],
        [special("pipe", tarfile.FIFOTYPE)],
        # each link alone stays inside; together they lead out
        [
            special("top", tarfile.DIRTYPE),
            special("deep/a/b/s", tarfile.SYMTYPE, "../../../top"),
            special("deep/a/b/t", tarfile.SYMTYPE, "s/../.."),
        ],
    ],
)
def test_links_out_and_devices(tmp_path, extra):
    archive = make_tar(tmp_path / "a.tar", {"ok": b"x"}, *extra)
    out = tmp_path / "out"
    with pytest.raises(ArchiveError):
        extract_archive(archive, out)
    assert everything(out) == []


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(special("d", tarfile.SYMTYPE, str(outside)))
        info = tarfile.TarInfo("d/evil")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    with pytest.raises(ArchiveError):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert everything(outside) == []


def test_links_within_are_kept(tmp_path):
    archive = make_tar(
        tmp_path / "a.tar",
        {"d/file": b"x"},
        special("d/soft", tarfile.SYMTYPE, "file"),
        special("hard", tarfile.LNKTYPE, "d/file"),
    )
    out = extract_archive(archive, tmp_path / "out")
    assert os.readlink(out / "d/soft") == "file"
    assert (out / "hard").read_bytes() == b"x"
    assert is_extracted(archive, out)


def test_zip_with_link_out(tmp_path):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "../../etc/passwd")
    with pytest.raises(ArchiveError, match=r"link 'link' to '../../etc/passwd'"):
        extract_archive(tmp_path / "a.zip", tmp_path / "out")


def test_names_that_are_not_utf_8(tmp_path):
    data = tar_bytes({"caf\xe9.tif": b"x"}).replace("caf\xe9".encode(), b"caf\xe9\x00")
    block = bytearray(data[:512])
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    (tmp_path / "a.tar").write_bytes(bytes(block) + data[512:])
    with pytest.raises(ArchiveError, match=r"caf.*not UTF-8"):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")

    data = make_zip(tmp_path / "a.zip", {"cafe.tif": b"x"}).read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"cafe", b"caf\xe9"))
    with pytest.raises(ArchiveError, match=r"caf.*not UTF-8"):
        extract_archive(tmp_path / "a.zip", tmp_path / "out")
    # UTF-8 without the flag is what some tools write
    data = make_zip(tmp_path / "b.zip", {"cafes.tif": b"x"}).read_bytes()
    (tmp_path / "b.zip").write_bytes(data.replace(b"cafes", "caf\xe9".encode()))
    assert tree(extract_archive(tmp_path / "b.zip", tmp_path / "b")) == {"caf\xe9.tif": b"x"}


def test_bombs(tmp_path, monkeypatch):
    archive = make_zip(tmp_path / "a.zip", {"zeros": bytes(5_000_000)})
    with pytest.raises(ArchiveError, match="max_size=1000 bytes"):
        extract_archive(archive, tmp_path / "out", max_size=1000)
    monkeypatch.setattr("swath.fetch.extract._RATIO_FLOOR", 1_000_000)
    with pytest.raises(ArchiveError, match="max_ratio"):
        extract_archive(archive, tmp_path / "out")
    gz = tmp_path / "b.gz"
    gz.write_bytes(gzip.compress(bytes(5_000_000)))  # announces nothing
    with pytest.raises(ArchiveError, match="max_ratio"):
        extract_archive(gz, tmp_path / "out")
    many = make_zip(tmp_path / "c.zip", {str(i): b"" for i in range(20)})
    with pytest.raises(ArchiveError, match="more than 10 members"):
        extract_archive(many, tmp_path / "out", max_members=10)
    assert everything(tmp_path / "out") == []
    assert tree(extract_archive(archive, tmp_path / "out", max_ratio=None))


def test_zip_that_lies_about_its_sizes(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"zeros": bytes(100_000)})
    data = archive.read_bytes().replace(struct.pack("<I", 100_000), struct.pack("<I", 10))
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(archive, tmp_path / "out")


def test_too_little_room(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskSpaceError, match="1000 are free"):
        extract_archive(make_zip(tmp_path / "a.zip", FILES), tmp_path / "out")
    assert everything(tmp_path / "out") == []


def test_disk_full(tmp_path):
    archive, out = make_zip(tmp_path / "a.zip", {"big": bytes(500_000)}), tmp_path / "out"
    code = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from swath.fetch import extract_archive
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    extract_archive({str(archive)!r}, {str(out)!r})
except OSError as exc:
    print(type(exc).__name__, exc)
"""
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert text.startswith("DiskSpaceError")
    assert "Make room" in text
    assert everything(out) == []


def test_killed_extraction_is_noticed(tmp_path, wait_until):
    archive, out = tmp_path / "a.tar.gz", tmp_path / "out"
    files = {f"f{i}": os.urandom(1 << 20) for i in range(20)}
    archive.write_bytes(gzip.compress(tar_bytes(files), 1))
    code = f"""
import sys, time
sys.path[:0] = {sys.path!r}
import swath.fetch.extract as e
limit = e._Job._limit
def slow(*args):
    time.sleep(0.05)
    limit(*args)
e._Job._limit = slow
e.extract_archive({str(archive)!r}, {str(out)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_until((out / ".a.tar.gz.extracting" / "f3").exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "f0").exists()
    assert not is_extracted(archive, out)
    assert tree(extract_archive(archive, out)) == files
    assert not (out / ".a.tar.gz.extracting").exists()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
@pytest.mark.parametrize("share", [0.3, 0.85])
def test_tar_cut_short(tmp_path, pack, share):
    data = pack(tar_bytes({f"f{i}": os.urandom(3000) for i in range(10)}))
    archive = tmp_path / "a.tar.x"
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(archive, tmp_path / "out")
    assert everything(tmp_path / "out") == []


def test_tar_cut_between_members_or_with_a_broken_header(tmp_path):
    data = tar_bytes({"a": b"x" * 512, "b": b"y" * 512})
    archive = tmp_path / "a.tar"
    archive.write_bytes(data[:1024])
    with pytest.raises(ArchiveError, match="end mark"):
        extract_archive(archive, tmp_path / "out")
    archive.write_bytes(data[:1024] + b"\x01" + data[1025:])
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(archive, tmp_path / "out")


def test_zip_with_a_flipped_byte(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as stored:
        stored.writestr("a.tif", b"pixels" * 100)
    data = bytearray(archive.read_bytes())
    data[100] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(archive, tmp_path / "out")
    archive.write_bytes(data[:-30])
    with pytest.raises(ArchiveError, match="damaged"):
        extract_archive(archive, tmp_path / "out")


def test_encrypted_and_unknown(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.tif": b"x"})
    data = archive.read_bytes()
    central = data.index(b"PK\x01\x02")
    encrypted = bytearray(data)
    encrypted[6] |= 1
    encrypted[central + 8] |= 1
    archive.write_bytes(encrypted)
    with pytest.raises(ArchiveError, match="encrypted"):
        extract_archive(archive, tmp_path / "out")
    deflate64 = bytearray(data)
    deflate64[8] = 9
    deflate64[central + 10] = 9
    archive.write_bytes(deflate64)
    with pytest.raises(ArchiveError, match="7z"):
        extract_archive(archive, tmp_path / "out")
    archive.write_bytes(b"<html>404</html>")
    with pytest.raises(ArchiveError, match="no archive"):
        extract_archive(archive, tmp_path / "out")
    with pytest.raises(FileMissingError):
        extract_archive(tmp_path / "none.zip")


def test_member_of_the_archive_s_own_name(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.zip": b"x"})
    with pytest.raises(ArchiveError, match="another folder"):
        extract_archive(archive)
    assert zipfile.is_zipfile(archive)


def test_fetch_and_extract(loopback, tmp_path):
    body = make_zip(tmp_path / "source.zip", FILES).read_bytes()
    url = loopback.put("/data/a.zip", body, cut=[100])
    root = tmp_path / "root"
    out = fetch_and_extract(url + "?download=1", root, remove=True)
    assert tree(out) == FILES
    assert not (root / "a.zip").exists()
    count = len(loopback.requests)
    fetch_and_extract(url + "?download=1", root)
    assert len(loopback.requests) == count
    mark = json.loads((root / ".a.zip.extracted").read_text())
    assert sorted(name for name, _ in mark["files"]) == sorted(FILES)


def test_two_processes_extract_once(tmp_path):
    archive, out = make_zip(tmp_path / "a.zip", {f"d/{i}": b"x" * i for i in range(200)}), tmp_path
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from swath.fetch import extract_archive
import swath.fetch.extract as e
run = e._Job.run
def told(self, progress):
    print("extracting")
    run(self, progress)
e._Job.run = told
extract_archive({str(archive)!r})
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(said) == ["", "", "extracting"]
    assert len(list((out / "d").iterdir())) == 200
    assert not list(tmp_path.glob(".*.lock"))
