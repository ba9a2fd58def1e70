"""Downloads against a real server that cuts, lies, refuses and changes its mind."""

from __future__ import annotations

import hashlib
import logging
import os
import pathlib
import random
import signal
import stat
import subprocess
import sys
import tempfile

import pytest

from swath.errors import ChecksumError, ConfigError, DownloadError
from swath.fetch import check_integrity, download

BODY = random.Random(1).randbytes(700_000)
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()
QUICK = {"backoff": 0.01, "progress": False}


def leftovers(folder: pathlib.Path) -> list[str]:
    return sorted(os.listdir(folder))


def ranges(loopback) -> list[str | None]:
    return [headers.get("Range") for _, headers in loopback.requests]


def test_plain(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY)
    path = download(url, tmp_path / "deep" / "a.zip", md5=MD5, sha256=SHA256, size=len(BODY))
    assert path.read_bytes() == BODY
    assert leftovers(path.parent) == ["a.zip"]


def test_right_file_is_not_downloaded_again_and_wrong_one_is_replaced(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY)
    path = tmp_path / "a.zip"
    path.write_bytes(BODY)
    download(url, path, md5=MD5, **QUICK)
    assert loopback.requests == []
    path.write_bytes(b"old")
    download(url, path, md5=MD5, **QUICK)
    assert path.read_bytes() == BODY


def test_cut_connection_is_resumed(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, cut=[200_000, 100_000])
    path = download(url, tmp_path / "a.zip", **QUICK)  # no digest: the ETag ties the parts
    assert path.read_bytes() == BODY
    assert ranges(loopback) == [None, "bytes=200000-", "bytes=300000-"]
    assert leftovers(tmp_path) == ["a.zip"]


def test_many_cuts_don_t_count_while_bytes_arrive(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, cut=[30_000] * 20)
    assert download(url, tmp_path / "a", retries=1, backoff=0.001, progress=False).stat().st_size


def test_server_without_ranges_starts_over(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, ranges=False, cut=[200_000])
    assert download(url, tmp_path / "a.zip", md5=MD5, **QUICK).read_bytes() == BODY


def test_no_validator_and_no_digest_starts_over(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, etag=None, cut=[200_000])
    assert download(url, tmp_path / "a.zip", **QUICK).read_bytes() == BODY
    assert ranges(loopback) == [None, None]


@pytest.mark.parametrize("etag", ["", None, 'W/"weak"'])
def test_file_that_changed_between_resumes(loopback, tmp_path, etag):
    old = bytes(len(BODY))
    url = loopback.put("/a.zip", old, etag=etag, cut=[200_000, 0])
    with pytest.raises(DownloadError, match="200000 bytes are kept"):
        download(url, tmp_path / "a.zip", md5=MD5, retries=0, **QUICK)
    assert "a.zip.part" in leftovers(tmp_path)
    url = loopback.put("/a.zip", BODY, etag=etag)
    assert download(url, tmp_path / "a.zip", md5=MD5, **QUICK).read_bytes() == BODY
    assert leftovers(tmp_path) == ["a.zip"]


def test_announced_length_is_not_reached(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, length=len(BODY) + 10)
    with pytest.raises(DownloadError) as caught:
        download(url, tmp_path / "a.zip", retries=1, **QUICK)
    assert str(len(BODY)) in str(caught.value)
    assert not (tmp_path / "a.zip").exists()


def test_size_other_than_published_is_told_at_once(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY)
    with pytest.raises(ChecksumError, match=f"offers {len(BODY)} bytes, expected 5"):
        download(url, tmp_path / "a.zip", size=5, **QUICK)


@pytest.mark.parametrize("chunked", [False, True])
def test_wrong_digest(loopback, tmp_path, chunked):
    url = loopback.put("/a.zip", BODY[:-1] + b"x", chunked=chunked)
    with pytest.raises(ChecksumError) as caught:
        download(url + "?sig=secret", tmp_path / "a.zip", sha256=SHA256, **QUICK)
    text = str(caught.value)
    assert SHA256 in text
    assert hashlib.sha256(BODY[:-1] + b"x").hexdigest() in text
    assert url in text
    assert "secret" not in text
    assert leftovers(tmp_path) == []


def test_busy_server_is_asked_again(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, statuses=[(503, {}), (429, {"Retry-After": "0"}), (500, {})])
    assert download(url, tmp_path / "a.zip", **QUICK).read_bytes() == BODY


def test_server_that_stays_busy(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, statuses=[(503, {})] * 9)
    with pytest.raises(DownloadError, match="503"):
        download(url, tmp_path / "a.zip", retries=2, **QUICK)
    assert len(loopback.requests) == 3


def test_missing_file_is_not_asked_for_again(loopback, tmp_path):
    with pytest.raises(DownloadError, match=r"404.*product page"):
        download(loopback.url + "/none.zip", tmp_path / "a.zip", **QUICK)
    assert len(loopback.requests) == 1
    assert leftovers(tmp_path) == []


def test_mirrors(loopback, tmp_path):
    bad = loopback.put("/bad.zip", BODY[:-1] + b"x")
    good = loopback.put("/good.zip", BODY)
    urls = [loopback.url + "/none.zip", good]
    assert download(bad, tmp_path / "a", md5=MD5, mirrors=urls, **QUICK).read_bytes() == BODY


def test_second_mirror_goes_on_where_the_first_stopped(loopback, tmp_path):
    first = loopback.put("/one.zip", BODY, cut=[200_000], statuses=[])
    loopback.pages["/one.zip"].cut = [200_000, 0, 0]
    second = loopback.put("/two.zip", BODY)
    path = tmp_path / "a.zip"
    download(first, path, md5=MD5, mirrors=[second], retries=1, **QUICK)
    assert path.read_bytes() == BODY
    assert loopback.requests[-1][1]["Range"] == "bytes=200000-"


def test_redirect_and_credentials_stay_private(loopback, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    loopback.put("/real.zip", BODY, cut=[1000])
    loopback.put("/a.zip", b"", location="/real.zip?token=hidden")
    url = loopback.url.replace("http://", "http://user:pass@") + "/a.zip?sig=hidden"
    download(url, tmp_path / "a.zip", headers={"X-Key": "hidden"}, md5=MD5, **QUICK)
    assert loopback.requests[0][1]["Authorization"].startswith("Basic ")
    assert loopback.requests[0][1]["X-Key"] == "hidden"
    assert "hidden" not in caplog.text
    assert "pass@" not in caplog.text
    assert "next attempt" in caplog.text
    with pytest.raises(DownloadError) as caught:
        download(url.replace("a.zip", "none.zip"), tmp_path / "b.zip", **QUICK)
    assert "hidden" not in repr(caught.value)
    assert "user" not in repr(caught.value)


def test_login_page_is_no_archive(loopback, tmp_path):
    url = loopback.put("/a.zip", b"<html>log in</html>", kind="text/html; charset=utf-8")
    with pytest.raises(DownloadError, match="web page"):
        download(url, tmp_path / "a.zip", **QUICK)


def test_an_archive_s_own_compression_is_kept(loopback, tmp_path):
    import gzip

    packed = gzip.compress(b"x" * 1000)
    url = loopback.put("/a.tif.gz", packed, encoding="gzip")
    assert download(url, tmp_path / "a.tif.gz", **QUICK).read_bytes() == packed
    url = loopback.put("/a.csv", packed, encoding="gzip")
    assert download(url, tmp_path / "a.csv", **QUICK).read_bytes() == b"x" * 1000


def test_nobody_listens(tmp_path, loopback):
    with pytest.raises(DownloadError, match="Check the network"):
        download("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", retries=1, **QUICK)


def test_what_cannot_be_right(tmp_path):
    with pytest.raises(ConfigError, match="https://"):
        download("ftp://host/a.zip", tmp_path / "a.zip")
    with pytest.raises(ConfigError, match="no md5 digest"):
        download("https://host/a.zip", tmp_path / "a.zip", md5="abc")
    with pytest.raises(ConfigError, match="folder"):
        download("https://host/a.zip", tmp_path)


CHILD = """
import os, sys
sys.path[:0] = {path!r}
import httpx, tqdm
from swath.fetch import download
{before}
try:
    download({url!r}, {target!r}, md5={md5!r}, progress=False, backoff=0.01)
except Exception as exc:
    print(type(exc).__name__, exc)
"""


def child(url: str, target: pathlib.Path, before: str = "", **kwargs) -> subprocess.Popen[str]:
    code = CHILD.format(path=sys.path, url=url, target=str(target), md5=MD5, before=before)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **kwargs
    )


def test_killed_process_then_resume(loopback, tmp_path, wait_until):
    url = loopback.put("/a.zip", BODY, slow=0.2)
    path, part = tmp_path / "a.zip", tmp_path / "a.zip.part"
    process = child(url, path)
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    have = part.stat().st_size
    assert 0 < have < len(BODY)
    assert not path.exists()
    loopback.pages["/a.zip"].slow = 0
    download(url, path, progress=False)
    assert path.read_bytes() == BODY
    assert ranges(loopback)[-1] == f"bytes={have}-"
    assert leftovers(tmp_path) == ["a.zip"]


def test_two_processes_download_once(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY, slow=0.05)
    processes = [child(url, tmp_path / "a.zip") for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == ["", "", ""]
    assert (tmp_path / "a.zip").read_bytes() == BODY
    assert len(loopback.requests) == 1
    assert leftovers(tmp_path) == ["a.zip"]


def test_disk_full(loopback, tmp_path):
    url = loopback.put("/a.zip", BODY)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    out = child(url, tmp_path / "a.zip", before=limit).communicate()[0]
    assert out.startswith("DownloadError")
    assert "Make room" in out
    assert not (tmp_path / "a.zip").exists()
    download(url, tmp_path / "a.zip", md5=MD5, progress=False)
    assert ranges(loopback)[-1] == "bytes=300000-"


def test_too_little_room_is_told_before_the_first_byte(loopback, tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DownloadError, match=f"needs {len(BODY)} more bytes"):
        download(loopback.put("/a.zip", BODY), tmp_path / "a.zip", **QUICK)


def test_folder_that_cannot_be_written(loopback):
    url = loopback.put("/a.zip", BODY)
    with tempfile.TemporaryDirectory() as name:  # tmp_path is closed to other users
        os.chmod(name, stat.S_IRUSR | stat.S_IXUSR | 0o055)
        before = "os.geteuid() or os.seteuid(65534)"  # root may write everywhere
        out = child(url, pathlib.Path(name) / "a.zip", before=before).communicate()[0]
        assert out.startswith("DownloadError")
        assert "can be written" in out
        os.chmod(name, 0o755)
        (pathlib.Path(name) / "a.zip").write_bytes(BODY)
        os.chmod(name, 0o555)
        out = child(url, pathlib.Path(name) / "a.zip", before=before).communicate()[0]
        assert out == ""  # what is there is used
        os.chmod(name, 0o755)


def test_check_integrity(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(BODY)
    assert check_integrity(path)
    assert check_integrity(path, MD5.upper(), sha256=SHA256, size=len(BODY))
    assert not check_integrity(path, "0" * 32)
    assert not check_integrity(path, size=1)
    assert not check_integrity(tmp_path / "b")
