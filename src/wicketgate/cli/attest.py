"""A recipient's statements on rows: `disclose` and `attest`.

docs/recipient.md shows them in use.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask


def run_disclose(args: argparse.Namespace) -> int:
    """Tell of a disclosure, and print its id and status."""
    body = {
        "authority": args.authority,
        "to": args.to,
        "law": args.law,
        "rows": args.rows,
        "case": args.case,
        "reason": args.reason,
        "id": args.id,
        **({} if args.version is None else {"version": args.version}),
        **({} if args.at is None else {"at": args.at}),
    }
    answer = _ask(args, "/v1/disclosures", body)
    say(f"id {answer.get('id')}")
    say(f"version {answer.get('version')}, {answer.get('status')}")
    return 0


def run_attest(args: argparse.Namespace) -> int:
    """Attest a deletion, or show the receipts due.

    It ends with 1 if a receipt is missing.
    """
    if args.until is None:
        return _show(args)
    if args.method is None or args.by is None:
        raise ConfigurationError("give --method and --by with --until")
    body = {
        "authority": args.authority,
        "deleted_until": args.until,
        "method": args.method,
        "by": args.by,
        **({} if args.rows is None else {"rows": args.rows}),
    }
    answer = _ask(args, "/v1/receipts", body)
    say(f"counts_until {answer.get('counts_until')}")
    return 0


def _show(args: argparse.Namespace) -> int:
    found = _ask(args, "/v1/receipts").get("receipts")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise InputError(f"the answer of `{args.url}` has no receipts of `{args.authority}`")
    owed = found[0]
    for name in ("attested_until", "due_until", "missing_since", "overdue_rows"):
        say(f"{name} {'none' if owed.get(name) is None else owed[name]}")
    coming = owed.get("next")
    if isinstance(coming, dict):
        say(f"next what left before {coming.get('until')}, by {coming.get('by')}")
    return 1 if owed.get("missing") else 0


def _ask(args: argparse.Namespace, path: str, said: Mapping[str, object] | None = None) -> Mapping[str, Any]:
    """Post a statement, or ask, and return the answer."""
    token = read_secret(args.token_file)
    if said is None:
        return ask(args.url, path, token, 200, params={"authority": args.authority})
    return ask(args.url, path, token, 201, json=said)
