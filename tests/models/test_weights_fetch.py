"""Checkpoints come whole, verified and once, whatever the network, the disk or a kill does."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
from typing import Any

import pytest
import torch

import swath.models
from swath.errors import ChecksumError, ConfigError, DownloadError
from swath.models import checkpoint
from swath.models.checkpoint import checkpoint_folder, checkpoint_path, fetch_checkpoint, named_hash

BODY = random.Random(1).randbytes(700_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = f"net-{SHA256[:8]}.pth"

#: Fetches in a process of its own, without the cost of importing PyTorch and every architecture:
#: a file comes and is verified without them.
CHILD = """
import sys, types
sys.path[:] = {path!r}
package = types.ModuleType("swath.models")
package.__path__ = [{folder!r}]
torch, reading = types.ModuleType("torch"), types.ModuleType("swath.models.unpickle")
torch.Tensor = reading.read_state_dict = object
sys.modules |= {{m.__name__: m for m in (package, torch, reading)}}
{before}
from swath.models.checkpoint import fetch_checkpoint
print("ready", flush=True)
try:
    print(fetch_checkpoint({url!r}, progress=False))
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""


@pytest.fixture
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("SWATH_HOME", str(tmp_path))
    monkeypatch.setattr(checkpoint, "_BACKOFF", 0.01)
    monkeypatch.setattr(checkpoint, "_seen", {})
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def child(url: str, before: str = "") -> subprocess.Popen[str]:
    code = CHILD.format(
        path=sys.path, folder=str(pathlib.Path(swath.models.__file__).parent), url=url,
        before=before,
    )  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def files(folder: pathlib.Path) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file()}


def test_folder_is_pytorchs_unless_swath_home_says_otherwise(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWATH_HOME", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    assert checkpoint_folder() == tmp_path / "hub" / "checkpoints"
    monkeypatch.setenv("SWATH_HOME", str(tmp_path / "home"))
    assert checkpoint_folder() == tmp_path / "home" / "checkpoints"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("resnet18_sentinel2_all_moco-59bfdff9.pth", "59bfdff9"),
        (f"weights-{SHA256}.pth", SHA256),
        ("satclip-vit16-l40.ckpt", None),
        ("B13_rn50_softcon.pth", None),
        ("aurora-0.25-pretrained.ckpt", None),
        ("model-20240131.pth", None),
        ("model-20249931.pth", "20249931"),
        ("unet-resnet18-829a85c5.pth", "829a85c5"),
    ],
)
def test_hash_in_the_name(name: str, found: str | None) -> None:
    assert named_hash(name) == found


def test_fetched_once_verified_and_marked(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY)
    path = fetch_checkpoint(url, progress=False)
    assert path == home / NAME
    assert path.read_bytes() == BODY
    assert files(home) == {NAME, f".{NAME}.verified"}
    assert fetch_checkpoint(url, progress=False) == path
    assert len(loopback.requests) == 1


def test_an_unchanged_file_is_not_hashed_again_and_a_changed_one_is(
    loopback: Any, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = loopback.put(f"/{NAME}", BODY)
    path = fetch_checkpoint(url, progress=False)
    hashed: list[str] = []
    real = checkpoint.file_digest

    def counting(p: Any, **kwargs: Any) -> str:
        hashed.append(str(p))
        return real(p, **kwargs)

    monkeypatch.setattr(checkpoint, "file_digest", counting)
    fetch_checkpoint(url, progress=False)
    assert hashed == []
    path.write_bytes(BODY[:-1] + b"\0")  # same size, other bytes
    os.utime(path, ns=(1, 1))
    with pytest.raises(ChecksumError, match="damaged or another file"):
        fetch_checkpoint(url, progress=False)
    assert hashed == [str(path)]
    # a mark that somebody spoilt is no mark
    path.write_bytes(BODY)
    (home / f".{NAME}.verified").write_text('{"size": "no')
    assert fetch_checkpoint(url, progress=False) == path


def test_a_wrong_file_in_place_is_named_and_left_alone(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY)
    (home / NAME).write_bytes(BODY[:1000])
    for sha256 in (None, SHA256):
        with pytest.raises(ChecksumError) as caught:
            fetch_checkpoint(url, progress=False, sha256=sha256)
        for part in (str(home / NAME), "1000 bytes", SHA256[:8], "Move it away"):
            assert part in str(caught.value)
    assert (home / NAME).read_bytes() == BODY[:1000]
    assert loopback.requests == []


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_wrong_download_never_gets_the_place(
    loopback: Any, home: pathlib.Path, sha256: str | None
) -> None:
    name = "plain.pth" if sha256 else NAME
    url = loopback.put(f"/{name}", BODY[::-1])
    with pytest.raises(ChecksumError, match=SHA256[:8]):
        fetch_checkpoint(url, progress=False, sha256=sha256)
    assert files(home) == set()
    loopback.put(f"/{name}", BODY)
    assert fetch_checkpoint(url, progress=False, sha256=sha256).read_bytes() == BODY


def test_cut_connections_and_server_errors_are_survived(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY, cut=[200_000, 100_000], statuses=[(503, {})])
    assert fetch_checkpoint(url, progress=False).read_bytes() == BODY
    assert [h.get("Range") for _, h in loopback.requests][1:] == [
        None, "bytes=200000-", "bytes=300000-",
    ]  # fmt: skip


def test_a_web_page_in_place_of_the_file(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put("/plain.pth", b"<html>log in</html>", kind="text/html")
    with pytest.raises(DownloadError, match="a web page came in place"):
        fetch_checkpoint(url, progress=False)
    assert not (home / "plain.pth").exists()


def test_without_a_network_the_error_says_what_to_put_where(home: pathlib.Path) -> None:
    url = f"http://127.0.0.1:9/models/{NAME}"
    with pytest.raises(DownloadError) as caught:
        fetch_checkpoint(url, progress=False)
    for part in (url, str(home / NAME), SHA256[:8], "Without a network"):
        assert part in str(caught.value)
    (home / NAME).write_bytes(BODY)
    assert fetch_checkpoint(url, progress=False) == home / NAME


def test_a_folder_that_cannot_be_written(
    loopback: Any, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = loopback.put(f"/{NAME}", BODY)
    blocked = home / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("SWATH_HOME", str(blocked))
    with pytest.raises(DownloadError, match="SWATH_HOME"):
        fetch_checkpoint(url, progress=False)


def test_a_read_only_folder_does_where_the_file_is(
    home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / NAME).write_bytes(BODY)

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(30, "Read-only file system")

    # tests may run as root, whom no mode stops
    for name in ("write_text", "mkdir", "touch"):
        monkeypatch.setattr(pathlib.Path, name, refuse)
    monkeypatch.setattr(checkpoint, "file_lock", refuse)
    url = f"http://127.0.0.1:9/{NAME}"
    hashed: list[Any] = []
    real = checkpoint.file_digest
    monkeypatch.setattr(
        checkpoint, "file_digest", lambda p, **k: (hashed.append(p), real(p, **k))[1]
    )
    assert fetch_checkpoint(url, progress=False) == home / NAME
    assert fetch_checkpoint(url, progress=False) == home / NAME
    assert len(hashed) == 1  # once a process
    assert files(home) == {NAME}


def test_a_folder_in_the_files_place(home: pathlib.Path) -> None:
    (home / NAME).mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        fetch_checkpoint(f"http://127.0.0.1:9/{NAME}", progress=False)


def test_two_urls_with_one_name(loopback: Any, home: pathlib.Path) -> None:
    first = loopback.put("/a/model.pth", BODY)
    second = loopback.put("/b/model.pth", BODY[::-1])
    one, two = (fetch_checkpoint(u, progress=False) for u in (first, second))
    assert one == home / "model.pth"
    assert two != one
    assert two.name == "model.pth"
    for _ in range(2):  # and again, from the cache
        assert fetch_checkpoint(first, progress=False).read_bytes() == BODY
        assert fetch_checkpoint(second, progress=False).read_bytes() == BODY[::-1]
    assert len(loopback.requests) == 2


def test_a_url_that_nobody_vouches_for_lies_apart(loopback: Any, home: pathlib.Path) -> None:
    (home / "model.pth").write_bytes(b"somebody else's")
    url = loopback.put("/model.pth", BODY)
    path = fetch_checkpoint(url, progress=False, apart=True)
    assert path == checkpoint_path(url, apart=True)
    assert path.read_bytes() == BODY
    assert (home / "model.pth").read_bytes() == b"somebody else's"
    # a weight of a library was put there by hand: it is taken
    assert fetch_checkpoint(url, progress=False) == home / "model.pth"


def test_credentials_stay_out_of_messages_and_marks(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY) + "?token=SECRET"
    fetch_checkpoint(url, progress=False)
    assert "SECRET" not in (home / f".{NAME}.verified").read_text()
    (home / NAME).write_bytes(b"")
    with pytest.raises(ChecksumError) as caught:
        fetch_checkpoint(url, progress=False)
    assert "SECRET" not in str(caught.value)


def test_killed_and_gone_on(loopback: Any, home: pathlib.Path, wait_until: Any) -> None:
    url = loopback.put(f"/{NAME}", BODY, slow=0.2)
    process = child(url)

    def part() -> int:
        return sum(p.stat().st_size for p in home.rglob("*.part"))

    wait_until(lambda: part() > 100_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    have = part()
    assert 0 < have < len(BODY)
    assert not (home / NAME).exists()
    loopback.pages[f"/{NAME}"].slow = 0
    assert fetch_checkpoint(url, progress=False).read_bytes() == BODY
    assert loopback.requests[-1][1]["Range"] == f"bytes={have}-"
    # killed between the last byte and the move: not asked for again
    kept = home / ".incoming" / hashlib.sha256(url.encode()).hexdigest()[:16] / NAME
    kept.parent.mkdir(parents=True)
    (home / NAME).rename(kept)
    asked = len(loopback.requests)
    assert fetch_checkpoint(url, progress=False).read_bytes() == BODY
    assert len(loopback.requests) == asked


def test_two_processes_download_once(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY, slow=0.1)
    processes = [child(url) for _ in range(2)]
    said = [process.communicate()[0].split("\n")[1] for process in processes]
    assert said == [str(home / NAME)] * 2
    assert len(loopback.requests) == 1
    assert files(home) == {NAME, f".{NAME}.verified"}


def test_a_full_disk(loopback: Any, home: pathlib.Path) -> None:
    url = loopback.put(f"/{NAME}", BODY)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    said = child(url, before=limit).communicate()[0].split("\n")[1]
    assert said.startswith("DownloadError")
    assert "Make room" in said
    assert "Without a network" not in said
    assert not (home / NAME).exists()
    assert fetch_checkpoint(url, progress=False).read_bytes() == BODY
    assert loopback.requests[-1][1]["Range"] == "bytes=300000-"


def test_published_names_do_not_collide() -> None:
    """Files of different URLs never share a place in the cache."""
    table = json.loads((pathlib.Path(__file__).parent / "weights.json").read_text())
    urls = {row["url"] for members in table["weights"].values() for row in members.values()}
    urls |= {row["url"] for row in table["satlas"].values()}
    names = [url.rsplit("/", 1)[-1].lower() for url in urls]
    assert len(names) == 139 + 22
    assert len(set(names)) == len(names)
