"""Download a file over HTTP: resumed, retried, verified, and in its place only when whole."""

from __future__ import annotations

import errno
import logging
import os
import pathlib
import random
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from swath.errors import ChecksumError, ConfigError, DownloadError
from swath.fetch.integrity import check_digests, check_integrity, verify_file
from swath.fetch.lock import file_lock
from swath.fetch.partial import Origin, Partial
from swath.fetch.response import Gone, Trouble, expect, retry_after, strong_validator
from swath.fetch.urls import quiet_logs, redact, scrub
from swath.typing import Path

if TYPE_CHECKING:
    import httpx
    from tqdm import tqdm

__all__ = ["download"]

logger = logging.getLogger(__name__)
_MAX_WAIT = 300.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def download(
    url: str,
    path: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    mirrors: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    retries: int = 5,
    backoff: float = 1.0,
    timeout: float = 60.0,
    progress: bool = True,
) -> pathlib.Path:
    """Download `url` to the file `path`, which appears there only when it is whole and verified.

    A download that was cut off, by the network or by a killed process, goes on where it stopped
    (``path.part``) when the server says that the file is still the same one (ETag or
    Last-Modified), or when a digest will tell. A file that is already in its place and is the
    right one is not downloaded again (without digest and size, any file there is taken for it);
    one that is not is replaced. Of several processes that
    want the same file one downloads, and the others wait. Proxies are taken from the environment
    (``HTTPS_PROXY``, ``NO_PROXY``); credentials never appear in messages or logs.

    Args:
        url: ``http://`` or ``https://``.
        path: The file to write; its folder is made. Its name need not be the URL's.
        md5: Published hexadecimal MD5 of the file.
        sha256: Published hexadecimal SHA-256 of the file.
        size: Published size in bytes.
        mirrors: Other URLs of the same bytes, tried in turn when `url` cannot give them.
        headers: Sent with each request, ``Authorization`` for instance.
        retries: How many times in a row an attempt may bring nothing new before a URL is given up.
        backoff: Seconds before the first retry; doubled for each further one, up to 5 minutes.
            A server's own ``Retry-After`` goes before.
        timeout: Seconds without a byte until an attempt counts as failed.
        progress: Show a bar, on a terminal.

    Returns:
        `path`.

    Raises:
        DownloadError: No URL gave the file, the disk is full, or the folder cannot be written.
        ChecksumError: What the URLs gave is not what was published.
        ConfigError: A URL, header or digest that cannot be right.
    """
    for address in (url, *mirrors):
        if not address.lower().startswith(("http://", "https://")):
            raise ConfigError(
                f"{redact(address)} cannot be downloaded: expected a URL that begins with "
                "https:// or http://."
            )
    check_digests(md5=md5, sha256=sha256)
    destination = pathlib.Path(path)
    if destination.is_dir():
        raise ConfigError(f"{destination} is a folder: expected the path of the file to write.")
    published = _Published(md5, sha256, size, progress)
    if published.are(destination):
        return destination
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(destination.with_name(f".{destination.name}.lock")):
            if not published.are(destination):
                if destination.exists():
                    logger.warning("%s is not the published file: it is replaced.", destination)
                job = _Job(destination, published, retries, backoff)
                job.run((url, *mirrors), dict(headers or {}), timeout)
    except (DownloadError, ChecksumError):
        raise
    except OSError as exc:
        raise DownloadError(_explain(exc, redact(url), destination)) from exc
    return destination


@dataclass(frozen=True, slots=True)
class _Published:
    """What is known of the bytes beforehand."""

    md5: str | None
    sha256: str | None
    size: int | None
    progress: bool

    @property
    def hashed(self) -> bool:
        return self.md5 is not None or self.sha256 is not None

    def are(self, path: pathlib.Path) -> bool:
        """Whether the file is there and is the right one, as far as anybody can know."""
        return check_integrity(
            path, self.md5, sha256=self.sha256, size=self.size, progress=self.progress
        )

    def verify(self, path: pathlib.Path, source: str) -> None:
        verify_file(
            path,
            md5=self.md5,
            sha256=self.sha256,
            size=self.size,
            progress=self.progress,
            source=source,
        )


def _explain(exc: OSError, url: str, path: pathlib.Path) -> str:
    if exc.errno in _FULL:
        remedy = "Make room (or raise the quota) and run it again: it goes on where it stopped."
    else:
        remedy = "Choose a folder that can be written."
    return f"{url} cannot be written to {path}: {exc.strerror or exc}. {remedy}"


class _Job:
    """One file, one lock held, any number of attempts."""

    def __init__(
        self, destination: pathlib.Path, published: _Published, retries: int, backoff: float
    ) -> None:
        self.destination, self.published = destination, published
        self.retries, self.backoff = retries, backoff
        self.part = Partial(destination)
        self.resumed = False

    def run(self, urls: Sequence[str], headers: dict[str, str], timeout: float) -> None:
        import httpx

        # compressed transfer would make byte ranges and sizes mean something else
        headers = {"Accept-Encoding": "identity", **headers}
        limits = httpx.Timeout(timeout, connect=min(timeout, 20.0))
        reasons: list[Exception] = []
        with (
            quiet_logs(),
            httpx.Client(headers=headers, timeout=limits, follow_redirects=True) as client,
        ):
            for url in urls:
                try:
                    self._from(client, url)
                    return
                except (Gone, ChecksumError) as exc:
                    reasons.append(exc)
                    if len(urls) > 1:
                        logger.warning("%s", exc)
        text = " ".join(str(reason) for reason in reasons)
        if any(isinstance(reason, ChecksumError) for reason in reasons):
            raise ChecksumError(text) from None
        error = DownloadError(f"{self.destination.name} could not be downloaded. {text}")
        error.status = next((r.status for r in reversed(reasons) if isinstance(r, Gone)), None)
        raise error from None

    def _from(self, client: httpx.Client, url: str) -> None:
        """Download from one URL, or raise Gone or ChecksumError."""
        fruitless, best = 0, self.part.size
        while True:
            try:
                self._attempt(client, url)
                self._finish(url)
                return
            except Trouble as exc:
                # a flaky line may need many attempts: only those that bring nothing new count
                fruitless = 0 if self.part.size > best else fruitless + 1
                best = max(best, self.part.size)
                if fruitless > self.retries:
                    raise Gone(
                        f"{redact(url)}: {exc}, and {self.retries} retries brought no more "
                        f"({self.part.size} bytes are kept for the next try). Check the "
                        "network and the provider's status page, and run it again."
                    ) from None
                wait = exc.wait
                if wait is None:
                    wait = self.backoff * 2 ** max(fruitless - 1, 0) * random.uniform(0.75, 1.25)  # noqa: S311
                wait = min(wait, _MAX_WAIT)
                logger.info("%s: %s; next attempt in %.1f s", redact(url), exc, wait)
                time.sleep(wait)

    def _finish(self, url: str) -> None:
        try:
            self.published.verify(self.part.path, redact(url))
        except ChecksumError as exc:
            self.part.discard()
            if self.resumed:  # perhaps the two halves are of two files: once more, in one piece
                self.resumed = False
                raise Trouble("the resumed file did not match its digest", wait=0.0) from exc
            raise
        self.part.publish(self.destination)

    def _attempt(self, client: httpx.Client, url: str) -> None:
        import httpx

        origin, have = self._plan(url)
        if have and origin is not None and origin.total == have:
            self.resumed = True
            return  # killed between the last byte and the renaming
        headers = {}
        if have and origin is not None:
            headers["Range"] = f"bytes={have}-"
            if origin.url == Origin.key(url) and origin.validator:
                headers["If-Range"] = origin.validator
        try:
            with client.stream("GET", url, headers=headers) as response:
                if response.status_code == 416:
                    self.part.discard()
                    raise Trouble("the server has no bytes after the first part", wait=0.0)
                if response.status_code not in (200, 206):
                    raise _refusal(response, url)
                self._receive(response, url, origin, have)
        except (httpx.TransportError, httpx.DecodingError) as exc:
            if isinstance(exc, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
                raise Gone(
                    f"{redact(url)}: the request is malformed (check its headers)."
                ) from None
            reason = scrub(str(exc), url) or "no answer in time"
            raise Trouble(f"{type(exc).__name__}: {reason}") from None
        except (httpx.InvalidURL, httpx.TooManyRedirects) as exc:
            raise Gone(f"{redact(url)}: {scrub(str(exc), url)}. Check the URL.") from None

    def _plan(self, url: str) -> tuple[Origin | None, int]:
        """What we have that this URL can go on from: its origin and size, or (None, 0)."""
        origin, have = self.part.origin(), self.part.size
        if origin is None or not have or (origin.total is not None and have > origin.total):
            return None, 0
        same = origin.url == Origin.key(url) and origin.validator is not None
        return (origin, have) if same or self.published.hashed else (None, 0)

    def _receive(
        self, response: httpx.Response, url: str, origin: Origin | None, have: int
    ) -> None:
        encoding = response.headers.get("content-encoding", "identity").lower()
        # Some servers call an archive's own compression an encoding: there the bytes are wanted
        encoded = encoding not in ("", "identity") and not re.search(
            r"\.(t?gz|svgz|zst|br)$", str(response.url.path)
        )
        total = expect(
            response, redact(url), have, self.published.size, self.destination.name, encoded
        )
        if response.status_code == 200:
            have = 0
            validator = None if encoded else strong_validator(response.headers)
            self.part.discard()
            self.part.note(Origin(Origin.key(url), validator, total))
        elif origin is not None:
            if origin.total is not None and total is not None and origin.total != total:
                self.part.discard()
                raise Trouble(f"the file has {total} bytes now, it had {origin.total}", wait=0.0)
            self.resumed = True
            if "if-range" not in response.request.headers and not origin.mixed:
                self.part.note(replace(origin, validator=None, mixed=True, total=total))
        if total is not None:
            _check_space(self.destination, total - have, url)
        # as they come from the network: a larger buffer would be lost when the line is cut
        blocks = response.iter_bytes() if encoded else response.iter_raw()
        with open(self.part.path, "ab", buffering=0) as stream, self._bar(total, have) as bar:
            for block in blocks:
                _write(stream.fileno(), block)
                bar.update(len(block))
            os.fsync(stream.fileno())
        if total is not None and self.part.size != total:
            if self.part.size > total:
                self.part.discard()
            raise Trouble(f"got {self.part.size} of {total} bytes")

    def _bar(self, total: int | None, have: int) -> tqdm[Any]:
        from tqdm import tqdm

        return tqdm(
            total=total,
            initial=have,
            desc=self.destination.name,
            unit="B",
            unit_scale=True,
            disable=None if self.published.progress else True,
        )


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _check_space(path: pathlib.Path, needed: int, url: str) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise DownloadError(
            f"{redact(url)} needs {needed} more bytes in {path.parent}, where {free} are free. "
            "Make room or choose another folder; it goes on where it stopped."
        )


def _refusal(response: httpx.Response, url: str) -> Exception:
    status = response.status_code
    text = f"the server answered {status} {response.reason_phrase}".rstrip()
    if status in (408, 425, 429) or (status >= 500 and status not in (501, 505)):
        return Trouble(text, wait=retry_after(response.headers))
    remedy = {
        401: "Log in at the provider and pass your credentials in headers=….",
        403: "You may have to log in or accept the licence at the provider, or a signed link "
        "has run out: get a new one.",
        404: "The provider has moved it: look at the product page for its new place.",
        407: "The proxy in HTTPS_PROXY or HTTP_PROXY wants credentials.",
        410: "The provider has withdrawn it: look at the product page.",
    }.get(status, "Look at the provider's page for its present place.")
    return Gone(f"{redact(url)}: {text}. {remedy}", status)
