"""Canadian Building Footprints: building outlines of all provinces and territories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from pyproj import CRS

from swath.datasets.catalogue.description import Archive, Info
from swath.datasets.catalogue.layer import OfClass, PublishedLayer
from swath.datasets.catalogue.layer_parts import Features
from swath.datasets.geo import Transform
from swath.datasets.vector import VectorDataset
from swath.errors import ConfigError
from swath.typing import Path

__all__ = ["CanadianBuildingFootprints"]


class CanadianBuildingFootprints(PublishedLayer, VectorDataset):
    """Canadian Building Footprints: 11,842,186 outlines of buildings found in imagery.

    One GeoJSON file a province or territory (``Alberta.geojson``, EPSG:4326), published in a zip
    file each by Microsoft. All buildings have label 1.

    Args:
        paths: A folder with the files, or the files. `root` is another name of it.
        crs: CRS of queries and samples. Default: EPSG:4326.
        res: Resolution of queries that give none, in units of `crs`.
        transforms: Called with each sample.
        download: Download what is missing into the folder.
        checksum: Compare the MD5s of the zip files with the published ones.
        provinces: Only these, as in `provinces_territories`. Default: all.
        options: Other options of `VectorDataset`, such as `task`.

    Raises:
        ConfigError: An unknown province.
        DatasetNotFoundError: There are no files, and they were not to be downloaded.
        ChecksumError: A zip file is not the published one.
        DownloadError: A download failed.
    """

    info = Info(
        title="Canadian Building Footprints",
        tasks=("segmentation",),
        source="aerial",
        samples=None,
        size="varies",
        resolution="-",
        licence="ODbL 1.0",
        citation=(
            "Microsoft (2019). Canadian Building Footprints. "
            "https://github.com/Microsoft/CanadianBuildingFootprints"
        ),
        homepage="https://github.com/Microsoft/CanadianBuildingFootprints",
    )

    filename_glob = "*.geojson"
    url = "https://usbuildingdata.blob.core.windows.net/canadian-buildings-v2/"
    #: MD5 of each zip file.
    archives: ClassVar[dict[str, str]] = {
        "Alberta": "8b4190424e57bb0902bd8ecb95a9235b",
        "BritishColumbia": "fea05d6eb0006710729c675de63db839",
        "Manitoba": "adf11187362624d68f9c69aaa693c46f",
        "NewBrunswick": "44269d4ec89521735389ef9752ee8642",
        "NewfoundlandAndLabrador": "65dd92b1f3f5f7222ae5edfad616d266",
        "NorthwestTerritories": "346d70a682b95b451b81b47f660fd0e2",
        "NovaScotia": "bd57cb1a7822d72610215fca20a12602",
        "Nunavut": "c1f29b73cdff9a6a9dd7d086b31ef2cf",
        "Ontario": "76ba4b7059c5717989ce34977cad42b2",
        "PrinceEdwardIsland": "2e4a3fa47b3558503e61572c59ac5963",
        "Quebec": "9ff4417ae00354d39a0cf193c8df592c",
        "Saskatchewan": "a51078d8e60082c7d3a3818240da6dd5",
        "YukonTerritory": "c11f3bd914ecabd7cac2cb2871ec0261",
    }
    published = OfClass(  # type: ignore[assignment]
        lambda cls: tuple(
            Archive(
                f"{name}.zip", f"{cls.url}{name}.zip", md5, gives=(f"{name}.geojson",),
                when={"province": name},
            )
            for name, md5 in cls.archives.items()
        )
    )  # fmt: skip
    parts = (Features("{province}.geojson", origin=(-110.0, 55.0)),)
    examples = ({"province": "Alberta"}, {"province": "Nunavut"})
    provinces_territories: ClassVar[Sequence[str]] = tuple(archives)
    md5s: ClassVar[Sequence[str]] = tuple(archives.values())
    cmap = {1: (204, 61, 62, 255)}  # noqa: RUF012

    def __init__(
        self,
        paths: Path | Iterable[Path] = "data",
        crs: CRS | str | int | None = None,
        res: float | tuple[float, float] = (0.00001, 0.00001),
        transforms: Transform | None = None,
        download: bool = False,
        checksum: bool = True,
        *,
        root: Path | Iterable[Path] | None = None,
        provinces: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        unknown = [p for p in provinces or () if p not in self.archives]
        if unknown:
            raise ConfigError(
                f"{unknown[0]!r} is no province or territory of this dataset; they are "
                f"{', '.join(self.archives)}"
            )
        self.download = download
        self.checksum = checksum
        self.provinces = tuple(provinces or self.archives)
        self.paths = place = paths if root is None else root
        self.whole = provinces is not None
        self.obtain()
        super().__init__(place, crs, res, transforms, **options)

    def selections(self) -> list[dict[str, str]]:
        """The provinces."""
        return [{"province": name} for name in self.provinces]

    def _find(self) -> list[str]:
        files = super()._find()
        if set(self.provinces) == set(self.archives):
            return files
        return [f for f in files if f.endswith(tuple(f"{p}.geojson" for p in self.provinces))]
