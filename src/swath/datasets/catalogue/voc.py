"""Objects in one XML file an image: Pascal VOC (http://host.robots.ox.ac.uk/pascal/VOC) and kin."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from swath.datasets.catalogue.files import need, write_text
from swath.datasets.catalogue.objects import Found, Objects, invent_boxes
from swath.datasets.catalogue.parts import Row
from swath.datasets.catalogue.site import Site
from swath.errors import UnreadableFileError

__all__ = ["PointObjects", "VocObjects", "read_xml"]


class _Plain(ElementTree.TreeBuilder):
    """Elements and text, and nothing that a document type declares."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        """Entities are declared here: a few lines of them fill any memory, or read other files."""
        raise ValueError(f"it declares a document type ({name}), which labels have no use for")


def read_xml(path: str) -> ElementTree.Element:
    """The root element of an XML file from a stranger.

    Raises:
        FileMissingError: There is no such file.
        UnreadableFileError: It is no XML, or declares a document type (and with it entities).
    """
    need(path)
    try:
        parser = ElementTree.XMLParser(target=_Plain())  # noqa: S314 - it takes no entities
        return ElementTree.parse(path, parser).getroot()  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        raise UnreadableFileError(
            f"{path} cannot be read as a list of objects: {error}. Fetch it again"
        ) from error


def _numbers(element: ElementTree.Element, names: Sequence[str], path: str) -> list[float]:
    try:
        return [float(element.findtext(name, "").strip()) for name in names]
    except ValueError as error:
        raise UnreadableFileError(
            f"{path} has a {element.tag} without numbers {', '.join(names)}: fetch it again"
        ) from error


class VocObjects(Objects):
    """``object`` elements with a ``bndbox`` each.

    Args:
        file: Pattern of the XML file's path.
        name: The element of an object that says its class.
        default: The class of objects without that element; an error if it is None.
        spelt: Brings a class's name into the spelling of the dataset's ``classes``.
        size: (height, width) of a miniature's images.
        **options: Of `Objects`.
    """

    def __init__(
        self,
        file: str,
        name: str = "name",
        *,
        default: str | None = None,
        spelt: Callable[[str], str] = str,
        size: tuple[int, int] = (32, 32),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.file, self.name, self.default = file, name, default
        self.spelt, self.size = spelt, size

    def files(self, site: Site, row: Row) -> list[str]:
        """The file that it is read from."""
        return [site.path(self.file, row)]

    def found(self, site: Site, row: Row) -> Found:
        """What the file says."""
        path = self.files(site, row)[0]
        names, boxes = [], []
        for element in read_xml(path).iter("object"):
            box = element.find("bndbox")
            name = (element.findtext(self.name) or self.default or "").strip()
            if box is None or not name:
                raise UnreadableFileError(
                    f"{path} has an object without {'bndbox' if box is None else self.name}: "
                    "fetch it again"
                )
            names.append(self.spelt(name))
            boxes.append(_numbers(box, ("xmin", "ymin", "xmax", "ymax"), path))
        return Found(names, np.array(boxes, dtype=np.float64).reshape(-1, 4))

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two objects."""
        objects, known = "", self.names(site)
        for box in invent_boxes(rng, self.size, 2).astype(int).tolist():
            name = known[int(rng.integers(len(known)))]
            corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
            sides = "".join(f"<{side}>{value}</{side}>" for side, value in corners)
            label = "" if name == self.default else f"<{self.name}>{escape(name)}</{self.name}>"
            objects += f"<object>{label}<bndbox>{sides}</bndbox></object>\n"
        path = self.files(site, row)[0]
        image = re.sub(r"\.xml$", "", path.rsplit("/", 1)[-1])
        write_text(path, f"<annotation><filename>{image}</filename>\n{objects}</annotation>\n")


class PointObjects(VocObjects):
    """``object`` elements with four corners as ``point`` elements, the first one again at the end.

    The class is in ``possibleresult/name``.
    """

    def found(self, site: Site, row: Row) -> Found:
        """What the file says."""
        path = self.files(site, row)[0]
        names, corners = [], []
        for element in read_xml(path).iter("object"):
            name = (element.findtext("possibleresult/name") or "").strip()
            try:
                points = [
                    [float(v) for v in (point.text or "").split(",")]
                    for point in element.iter("point")
                ]
                if len(points) == 5 and points[0] == points[-1]:
                    points.pop()
                flat = np.array(points, dtype=np.float64).reshape(4, 2).ravel()
            except ValueError as error:
                raise UnreadableFileError(
                    f"{path} has an object {name!r} without four corners: fetch it again"
                ) from error
            names.append(self.spelt(name))
            corners.append(flat)
        return Found.of_corners(names, corners)

    def write(self, site: Site, row: Row, rng: np.random.Generator) -> None:
        """Two objects, one of them turned."""
        from swath.datasets.catalogue.oriented import invent_corners

        objects, known = "", self.names(site)
        for corners in invent_corners(rng, self.size, 2):
            name = known[int(rng.integers(len(known)))]
            points = [*corners.reshape(4, 2).tolist(), corners[:2].tolist()]
            listed = "".join(f"<point>{x},{y}</point>" for x, y in points)
            objects += (
                "<object><coordinate>pixel</coordinate><type>rectangle</type>"
                f"<possibleresult><name>{escape(name)}</name></possibleresult>"
                f"<points>{listed}</points></object>\n"
            )
        source = "<source><filename>image</filename></source>"
        text = f"<annotation>{source}<objects>\n{objects}</objects></annotation>\n"
        write_text(self.files(site, row)[0], text)
