"""`wicketgate report`: a report that anybody rebuilds from the public log.

docs/reports.md shows it in use.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import replace_file
from wicketgate.clients.reporting.rendering import ReportForm, render
from wicketgate.clients.reporting.tables import report_of
from wicketgate.clients.verify import read_key, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints, read_seen

_BY_SUFFIX: Mapping[str, ReportForm] = {".json": "json", ".csv": "csv", ".md": "markdown"}


def run_report(args: argparse.Namespace) -> int:
    """Verify a gateway, and write a report from what was verified.

    Nothing is written from a register that the log does not bear out: it ends with 1, or with 3 where it could not
    look.
    """
    form = args.form or _BY_SUFFIX.get(args.out.suffix if args.out is not None else ".md")
    if form is None:
        raise ConfigurationError(f"`{args.out}` has no ending that says its form: give --form")
    shown: list[Mapping[str, Any]] = []
    found = verify_url(
        args.url,
        key=read_key(args.key) if args.key else None,
        seen=read_seen(args.seen),
        kept=None if args.state is None else KeptCheckpoints(args.state),
        shown=shown.append,
    )
    for line in found.lines():
        say(line, file=sys.stderr)
    if not found.ok or not shown:
        say("No report: what is not verified is not reported.", file=sys.stderr)
        return 3 if found.unreached else 1
    register = shown[0]
    try:
        report = report_of(
            args.kind,
            register,
            authority=args.authority,
            from_us=None if args.since is None else parse_rfc3339(args.since),
            until_us=None if args.until is None else parse_rfc3339(args.until),
        )
    except InputError as error:
        raise ConfigurationError(error.detail) from error
    size, root = str(register["checkpoint"]).split("\n")[1:3]
    text = render(report, form, checkpoint=f"verified under the checkpoint of {size} entries (root {root})")
    if args.out is None:
        sys.stdout.write(text)
    else:
        replace_file(args.out, text.encode())
        say(f"Written to {args.out}.", file=sys.stderr)
    return 0
