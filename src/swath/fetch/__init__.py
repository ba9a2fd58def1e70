"""Bytes in: resumable verified downloads and safe extraction."""

from swath.fetch.archive import fetch_and_extract
from swath.fetch.download import download
from swath.fetch.extract import extract_archive, is_extracted, list_members
from swath.fetch.integrity import check_integrity, file_digest, verify_file

__all__ = [
    "check_integrity",
    "download",
    "extract_archive",
    "fetch_and_extract",
    "file_digest",
    "is_extracted",
    "list_members",
    "verify_file",
]
