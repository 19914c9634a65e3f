"""Questions to the past: `search`, `approve` and `answer`.

docs/recipient.md shows them in use.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from wicketgate.base.errors import ConfigurationError, InputError, Unreachable, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import parse_json
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, confirmed, on_terminal, read_file
from wicketgate.history.forms import FORMS

_TIMEOUT_S = 120.0
_PAGE = 10_000
_ROWS_AFTER = "wicketgate-after"


def run_search(args: argparse.Namespace) -> int:
    """Ask, and say how the question stands."""
    document = {
        "authority": args.authority,
        "offence": args.offence,
        "case": args.case,
        "reason": args.reason,
        "question": _question(args),
        **({"emergency": {"reason": args.emergency}} if args.emergency else {}),
    }
    token, path = read_secret(args.token_file), "/v1/searches"
    if args.preview:
        body = ask(args.url, f"{path}/preview", token, 200, timeout_s=_TIMEOUT_S, json=document)
        _tell(body, _preview, as_json=args.json)
        return 1 if body.get("code") else 0
    body = ask(args.url, path, token, 201, timeout_s=_TIMEOUT_S, json=document)
    _tell(body, _lines, as_json=args.json)
    return 1 if body["status"] == "refused" else 0


def run_approve(args: argparse.Namespace) -> int:
    """Show a question, and approve it or not."""
    token = read_secret(args.token_file)
    if args.id is None:
        waiting = ask(args.url, "/v1/approvals", token, 200, timeout_s=_TIMEOUT_S)
        _tell(waiting, _waiting, as_json=args.json)
        return 0
    path = f"/v1/searches/{_id(args.id)}"
    if args.refuse is not None:
        body = ask(args.url, f"{path}/refuse", token, 200, timeout_s=_TIMEOUT_S, json={"reason": args.refuse})
    else:
        vehicles = args.vehicles
        if vehicles is None:
            detail = ask(args.url, f"{path}/question", token, 200, timeout_s=_TIMEOUT_S)
            for line in _detail(detail):
                say(line, file=sys.stderr)
            vehicles = detail["search"].get("vehicles")
            if not args.yes and not on_terminal():
                raise ConfigurationError("nobody can be asked: give --vehicles or --yes", code="usage")
        if not args.yes and args.vehicles is None and not confirmed("Approve?"):
            return 1
        body = ask(args.url, f"{path}/approve", token, 200, timeout_s=_TIMEOUT_S, json={"vehicles": vehicles})
    _tell(body, _lines, as_json=args.json)
    return 0


def run_answer(args: argparse.Namespace) -> int:
    """Write the rows of an answer, page by page; each page is a look."""
    token = read_secret(args.token_file)
    pages = _pages(args.url, _id(args.id), token, FORMS[args.format])
    if args.out is None:
        _write(args.format, pages, sys.stdout.buffer)
        return 0
    try:
        # A crash leaves a file that ends early; it is never taken for whole, for its name says so.
        part = args.out.with_name(args.out.name + ".part")
        if args.out.exists():
            raise ConfigurationError(f"`{args.out}` is there already: nothing is overwritten")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            _write(args.format, pages, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(args.out)
    except OSError as error:
        raise ConfigurationError(f"cannot write `{args.out}`: {error.strerror}") from error
    return 0


def _tell(body: Mapping[str, Any], lines: Callable[[Any], Iterable[str]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(body, indent=2))
        return
    for line in lines(body):
        say(line)


# --- questions ----------------------------------------------------------------------------------------------------


def _question(args: argparse.Namespace) -> dict[str, Any]:
    if args.question is not None:
        return _object(args.question)
    question: dict[str, Any] = {}
    if args.plate is not None:
        question["plate"] = sys.stdin.readline().strip() if args.plate == "-" else args.plate
    if args.plates is not None:
        try:
            lines = read_file(args.plates).decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"`{args.plates}` is not text in UTF-8") from error
        question["plates"] = [line.strip() for line in lines if line.strip()]
    if args.pattern is not None:
        question["pattern"] = args.pattern
    if args.scenes is not None:
        question["scenes"] = _json(args.scenes)
        if args.at_least is not None:
            question["at_least"] = args.at_least
    if args.lookalikes:
        question["lookalikes"] = True
    vehicle = {name: getattr(args, name) for name in ("make", "colour", "kind") if getattr(args, name)}
    if vehicle:
        question["vehicle"] = vehicle
    for name, said in (("cameras", args.camera), ("groups", args.group)):
        if said:
            question[name] = said
    if args.area is not None:
        question["area"] = _object(args.area)
    if args.scenes is None:
        for name, value in (("--since", args.since), ("--until", args.until)):
            if value is None:
                raise ConfigurationError(f"`{name}` is missing", code="usage")
        question |= {"from": args.since, "to": args.until}
    return question


def _json(path: Path) -> Any:
    try:
        return parse_json(read_file(path))
    except InputError as error:
        raise ConfigurationError(f"`{path}` is not JSON") from error


def _object(path: Path) -> dict[str, Any]:
    found = _json(path)
    if not isinstance(found, dict):
        raise ConfigurationError(f"`{path}` does not hold an object as JSON")
    return found


def _id(text: str) -> str:
    if not text.isalnum() or len(text) > 64:
        raise ConfigurationError(f"`{text[:64]}` is not the id of a question", code="usage")
    return text


# --- answers ------------------------------------------------------------------------------------------------------


def _pages(url: str, id_: str, token: str, media_type: str) -> Iterator[bytes]:
    import httpx

    after: str | None = "0"
    headers = {"Authorization": f"Bearer {token}", "Accept": media_type}
    with httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT_S) as gateway:
        while after is not None:
            query = {"after": after, "limit": str(_PAGE)}
            try:
                answer = gateway.get(f"/v1/searches/{id_}/rows", params=query)
            except httpx.HTTPError as error:
                raise Unreachable(f"`{url}` does not answer: {error}") from error
            if answer.status_code != 200:
                raise _refused(answer.status_code, answer.content)
            yield answer.content
            after = answer.headers.get(_ROWS_AFTER)


def _refused(status: int, body: bytes) -> WicketgateError:
    try:
        said = parse_json(body)
    except InputError:
        said = None
    if not isinstance(said, dict):
        return Unreachable(f"the gateway answers {status} without a reason")
    kind = Unreachable if status == 429 or status >= 500 else WicketgateError
    return kind(str(said.get("detail", "no detail")), code=str(said.get("code", status)))


def _write(form: str, pages: Iterator[bytes], out: BinaryIO) -> None:
    if form in ("ndjson", "csv"):  # pages one after another; the first one of CSV alone has a head
        for page in pages:
            out.write(page)
    elif form == "geojson":
        found = [feature for page in pages for feature in json.loads(page)["features"]]
        out.write(json.dumps({"type": "FeatureCollection", "features": found}).encode() + b"\n")
    else:
        _write_parquet(pages, out)


def _write_parquet(pages: Iterator[bytes], out: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    tables = [parquet.read_table(pa.BufferReader(page)) for page in pages]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.concat_tables(tables), sink)
    out.write(sink.getvalue().to_pybytes())


# --- words --------------------------------------------------------------------------------------------------------


def _needs(body: dict[str, Any]) -> list[str]:
    return [
        f"Needs the approval of {' or '.join(one['offices'])} ({one['why']})."
        for one in body["approvals_needed"]
    ]


def _breadth(body: dict[str, Any]) -> str:
    breadth = body["breadth"]
    plates = "every vehicle there" if breadth["plates"] is None else f"{breadth['plates']} plates"
    return f"{breadth['cameras']} cameras, {breadth['days']} days, {plates}."


def _preview(body: dict[str, Any]) -> list[str]:
    lines = [_breadth(body), *_needs(body)]
    if body.get("code"):
        return [*lines, f"It would be refused: {body['code']}."]
    if body["counts_first"]:
        lines.append("It would be told first how many vehicles it means.")
    return [*lines, "It would be answered at once."] if body["answers_now"] else lines


def _lines(body: dict[str, Any]) -> list[str]:
    lines = [f"{body['id']}: {body['status']}", _breadth(body)]
    if body.get("code"):
        lines.append(f"Refused: {body['code']}.")
    if body.get("vehicles") is not None:
        told = body["vehicles"]
        lines.append("Nine vehicles or fewer." if told <= 9 else f"{told} vehicles.")
    lines += _needs(body)
    if body.get("rows") is not None:
        lines.append(f"{body['rows']} rows, kept until {body['until']}; root {body['root']}.")
    lines += [
        f"The history lacks reads from {gap['from']} to {gap['until']}." for gap in body.get("gaps", [])
    ]
    return lines


def _waiting(body: dict[str, Any]) -> list[str]:
    return [line for one in body["searches"] for line in (*_lines(one), "")] or ["Nothing waits for you."]


def _detail(body: dict[str, Any]) -> list[str]:
    search = body["search"]
    return [
        *_lines(search),
        f"Under {search['authority']}, by {search['unit']}. Offence {search['offence']}, case {search['case']}.",
        f"Reason: {body['reason']}",
        *([f"Of the reason: {', '.join(search['signs'])}."] if search.get("signs") else []),
        *([f"Emergency: {body['emergency']}"] if body["emergency"] else []),
        f"Question: {json.dumps(body['question'])}",
    ]
