"""The page that compares runs: HTML that needs no network and nothing beside it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from html import escape

from swath.cli.run_files import Run, differing, ranked

__all__ = ["page"]

_WIDE = 1400  # pixels: pictures wider than this are made smaller
_FEW = 6  # runs: the pictures of more are made smaller still, so that a browser opens the page

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.45 system-ui,"DejaVu Sans",sans-serif;margin:0;color:#1d2329;background:#f4f6f8}
main{max-width:1280px;margin:0 auto;padding:24px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:28px 0 8px}
h3{font-size:15px;margin:16px 0 6px}
p.note{color:#5b6672;margin:0 0 12px}
.card{background:#fff;border:1px solid #dce2e8;border-radius:8px;padding:14px 16px;margin:0 0 14px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px}
th,td{padding:4px 10px;border-bottom:1px solid #e6eaee;text-align:left;vertical-align:top}
th{white-space:nowrap;background:#fafbfc}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
table.sort th{cursor:pointer}table.sort th::after{content:" ↕";color:#b4bec8;font-size:11px}
td.top{font-weight:700;background:#e9f5ec}
td.set{max-width:340px;overflow-wrap:anywhere}
.ok{color:#1b7837}.bad{color:#b2182b;font-weight:600}.soft{color:#9a6700}
details>summary{cursor:pointer;font-weight:600}
details.run>summary{font-size:16px}
img{max-width:100%;height:auto;display:block}
figure{margin:0 0 12px}figcaption{font-size:12.5px;color:#5b6672}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:12px;align-items:start}
ul{margin:4px 0;padding-left:20px}code{font-size:12.5px;overflow-wrap:anywhere}
"""

# Sorting is a comfort: without it the page says the same.
_SCRIPT = """
document.querySelectorAll("table.sort").forEach(t=>t.querySelectorAll("th").forEach((h,i)=>{
h.onclick=()=>{const b=t.tBodies[0],up=h.dataset.up!=="1";h.dataset.up=up?"1":"0";
const v=r=>{const c=r.cells[i],x=c.dataset.v??c.textContent;return x===""||isNaN(x)?x:+x};
[...b.rows].sort((p,q)=>{let a=v(p),c=v(q);if(a==="")return 1;if(c==="")return -1;
const d=typeof a==="number"&&typeof c==="number"?a-c:String(a).localeCompare(String(c));
return up?d:-d}).forEach(r=>b.append(r))}}));
"""


def page(runs: Sequence[Run], made: str) -> str:
    """The whole page.

    Args:
        runs: At least one.
        made: When, in words.
    """
    runs = ranked(runs)
    one = len(runs) == 1
    title = runs[0].name if one else f"{len(runs)} runs"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">swath report, {escape(made)}. {escape(_ranking(runs))}</p>',
        _failures(runs),
        "<h2>Scores</h2>", _scores(runs),
        "" if one else "<h2>Settings that differ</h2>" + _settings(runs),
        "<h2>Curves</h2>", _curves(runs),
        "<h2>Runs</h2>", *(_run(run, i, len(runs)) for i, run in enumerate(runs)),
        "<h2>Environment</h2>", _environments(runs),
    ]  # fmt: skip
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(p for p in parts if p)
        + f"\n</main><script>{_SCRIPT}</script></body></html>\n"
    )


def _ranking(runs: Sequence[Run]) -> str:
    kinds = dict.fromkeys(r.monitor for r in runs if r.monitor)
    if not kinds:
        return "No run names the score that it was chosen by."
    by = ", then ".join(f"{name} ({mode})" for name, mode in kinds)
    said = f"Best first, by the validation's {by}; the test has no say in the order."
    return said if len(kinds) == 1 else f"{said} Runs of different scores cannot be compared."


def _failures(runs: Sequence[Run]) -> str:
    rows = []
    for run in runs:
        told = [] if run.outcome == "finished" else [run.outcome]
        told += [*run.environment.get("warnings", []), *run.missing]
        if told:
            items = "".join(f"<li>{escape(str(t))}</li>" for t in told)
            rows.append(f"<li><b>{escape(run.name)}</b><ul>{items}</ul></li>")
    if not rows:
        return ""
    return (
        '<div class="card"><h3 class="bad" style="margin-top:0">Not as it should be</h3>'
        f"<ul>{''.join(rows)}</ul></div>"
    )


def _scores(runs: Sequence[Run]) -> str:
    monitors = list(dict.fromkeys(r.monitor[0] for r in runs if r.monitor))
    names = list(dict.fromkeys(k for r in runs for k in r.scores if k != "epoch"))
    names = [m for m in monitors if m in names] + [n for n in names if n not in monitors]
    best = {n: _best(n, [r.scores.get(n, math.nan) for r in runs], runs) for n in names}
    head = ["run", "outcome", "minutes", "best epoch", *names]
    rows = []
    for i, run in enumerate(runs):
        seconds = run.environment.get("seconds")
        cells = [
            f'<td><a href="#run-{i}">{escape(run.name)}</a></td>',
            _outcome(run),
            _number(None if seconds is None else seconds / 60, "{:.1f}"),
            _number(run.scores.get("epoch"), "{:.0f}"),
        ]
        cells += [
            _number(run.scores.get(n), top=len(runs) > 1 and run.scores.get(n) == best[n])
            for n in names
        ]
        rows.append("".join(cells))
    return _table(head, rows, "sort", numbers=2)


def _best(name: str, values: Sequence[float], runs: Sequence[Run]) -> float:
    """The best of a score's values; NaN where nobody can say whether more is better."""
    known = [v for v in values if v == v]
    modes = dict(r.monitor for r in runs if r.monitor)
    less = ("loss", "rmse", "mae", "mse", "error", "perplexity")
    more = ("accuracy", "iou", "f1", "map", "mar", "r2", "jaccard", "recall", "precision")
    mode = modes.get(name)
    if mode is None:
        falls, rises = (any(w in name for w in words) for words in (less, more))
        mode = "min" if falls else "max" if rises else ""
    if not known or not mode:
        return math.nan
    return min(known) if mode == "min" else max(known)


def _outcome(run: Run) -> str:
    said = run.outcome
    kind = "ok" if said == "finished" else "bad" if said.startswith("failed") else "soft"
    short = said if len(said) <= 60 else said[:59] + "…"
    return f'<td class="{kind}" title="{escape(said)}">{escape(short)}</td>'


def _settings(runs: Sequence[Run]) -> str:
    keys = differing([r.settings for r in runs if r.settings])
    if not keys:
        return '<div class="card">All settings that are known are the same.</div>'
    rows = []
    for run in runs:
        unknown = "–" if run.settings else "unknown"
        cells = "".join(
            f'<td class="set">{escape(run.settings.get(k, unknown))}</td>' for k in keys
        )
        rows.append(f"<td>{escape(run.name)}</td>{cells}")
    return _table(["run", *keys], rows, "sort")


def _curves(runs: Sequence[Run]) -> str:
    from swath.errors import ConfigError
    from swath.plot.comparison import comparison_figure

    tables = {r.name: r.metrics for r in runs if r.metrics is not None}
    scores = dict.fromkeys(r.monitor[0] for r in runs if r.monitor)
    wanted = ["train_loss", "val_loss", *scores]
    columns = [str(c) for t in tables.values() for c in t]
    wanted += [c for c in columns if c.startswith("val_") and "/" not in c]
    wanted = [w for w in dict.fromkeys(wanted) if w not in ("val_majority",)][:9]
    try:
        figure = comparison_figure(tables, wanted)
    except ConfigError:
        return '<div class="card">No run has metrics.csv with curves.</div>'
    without = [r.name for r in runs if r.name not in tables]
    note = f'<p class="note">Without: {escape(", ".join(without))}</p>' if without else ""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f'<div class="card">{note}{_image(buffer.getvalue(), "curves of all runs")}</div>'


def _run(run: Run, number: int, count: int) -> str:
    score = f"{run.monitor[0]} {run.score:.4g}" if run.monitor and run.score == run.score else ""
    parts = []
    if run.outcome != "finished":
        parts.append(f'<p class="bad">{escape(run.outcome)}</p>')
    tables = []
    for part, rows in run.tables.items():
        head = list(rows[0])
        cells = ["".join(_cell(row.get(k, ""), k == "class") for k in head) for row in rows]
        name = {"val": "Classes, validation at the best epoch", "test": "Classes, test"}[part]
        tables.append(f"<div><h3>{name}</h3>{_table(head, cells, 'sort', numbers=1)}</div>")
    parts += tables
    # a confusion matrix of which there is a picture is not told twice
    for part, (names, matrix) in run.confusions.items():
        picture = "confusion.png" if part == "val" else f"{part}_confusion.png"
        if picture not in run.pictures:
            parts.append(f"<h3>Confusion, {part} (row: truth)</h3>" + _confusion(names, matrix))
    figures = [_picture(name, path, count > _FEW) for name, path in run.pictures.items()]
    parts.append(f'<div class="grid">{"".join(figures)}</div>')
    command = " ".join(map(str, run.environment.get("command") or []))
    if command:
        parts.append(f"<p><code>{escape(command)}</code></p>")
    if run.settings:
        lines = [f'<td>{escape(k)}</td><td class="set">{escape(v)}</td>'
                 for k, v in run.settings.items()]  # fmt: skip
        table = _table(["setting", "value"], lines, framed=False)
        parts.append(f"<details><summary>All settings</summary>{table}</details>")
    return (
        f'<details class="run card" id="run-{number}"{" open" if count <= 3 else ""}><summary>'
        f"{escape(run.name)} <small>{escape(score)}</small></summary>{''.join(parts)}</details>"
    )


def _confusion(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    rows = [
        f"<td>{escape(name)}</td>" + "".join(f'<td class="n">{n}</td>' for n in row)
        for name, row in zip(names, matrix, strict=True)
    ]
    return _table(["truth", *names], rows, numbers=1)


def _environments(runs: Sequence[Run]) -> str:
    tables = [_environment(run) for run in runs]
    keys = list(dict.fromkeys(k for t in tables for k in t))
    packages = [r.environment.get("packages") or {} for r in runs]
    changed = differing([p for p in packages if p])
    rows = [
        f"<td>{escape(key)}</td>"
        + "".join(f'<td class="set">{escape(t.get(key, "unknown"))}</td>' for t in tables)
        for key in keys
    ]
    rows += [
        f"<td>package {escape(name)}</td>"
        + "".join(f'<td class="set">{escape(str(p.get(name, "–")))}</td>' for p in packages)
        for name in changed
    ]
    return _table(["", *(r.name for r in runs)], rows)


def _environment(run: Run) -> dict[str, str]:
    e = run.environment
    if not e:
        return {}
    git, packages = e.get("git"), e.get("packages") or {}
    revision = "none"
    if git:
        revision = str(git["commit"])[:12] + (", and files that differ from it" * git["dirty"])
    versions = [f"{n} {packages[n]}" for n in ("swath", "torch", "lightning") if n in packages]
    return {
        "started": str(e.get("start")), "ended": str(e.get("end") or "–"),
        "seed": str(e.get("seed")), "git": revision, "packages": ", ".join(versions),
        "python": str(e.get("python")), "GDAL": str(e.get("gdal")),
        "GPU": ", ".join(e.get("gpus") or []) or "none",
        "device": f"{e.get('device')}, {e.get('processes')} process(es), {e.get('precision')}",
        "machine": f"{e.get('host')}, {e.get('cpus')} CPUs, {e.get('platform')}",
        "before": "; ".join(str(b.get("outcome")) for b in e.get("earlier", [])) or "–",
    }  # fmt: skip


def _table(
    head: Sequence[str], rows: Iterable[str], kind: str = "", numbers: int | None = None,
    framed: bool = True,
) -> str:  # fmt: skip
    """Rows of cells under a head; from column `numbers` on, numbers."""
    first = len(head) if numbers is None else numbers
    cells = "".join(
        f"<th{' class=n' if i >= first else ''}>{escape(h)}</th>" for i, h in enumerate(head)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    made = f'<table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide{" card" if framed else ""}">{made}</div>'


def _number(value: float | None, form: str = "{:.4g}", top: bool = False) -> str:
    if value is None or value != value:
        return '<td class="n" data-v="">–</td>'
    return f'<td class="n{" top" if top else ""}" data-v="{value!r}">{form.format(value)}</td>'


def _cell(text: str, name: bool) -> str:
    if name:
        return f"<td>{escape(text)}</td>"
    try:
        value = float(text)
    except ValueError:
        return f'<td class="n" data-v="">{escape(text) or "–"}</td>'
    return _number(value, "{:.0f}" if text.isdigit() else "{:.4g}")


def _picture(name: str, path: str, many: bool) -> str:
    try:
        data = _small(path, many)
    except (OSError, ValueError) as error:
        return f'<p class="bad">{escape(name)} cannot be read: {escape(str(error))}</p>'
    return f"<figure><figcaption>{escape(name)}</figcaption>{_image(data, name)}</figure>"


def _small(path: str, many: bool) -> bytes:
    """A PNG's bytes, made smaller where it is wider than a page; of many runs, a small JPEG."""
    from PIL import Image

    width, kind = (900, "JPEG") if many else (_WIDE, "PNG")
    with Image.open(path) as picture:
        shown = picture.convert("RGB")  # reads all of it: a damaged file is an error here
        if not many and picture.width <= width:
            with open(path, "rb") as file:
                return file.read()
        height = round(picture.height * min(width / picture.width, 1))
        shown = shown.resize((min(width, picture.width), height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, kind, quality=88)
    return buffer.getvalue()


def _image(data: bytes, name: str) -> str:
    kind = "jpeg" if data[:2] == b"\xff\xd8" else "png"
    code = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(name)}" src="data:image/{kind};base64,{code}">'
