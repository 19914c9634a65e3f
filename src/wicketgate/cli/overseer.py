"""An overseer's tools: `why`.

docs/overseer.md shows it in use.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import parse_json
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask

_TIMEOUT_S = 60.0
_MEMBERS = ("source", "camera", "captured_at", "received_at", "plate")


def run_why(args: argparse.Namespace) -> int:
    """Ask, and print the answer in words."""
    question: dict[str, Any] = {"read": _read(args.read)}
    if args.authority is not None:
        question["authority"] = args.authority
    else:
        question["recipient"] = args.recipient
    if args.as_of is not None:
        if re.fullmatch(r"\d{1,15}", args.as_of, re.ASCII):
            question["as_of_entry"] = int(args.as_of)
        else:
            question["as_of"] = args.as_of
    token = read_secret(args.token_file)
    body = ask(args.url, "/v1/why", token, 200, timeout_s=_TIMEOUT_S, json=question)
    if args.json:
        print(json.dumps(body, indent=2))
        return 0
    for line in _lines(body):
        say(line)
    return 0


def _read(place: str) -> dict[str, Any]:
    """Return the read for a question.

    Of what a file holds it has those members that a question may have.
    """
    try:
        data = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read `{place}`: {error.strerror}") from error
    try:
        read = parse_json(data)
    except InputError as error:
        raise ConfigurationError(f"`{place}` does not hold a read as JSON") from error
    if isinstance(read, dict) and isinstance(read.get("read"), dict):
        read = read["read"]  # a row of a feed
    if not isinstance(read, dict):
        raise ConfigurationError(f"`{place}` does not hold a read as JSON")
    return {member: read[member] for member in _MEMBERS if member in read}


def _lines(body: dict[str, Any]) -> list[str]:
    read = body["read"]
    lines = [
        f"A read of camera {read['camera']} of {read['source']}, captured at {read['captured_at']}, "
        f"decided as of {body['at']}."
    ]
    for item in body["answers"]:
        verdict = {True: "allowed", False: f"refused: {item['reason']}", None: "not decided"}[item["allowed"]]
        lines += ["", f"{item['authority']}: {verdict}", *(f"  {sentence}" for sentence in item["words"])]
    return [*lines, *(["", *body["notes"]] if body["notes"] else [])]
