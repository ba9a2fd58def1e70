"""The ``swath`` command: finds the subcommand, and shows an error as one line (a config's
mistakes as one each).

Nothing heavy is imported here: help must come at once.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from swath import __version__

__all__ = ["main"]

#: Name -> (module, what it does), in the order of use.
COMMANDS = {
    "demo": ("swath.cli.demo", "make a small world, train on it, test and map it (minutes)"),
    "init": ("swath.cli.init", "look at images and labels, and write a commented config"),
    "stats": ("swath.cli.stats", "mean, deviation and nodata of bands, shares of classes"),
    "fit": ("swath.cli.fit", "train the model of a config"),
    "validate": ("swath.cli.validate", "score a checkpoint on the validation ground"),
    "test": ("swath.cli.test", "score a checkpoint on ground that training never saw"),
    "predict": ("swath.cli.predict", "write a checkpoint's probabilities, a file a patch"),
    "map": ("swath.cli.map", "write the map of a checkpoint over images: one GeoTIFF for QGIS"),
    "doctor": ("swath.cli.doctor", "what is installed, what works, and what is missing for what"),
    "report": ("swath.cli.report", "compare runs on one HTML page that needs no network"),
    "models": ("swath.cli.models", "list architectures and published weights that suit images"),
    "datasets": ("swath.cli.datasets", "list, fetch, verify and look at published datasets"),
}

_HELP = """\
swath: deep learning on satellite and aerial imagery, from scenes and labels to a map

usage: swath COMMAND [options]
       swath COMMAND --help

commands:
{commands}

the usual way:
  swath init --images scenes/ --labels landcover.tif --out config.yaml
  swath fit --config config.yaml
  swath test --config config.yaml
  swath map --checkpoint runs/config/best.ckpt --images scenes/ --out map.tif

options:
  --version   print the version
  --debug     show the whole traceback of an error
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 when it went well, 1 for an error, 2 for a wrong command line, 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments or bool(os.environ.get("SWATH_DEBUG"))
    arguments = [a for a in arguments if a != "--debug"]
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        width = max(map(len, COMMANDS)) + 2
        lines = (f"  {name:{width}}{text}" for name, (_, text) in COMMANDS.items())
        _say(_HELP.format(commands="\n".join(lines)), sys.stdout)
        return 0
    if arguments[0] in {"--version", "-V"}:
        _say(f"swath {__version__}\n", sys.stdout)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f": did you mean {near[0]}?" if near else f"; they are {', '.join(COMMANDS)}"
        _say(f"swath: error: there is no command {name!r}{hint}\n", sys.stderr)
        return 2
    try:
        code = importlib.import_module(COMMANDS[name][0]).run(rest)
        return int(code or 0)
    except KeyboardInterrupt:
        _say("swath: interrupted\n", sys.stderr)
        return 130
    except SystemExit as stop:  # argparse says what is wrong itself
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except Exception as error:
        if debug:
            raise
        _say(f"swath {name}: error: {_told(error)}\n", sys.stderr)
        return 1


def _told(error: Exception) -> str:
    from swath.errors import ConfigMistakesError, SwathError

    if isinstance(error, ConfigMistakesError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, SwathError):
        return text
    return f"{type(error).__name__}: {text} (swath --debug … shows where)"


def _say(text: str, stream: object) -> None:
    try:
        print(text, end="", file=stream, flush=True)  # type: ignore[call-overload]
    except BrokenPipeError:  # the reader has seen enough: `swath --help | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
