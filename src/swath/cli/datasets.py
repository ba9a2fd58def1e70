"""``swath datasets``: which published datasets there are; fetch, check, see, imitate them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from swath.cli.text import say, table

__all__ = ["run"]

_WIDE = 150
_CHOICES = (
    "Whatever else a dataset can be chosen by is an option too, with the name that it has in Python"
    " (--version 2, --sensors s1 s2); `swath datasets show NAME` lists it."
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="swath datasets",
        description="Which published datasets there are; fetch, check, look at and imitate them.",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="list|show|download|verify|plot|mini"
    )

    def command(name: str, short: str, text: str, choices: bool = False) -> Any:
        made = commands.add_parser(
            name, help=short, description=text, epilog=_CHOICES if choices else None,
            allow_abbrev=False,
        )  # fmt: skip
        if name != "list":
            made.add_argument("name", metavar="NAME", help="of a dataset, in any case: eurosat")
        return made

    listing = command("list", "all datasets, or those for a task", "All published datasets that "
                      "can be loaded by name, or some of them.")  # fmt: skip
    listing.add_argument("--task", help="classification, segmentation, detection, …")
    listing.add_argument(
        "--search", metavar="TEXT",
        help="only those with all these words in name, title, source, tasks, licence or classes",
    )  # fmt: skip
    listing.add_argument("--json", action="store_true", help="for programs")

    show = command(
        "show", "all that is known of one", "All that is known of a dataset: files with sizes and "
        "digests, splits, choices, classes, bands, licence, citation.",
    )  # fmt: skip
    show.add_argument("--picture", metavar="PNG", help="write a sheet of samples")
    show.add_argument(
        "--root", default="data", metavar="DIR",
        help="where its data may be for --picture; if they are not, made-up samples are drawn "
        "(default: data)",
    )  # fmt: skip
    show.add_argument("--json", action="store_true", help="for programs")

    root = {"required": True, "metavar": "DIR", "help": "the dataset's folder"}
    split = "only this one (default: all)"
    fetch = command(
        "download", "fetch and extract one", "Fetch a dataset, compare it with the published "
        "digests, extract it and count its samples. What is there already is left alone; what "
        "was cut off goes on where it stopped.", choices=True,
    )  # fmt: skip
    fetch.add_argument("--root", **root)
    fetch.add_argument("--split", help=split)
    fetch.add_argument("--no-checksum", action="store_true", help="accept other bytes than the "
                       "published ones")  # fmt: skip

    verify = command(
        "verify", "compare files with the published digests", "Compare the files in a folder with "
        "what was published: right, wrong, or not there. The exit code is 1 unless all that the "
        "dataset needs (of a split and choices, if given) is there and right.", choices=True,
    )  # fmt: skip
    verify.add_argument("--root", **root)
    verify.add_argument("--split", help=split)

    plot = command("plot", "a sheet of samples", "Write a sheet of samples, spread evenly over a "
                   "split.", choices=True)  # fmt: skip
    plot.add_argument("--root", **root)
    plot.add_argument("--split", help="(default: the first)")
    plot.add_argument("--number", type=int, default=12, help="of samples (default: 12)")
    plot.add_argument("--out", required=True, metavar="PNG", help="the picture to write")

    mini = command(
        "mini", "write a made-up miniature", "Write a made-up miniature of a dataset into an empty "
        "folder: its names, folders, formats and types, and noise for pixels. With it a training "
        "can be tried from start to end before anything is downloaded.", choices=True,
    )  # fmt: skip
    mini.add_argument("root", metavar="DIR", help="an empty or new folder")
    mini.add_argument("--number", type=int, default=4, help="of samples a split (default: 4)")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = _parser()
    options, extra = parser.parse_known_args(argv)
    if extra and options.command in ("list", "show"):
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    if options.command == "list":
        say(_list(options))
        return 0
    if options.command == "show":
        from swath.cli.datasets_show import show

        say(show(options.name, options.json))
        if options.picture:
            from swath.cli.datasets_pictures import sample_picture

            say([sample_picture(options.name, options.root, options.picture)])
        return 0
    from swath.cli.datasets_chosen import Chosen

    chosen = Chosen.of(options, extra)
    if options.command in ("download", "verify"):
        from swath.cli.datasets_files import download, verify

        if options.command == "download":
            return download(chosen, checksum=not options.no_checksum)
        return verify(chosen)
    from swath.cli.datasets_chosen import whole_number
    from swath.cli.datasets_pictures import miniature, plot

    work = plot if options.command == "plot" else miniature
    say(work(chosen, whole_number(options), getattr(options, "out", "")))
    return 0


def _list(options: argparse.Namespace) -> Iterator[str]:
    from swath.datasets.catalogue import dataset_class, list_datasets

    found = [dataset_class(name) for name in list_datasets(options.task)]
    if options.search is not None:
        words = options.search.lower().split()
        found = [kind for kind in found if all(w in _words(kind) for w in words)]
    if options.json:
        import json

        from swath.cli.datasets_show import record

        yield json.dumps([record(kind) for kind in found], indent=1, ensure_ascii=False)
        return
    if found:
        yield from table(
            ("dataset", "tasks", "source", "samples", "size", "m/pixel", "download", "licence"),
            [_row(kind) for kind in found],
            wrap=(1, 2, 4, 7), most=_WIDE,
        )  # fmt: skip
        yield ""
    yield f"{len(found)} datasets." if len(found) != 1 else "1 dataset."
    if found:
        yield "`swath datasets show NAME` says more. Sizes are of the download."
    else:
        yield "Try other words: --search looks for all of them; `swath datasets list` shows all."


def _words(kind: type[Any]) -> str:
    info = kind.info
    words = (kind.__name__, info.title, info.source, *info.tasks, info.licence)
    return " ".join([*words, *map(str, kind.classes)]).lower()


def _row(kind: type[Any]) -> tuple[str, ...]:
    from swath.cli.datasets_show import download_size
    from swath.datasets.catalogue.description import size_text

    info = kind.info
    return (
        kind.__name__, ", ".join(info.tasks), info.source,
        f"{info.total:,}" if info.total is not None else "", info.size, info.resolution,
        size_text(download_size(kind)), "–" if info.licence in ("", "-") else info.licence,
    )  # fmt: skip
