"""Documents as TOML for people to read.

What is written is read again by `document.parse_toml` as it was. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}){0,2}Z")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100


def dump_toml(document: Mapping[str, Any], *heading: str) -> str:
    """Write a document as TOML, with lines of comment before it.

    Parameters
    ----------
    document : mapping
        JSON values without null; a text that is an RFC 3339 time in UTC becomes a TOML time.

    Notes
    -----
    A table within a table, or a list of tables, stands on one line where it fits, else under a heading of its own.
    """
    parts = ["".join(f"# {line}\n" for line in heading)] if heading else []
    return "\n".join([*parts, *_tables("", document)])


def _tables(path: str, members: Mapping[str, Any], title: str = "") -> Iterator[str]:
    """Yield a table and the tables below it with headings of their own.

    A table that fits on a line of its parent stands there.
    """
    lines: list[str] = []
    below: list[str] = []
    for name, value in members.items():
        inner = f"{path}.{_key(name)}" if path else _key(name)
        if isinstance(value, Mapping) and not (path and _fits(name, value)):
            below.extend(_tables(inner, value, f"[{inner}]\n"))
        elif _is_tables(value) and not (path and _fits(name, value)):
            for item in value:
                below.extend(_tables(inner, item, f"[[{inner}]]\n"))
        else:
            lines.append(f"{_key(name)} = {_value(value)}\n")
    if lines or not below:
        yield title + "".join(lines)
    elif title.startswith("[["):
        yield title  # the tables below belong to this item of the list, and to no other
    yield from below


def _is_tables(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _fits(name: str, value: Any) -> bool:
    line = f"{_key(name)} = {_value(value)}"
    return len(line) <= _WIDTH and "\n" not in line


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    # TOML's basic strings have the escapes of JSON; DEL alone must be escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _prose(value: str) -> str:
    """Quote a text of several lines as people type it.

    The first line feed after the quotes is not part of the text.
    """
    lines = [_text(line)[1:-1] for line in value.split("\n")]
    return '"""\n' + "\n".join(lines) + '"""'


def _value(value: Any) -> str:
    if isinstance(value, str):
        if _TIME.fullmatch(value):
            return value
        return _prose(value) if "\n" in value else _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, Sequence):
        items = [_value(item) for item in value]
        line = "[" + ", ".join(items) + "]"
        if len(line) <= _WIDTH:
            return line
        return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
    return json.dumps(value)
