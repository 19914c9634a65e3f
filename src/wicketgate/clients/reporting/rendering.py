"""A report as JSON, CSV or Markdown. Pure."""

from __future__ import annotations

import csv
import io
import json
from typing import Final, Literal

from wicketgate.clients.reporting.tables import PublicReport

ReportForm = Literal["json", "csv", "markdown"]
FORMS: Final[tuple[ReportForm, ...]] = ("json", "csv", "markdown")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def render(report: PublicReport, form: ReportForm, *, checkpoint: str) -> str:
    """Return a report as text.

    Parameters
    ----------
    checkpoint : str
        The size and root of the log that it was verified against, in words.
    """
    match form:
        case "json":
            return _json(report, checkpoint)
        case "csv":
            return _csv(report)
        case "markdown":
            return _markdown(report, checkpoint)


def _json(report: PublicReport, checkpoint: str) -> str:
    value = {
        "form": 1,
        "kind": report.kind,
        "title": report.title,
        "origin": report.origin,
        "as_of": report.as_of,
        "period": None if report.period is None else {"from": report.period[0], "until": report.period[1]},
        "checkpoint": checkpoint,
        "tables": [
            {"title": one.title, "rows": [dict(zip(one.columns, row, strict=True)) for row in one.rows]}
            for one in report.tables
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _csv(report: PublicReport) -> str:
    """Return every table below the other, its title in the first column."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for table in report.tables:
        writer.writerow(["Table", *table.columns])
        writer.writerows([_plain(cell) for cell in (table.title, *row)] for row in table.rows)
    return out.getvalue()


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _markdown(report: PublicReport, checkpoint: str) -> str:
    lines = [f"# {_one_line(report.title)}", ""]
    if report.period is not None:
        lines += [f"From {report.period[0]} until {report.period[1]}.", ""]
    lines += [
        f"Rebuilt from the public log `{report.origin}` as of {report.as_of}, {checkpoint}. Counts that were too small "
        "to be published are in no sum (“or more”); what is published by the month was rounded down (“at least”).",
        "",
    ]
    for table in report.tables:
        lines += [f"## {table.title}", "", _row(table.columns), "|" + "---|" * len(table.columns)]
        lines += [_row(row) for row in table.rows]
        lines.append("")
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_one_line(cell).replace("|", "\\|") for cell in cells) + " |"


def _one_line(text: str) -> str:
    return " ".join(text.split())
