"""Where and when living things were seen: points from tables of GBIF, EDDMapS and iNaturalist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pyproj import CRS

from swath.datasets.catalogue.description import Info
from swath.datasets.catalogue.layer import PublishedLayer
from swath.datasets.catalogue.layer_parts import Lines
from swath.datasets.files import find_files
from swath.datasets.frames import make_frame
from swath.datasets.geo import GeoDataset, Transform
from swath.datasets.query import TIME_MAX, TIME_MIN, Query
from swath.errors import DatasetNotFoundError, FileMissingError, UnreadableFileError
from swath.typing import Path, Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GBIF", "EDDMapS", "INaturalist"]

_DAY = 86_400_000_000_000
_ACCOUNT = "What is wanted is chosen in a form there, and downloaded"


class Occurrences(PublishedLayer, GeoDataset):
    """A layer of points. A sample's ``keypoints`` (N, 2), float32, are longitude and latitude.

    An observation without a date is there at any time; one without a place is left out.

    Args:
        root: The folder with the table, or the table.
        transforms: Called with each sample.

    Raises:
        DatasetNotFoundError: There is no table.
        UnreadableFileError: A table has not the columns of a download.
    """

    whole = False
    separator: ClassVar[str] = ","
    #: Columns of latitude, longitude.
    place: ClassVar[tuple[str, str]] = ("latitude", "longitude")

    def __init__(self, root: Path = "data", transforms: Transform | None = None) -> None:
        self.root = self.paths = root
        self.transforms = transforms
        try:
            tables = find_files(root, [self.filename_glob])
        except FileMissingError:
            tables = []
        if not tables:
            raise DatasetNotFoundError(
                f"{type(self).__name__}: there is no {self.filename_glob} in {root}. {_ACCOUNT} at "
                f"{self.info.homepage}: put it there"
            )
        parts = [self._points(path) for path in tables]
        x, y, t0, t1 = (np.concatenate([p[i] for p in parts]) for i in range(4))
        names = np.concatenate([np.full(len(p[0]), path, object) for p, path in
                                zip(parts, tables, strict=True)])  # fmt: skip
        if not len(x):
            raise DatasetNotFoundError(f"{type(self).__name__}: no row of {tables[0]} has a place")
        self._crs = CRS.from_epsg(4326)
        import shapely

        shapes = np.asarray(shapely.points(x, y), object)
        self.index = make_frame({"filepath": names.tolist()}, shapes, t0, t1, self._crs)
        #: As good as any: points have no resolution.
        self.res = 0.0001

    def dates(self, table: pd.DataFrame) -> tuple[pd.Series, NDArray[np.int64]]:
        """When each observation begins (NaT if unknown), and for how many nanoseconds it holds."""
        raise TypeError(f"{type(self).__name__} does not say which columns are dates")

    def columns(self) -> list[str]:
        """Those that are read."""
        raise TypeError(f"{type(self).__name__} does not say which columns it has")

    def _points(self, path: str) -> tuple[NDArray[Any], ...]:
        wanted = self.columns()
        try:
            table = pd.read_csv(
                path, sep=self.separator, usecols=wanted, low_memory=False, on_bad_lines="error"
            )
        except (ValueError, OSError) as error:
            raise UnreadableFileError(
                f"{path} is no table of {type(self).__name__} with the columns "
                f"{', '.join(wanted)}: {error}"
            ) from error
        lat, lon = (pd.to_numeric(table[c], errors="coerce") for c in self.place)
        table = table[lat.notna() & lon.notna()]
        start, length = self.dates(table)
        known = start.notna().to_numpy()
        stamps = pd.DatetimeIndex(start.fillna(pd.Timestamp(0))).as_unit("ns").asi8
        t0 = np.where(known, stamps, TIME_MIN.value)
        t1 = np.where(known, stamps + length - 1000, TIME_MAX.value)
        x, y = (pd.to_numeric(table[c]).to_numpy(np.float64) for c in self.place[::-1])
        return x, y, t0, t1

    def _load(self, query: Query) -> Sample:
        shapes = np.asarray(self._index.geometry.values, dtype=object)[self._rows(query)]
        import shapely

        found = shapely.get_coordinates(shapes).astype(np.float32)
        return {"keypoints": torch.from_numpy(found)}

    def plot(self, sample: Sample, show_titles: bool = True, suptitle: str | None = None) -> Figure:
        """Draw a sample's points in longitude and latitude.

        Args:
            sample: As the layer gives it.
            show_titles: Whether the axes have a title.
            suptitle: Above it.
        """
        from swath.plot.figure import new_figure

        figure = new_figure(5, 4)
        axes = figure.subplots()
        points = np.asarray(sample["keypoints"])
        axes.scatter(points[:, 0], points[:, 1], s=12)
        axes.set_xlabel("longitude")
        axes.set_ylabel("latitude")
        if show_titles:
            axes.set_title(f"{len(points)} observations")
        if suptitle:
            figure.suptitle(suptitle)
        return figure


class GBIF(Occurrences):
    """Observations of a download from the Global Biodiversity Information Facility.

    A date may lack its day, or its month too: it then is all of the month, or of the year.
    """

    info = Info(
        title="Global Biodiversity Information Facility",
        tasks=("detection",),
        source="field observations",
        samples=None,
        size="-",
        resolution="-",
        licence="CC0 1.0, CC BY 4.0 or CC BY-NC 4.0, row by row",
        citation="GBIF.org, https://www.gbif.org; each download has a DOI of its own",
        homepage="https://www.gbif.org/occurrence/search",
        account="It has to be downloaded with a GBIF account",
    )
    filename_glob = "[0-9]*-[0-9]*.csv"
    separator = "\t"
    place = ("decimalLatitude", "decimalLongitude")
    parts = (
        Lines("0123456-012345678901234.csv", (
            "gbifID\tdecimalLatitude\tdecimalLongitude\tday\tmonth\tyear",
            "1\t41.5\t-90.0\t3\t5\t2021", "2\t42.0\t-91.0\t\t6\t2022", "3\t42.5\t-91.5\t\t\t",
            "4\t\t\t1\t1\t2020",
        )),
    )  # fmt: skip

    def columns(self) -> list[str]:
        """Those that are read."""
        return [*self.place, "day", "month", "year"]

    def dates(self, table: pd.DataFrame) -> tuple[pd.Series, NDArray[np.int64]]:
        """Day, month and year."""
        parts = table[["year", "month", "day"]]
        full = parts.fillna({"month": 1, "day": 1})
        start = pd.to_datetime(full, errors="coerce")
        begin = start.to_numpy().astype("datetime64[s]")
        after = np.where(
            parts["month"].isna(), begin.astype("datetime64[Y]") + 1,
            np.where(parts["day"].isna(), begin.astype("datetime64[M]") + 1,
                     begin.astype("datetime64[D]") + 1),
        )  # fmt: skip
        length = after.astype("datetime64[s]") - begin
        return start, np.where(np.isnat(begin), 0, length.astype(np.int64) * 1_000_000_000)


class EDDMapS(Occurrences):
    """Observations of a download from the Early Detection and Distribution Mapping System."""

    info = Info(
        title="Early Detection & Distribution Mapping System",
        tasks=("detection",),
        source="field observations",
        samples=None,
        size="-",
        resolution="-",
        licence="-",
        citation="EDDMapS, The University of Georgia, Center for Invasive Species and Ecosystem "
        "Health, https://www.eddmaps.org/",
        homepage="https://www.eddmaps.org/",
        account=_ACCOUNT,
    )
    filename_glob = "mappings.csv"
    place = ("Latitude", "Longitude")
    parts = (
        Lines("mappings.csv", (
            "objectid,ObsDate,Latitude,Longitude", "1,05-03-21,41.5,-90.0",
            "2,06-04-22,42.0,-91.0", "3,,42.5,-91.5",
        )),
    )  # fmt: skip

    def columns(self) -> list[str]:
        """Those that are read."""
        return [*self.place, "ObsDate"]

    def dates(self, table: pd.DataFrame) -> tuple[pd.Series, NDArray[np.int64]]:
        """Month, day and year of the observation."""
        start = pd.to_datetime(table["ObsDate"], format="%m-%d-%y", errors="coerce")
        return start, np.full(len(table), _DAY)


class INaturalist(Occurrences):
    """Observations of an export from iNaturalist."""

    info = Info(
        title="iNaturalist",
        tasks=("detection",),
        source="field observations",
        samples=None,
        size="-",
        resolution="-",
        licence="row by row",
        citation="iNaturalist, https://www.inaturalist.org",
        homepage="https://www.inaturalist.org/observations/export",
        account="It has to be exported with an iNaturalist account",
    )
    filename_glob = "observations-*.csv"
    parts = (
        Lines("observations-012345.csv", (
            "id,observed_on,time_observed_at,latitude,longitude",
            "1,2021-05-03,2021-05-03 12:00:00 +0000,41.5,-90.0", "2,2022-06-04,,42.0,-91.0",
            "3,,,42.5,-91.5",
        )),
    )  # fmt: skip

    def columns(self) -> list[str]:
        """Those that are read."""
        return [*self.place, "observed_on", "time_observed_at"]

    def dates(self, table: pd.DataFrame) -> tuple[pd.Series, NDArray[np.int64]]:
        """The moment where it is known, else the day."""
        moment = pd.to_datetime(table["time_observed_at"], utc=True, errors="coerce")
        day = pd.to_datetime(table["observed_on"], errors="coerce")
        start = moment.dt.tz_localize(None).fillna(day)
        return start, np.where(moment.notna(), 1_000_000_000, _DAY)
