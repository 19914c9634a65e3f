"""What a recipient tells of rows that it holds: `disclose` and `attest`. docs/recipient.md shows them in use."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wicketgate.base.errors import InputError
from wicketgate.base.settings import read_secret
from wicketgate.cli.terminal import ask

Subparsers = argparse._SubParsersAction  # its only name


def add_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add `disclose` and `attest`; each sets `run`: arguments to exit code."""
    disclose = _command(subparsers, "disclose", "say that rows were passed on")
    disclose.add_argument(
        "--to", required=True, metavar="ORGANISATION", help="to whom, as the charter has it"
    )
    disclose.add_argument("--law", required=True, help="under which law")
    disclose.add_argument("--rows", required=True, type=int, metavar="N", help="how many rows")
    disclose.add_argument(
        "--version", type=int, metavar="N", help="that released them (default: the present one)"
    )
    disclose.add_argument("--case", default="", help="for the overseers alone")
    disclose.add_argument("--reason", default="", help="for the overseers alone")
    disclose.add_argument("--at", metavar="TIME", help="when (default: now)")
    disclose.add_argument("--id", default="", help="your own: the same again is told once")
    disclose.set_defaults(run=run_disclose)

    attest = _command(subparsers, "attest", "attest that rows are deleted; or see what must be")
    attest.add_argument("--until", metavar="TIME", help="everything that left before is deleted")
    attest.add_argument("--method", metavar="TEXT", help="how it was deleted")
    attest.add_argument("--by", metavar="NAME", help="who says so")
    attest.add_argument("--rows", type=int, metavar="N", help="how many, where that is known")
    attest.set_defaults(run=run_attest)


def _command(
    subparsers: Subparsers[argparse.ArgumentParser], name: str, words: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = subparsers.add_parser(name, help=words)
    command.add_argument("authority", metavar="AUTHORITY", help="its name, without a version")
    command.add_argument("--from", dest="url", required=True, metavar="URL", help="the gateway")
    command.add_argument("--token-file", required=True, type=Path, help="the unit's token, mode 0600")
    return command


def run_disclose(args: argparse.Namespace) -> int:
    """Tell of a disclosure; 1 if it is refused."""
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
    if answer is None:
        return 1
    print(f"id {answer.get('id')}")
    print(f"version {answer.get('version')}, {answer.get('status')}")
    return 0


def run_attest(args: argparse.Namespace) -> int:
    """Attest a deletion, or show what is due; 1 if it is refused, or a receipt is missing."""
    if args.until is None:
        return _show(args)
    if args.method is None or args.by is None:
        raise InputError("give `--method` and `--by` with `--until`")
    body = {
        "authority": args.authority,
        "deleted_until": args.until,
        "method": args.method,
        "by": args.by,
        **({} if args.rows is None else {"rows": args.rows}),
    }
    answer = _ask(args, "/v1/receipts", body)
    if answer is None:
        return 1
    print(f"counts_until {answer.get('counts_until')}")
    return 0


def _show(args: argparse.Namespace) -> int:
    answer = _ask(args, "/v1/receipts")
    found = None if answer is None else answer.get("receipts")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        return 1
    owed = found[0]
    for name in ("attested_until", "due_until", "missing_since", "overdue_rows"):
        print(f"{name} {'none' if owed.get(name) is None else owed[name]}")
    coming = owed.get("next")
    if isinstance(coming, dict):
        print(f"next what left before {coming.get('until')}, by {coming.get('by')}")
    return 1 if owed.get("missing") else 0


def _ask(
    args: argparse.Namespace, path: str, said: Mapping[str, object] | None = None
) -> Mapping[str, Any] | None:
    """Post what is said, or ask; return the answer. None, with its words on standard error, where it is refused."""
    token = read_secret(args.token_file)
    if said is None:
        return ask(args.url, path, token, 200, params={"authority": args.authority})
    return ask(args.url, path, token, 201, json=said)
