"""Finding files, and telling their dates."""

import os
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest

from swath.datasets.files import find_files, is_remote, parse_dates, path_list
from swath.datasets.query import TIME_MAX, TIME_MIN
from swath.errors import ArchiveError, ConfigError, FileMissingError

T = pd.Timestamp


@pytest.fixture
def folder(tmp_path):
    for name in ("a.tif", "deep/er/b.tif", "deep/c.TIF", "deep/d.txt", ".hidden/e.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(found, folder):
    return [os.path.relpath(p, folder) for p in found]


def test_folders_are_searched_to_any_depth(folder):
    assert names(find_files(folder, ["*.tif"]), folder) == ["a.tif", "deep/er/b.tif"]
    both = find_files([folder / "deep", folder], ["*.tif", "*.TIF"])
    assert names(both, folder) == ["a.tif", "deep/c.TIF", "deep/er/b.tif"]


def test_links_are_followed(folder):
    (folder / "deep" / "link.tif").symlink_to(folder / "a.tif")
    (folder / "elsewhere").symlink_to(folder / "deep" / "er")
    found = names(find_files(folder, ["*.tif"]), folder)
    assert found == ["a.tif", "deep/er/b.tif", "deep/link.tif", "elsewhere/b.tif"]


def test_a_link_to_a_folder_above_ends(folder):
    (folder / "deep" / "up").symlink_to(folder)
    found = find_files(folder, ["*.tif"])
    assert {os.path.realpath(p) for p in found} == {
        str(folder / "a.tif"), str(folder / "deep" / "er" / "b.tif")
    }  # fmt: skip


def test_a_file_that_is_named_counts_whatever_its_name(folder):
    assert names(find_files(folder / "deep" / "d.txt", ["*.tif"]), folder) == ["deep/d.txt"]
    assert find_files(["https://x.org/a.img", "/vsis3/b/c"], ["*.tif"]) == [
        "/vsis3/b/c", "https://x.org/a.img"
    ]  # fmt: skip


def test_what_does_not_exist_is_named(folder):
    with pytest.raises(FileMissingError, match="nowhere"):
        find_files([folder, folder / "nowhere"], ["*"])


def test_members_of_archives(folder):
    with zipfile.ZipFile(folder / "s.zip", "w") as archive:
        for name in ("x/a.tif", "x/", "y.txt"):
            archive.writestr(name, b"x")
    with tarfile.open(folder / "s.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.tif", "z/a.tif")
    assert find_files(folder / "s.zip", ["*.tif"]) == [f"/vsizip/{folder}/s.zip/x/a.tif"]
    assert find_files(folder / "s.tar.gz", ["*.tif"]) == [f"/vsitar/{folder}/s.tar.gz/z/a.tif"]
    inside = folder / "s.zip" / "x" / "a.tif"
    assert find_files(inside, ["*"]) == [str(inside)]
    (folder / "bad.zip").write_bytes(b"PK nothing")
    (folder / "bad.tar").write_bytes(b"nothing")
    for name in ("bad.zip", "bad.tar"):
        with pytest.raises(ArchiveError, match=name):
            find_files(folder / name, ["*"])


def test_paths_as_texts(folder):
    assert path_list(folder) == [str(folder)]
    assert path_list(["a", folder]) == ["a", str(folder)]
    assert is_remote("/vsizip/a.zip/b.tif")
    assert is_remote("s3://bucket/a.tif")
    assert not is_remote("/data/vsi/a.tif")


# ---- dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form", "first", "last"),
    [
        ("2021", "%Y", "2021-01-01", "2022-01-01"),
        ("202102", "%Y%m", "2021-02-01", "2021-03-01"),
        ("20200229", "%Y%m%d", "2020-02-29", "2020-03-01"),
        ("2020366", "%Y%j", "2020-12-31", "2021-01-01"),
        ("20220414T110751", "%Y%m%dT%H%M%S", "2022-04-14 11:07:51", "2022-04-14 11:07:52"),
        ("2022041411", "%Y%m%d%H", "2022-04-14 11:00", "2022-04-14 12:00"),
        ("Feb2021", "%b%Y", "2021-02-01", "2021-03-01"),
        ("20210101T00+0200", "%Y%m%dT%H%z", "2020-12-31 22:00", "2020-12-31 23:00"),
    ],
)
def test_a_date_is_as_long_as_it_is_exact(text, form, first, last):
    t0, t1 = parse_dates([text], [text], form, ["f"])
    assert T(int(t0[0])) == T(first)
    assert T(int(t1[0])) == T(last) - pd.Timedelta(1, "us")


def test_start_and_stop_and_none():
    start, stop = ["20200101", None, "20200101"], ["20200131", None, "20200101"]
    t0, t1 = parse_dates(start, stop, "%Y%m%d", ["a", "b", "c"])
    assert [T(int(v)) for v in t0] == [T("2020-01-01"), TIME_MIN, T("2020-01-01")]
    assert T(int(t1[0])) == T("2020-02-01") - pd.Timedelta(1, "us")
    assert T(int(t1[1])) == TIME_MAX


def test_dates_that_are_none():
    with pytest.raises(ConfigError, match=r"good\.tif|bad\.tif") as caught:
        parse_dates(["20200101", "20201301"], [None, None], "%Y%m%d", ["good.tif", "bad.tif"])
    assert "bad.tif" in str(caught.value)
    assert "%Y%m%d" in str(caught.value)
    with pytest.raises(ConfigError, match=r"b\.tif ends before it begins"):
        parse_dates(["20200101"] * 2, ["20200101", "20190101"], "%Y%m%d", ["a.tif", "b.tif"])


def test_many_dates_are_read_once_each():
    days = pd.date_range("2000-01-01", periods=400).strftime("%Y%m%d").tolist()
    t0, _ = parse_dates(days * 100, days * 100, "%Y%m%d", ["f"] * 40000)
    assert (np.diff(t0[:400]) == 86400 * 10**9).all()
