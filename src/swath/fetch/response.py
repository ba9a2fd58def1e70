"""What an HTTP answer promises, read before its body is."""

from __future__ import annotations

import email.utils
import re
import time
from typing import TYPE_CHECKING

from swath.errors import ChecksumError

if TYPE_CHECKING:
    import httpx

__all__ = ["Gone", "Trouble", "expect", "retry_after", "strong_validator"]


class Trouble(Exception):  # noqa: N818 - never leaves the package
    """An attempt failed in a way that a later one may not. `wait`: seconds that the server asks."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class Gone(Exception):  # noqa: N818 - never leaves the package
    """A URL will not give the file, however often it is asked. `status`: of the last answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def strong_validator(headers: httpx.Headers) -> str | None:
    """What ties two parts of a file together: a strong ETag, else the date of last change."""
    etag = headers.get("etag")
    if etag and not etag.startswith("W/"):
        return etag
    return headers.get("last-modified")


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the server asks to wait, from a number or a date."""
    value = headers.get("retry-after")
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def expect(
    response: httpx.Response, url: str, have: int, size: int | None, name: str, encoded: bool
) -> int | None:
    """Total size in bytes of the file that an answer of status 200 or 206 brings, if it says.

    Args:
        response: The answer, its body unread.
        url: As it may be shown.
        have: Bytes that a 206 is to follow.
        size: Published size, or None.
        name: Of the file.
        encoded: The body is compressed for transfer, so its length says nothing.

    Raises:
        Trouble: A 206 that does not follow what we have.
        ChecksumError: The size is not the published one.
        Gone: A web page came in place of the file.
    """
    total: int | None = None
    if response.status_code == 206:
        found = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", "").strip()
        )
        if not have or not found or int(found[1]) != have:
            raise Trouble("the server sent another part of the file than was asked for")
        total = None if found[3] == "*" else int(found[3])
    elif not encoded:
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdigit() else None
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html" and not name.lower().endswith((".html", ".htm")):
            raise Gone(
                f"{url}: a web page came in place of {name}. The provider may ask for a login, "
                "or have moved the file: open the URL in a browser."
            )
    if size is not None and total is not None and total != size:
        raise ChecksumError(
            f"{url} offers {total} bytes, expected {size}. The provider has another version, or "
            "an error page: look at the product page."
        )
    return total
