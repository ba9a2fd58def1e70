"""What may be said about a URL: its secrets stay out of messages, logs and files."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import pathlib
import posixpath
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit, urlunsplit

from swath.errors import ConfigError

__all__ = ["file_name", "quiet_logs", "redact", "scrub"]

_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("swath_quiet", default=False)


def redact(url: str) -> str:
    """The URL without user name, password, query values and fragment.

    Signed links carry their key in the query, so its values are left out and its names kept:
    ``https://u:p@host/a.zip?sig=x`` becomes ``https://host/a.zip?sig=…``.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "<a malformed URL>"
    pairs = [pair.partition("=") for pair in parts.query.split("&")] if parts.query else []
    query = "&".join(f"{name}=…" if sign else "…" for name, sign, _ in pairs)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def scrub(text: str, url: str) -> str:
    """`text` with every secret of `url` taken out, for other libraries' messages."""
    text = text.replace(url, redact(url))
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        userinfo = parts.netloc.rpartition("@")[0]
        for secret in (parts.query, userinfo):
            if secret:
                text = text.replace(secret, "…")
    return text


def file_name(url: str) -> str:
    """The last part of a URL's path.

    Raises:
        ConfigError: The URL ends in no name.
    """
    name = unquote(posixpath.basename(urlsplit(url).path))
    if not name or name in {".", ".."} or pathlib.PurePath(name).name != name or "\0" in name:
        raise ConfigError(f"{redact(url)} ends in no file name: give one with filename=….")
    return name


@contextlib.contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep the HTTP client from logging whole URLs and headers while the block runs.

    Only records of this thread's block are dropped; the host program's own use of the client
    logs as before.
    """
    for name in _LOGGERS:
        log = logging.getLogger(name)
        if _drop not in log.filters:
            log.addFilter(_drop)
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def _drop(record: logging.LogRecord) -> bool:
    return not _quiet.get()
