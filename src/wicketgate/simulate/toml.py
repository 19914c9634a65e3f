"""Documents as TOML that people can read. What is written is read again by `documents.parse_toml` as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}){0,2}Z")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100


def dump_toml(document: Mapping[str, Any], *heading: str) -> str:
    """Return a document of tables and of lists of tables as TOML, with lines of comment before it.

    Parameters
    ----------
    document : mapping
        JSON values without null; a text that is an RFC 3339 time in UTC becomes a TOML time.
    """
    parts = ["".join(f"# {line}\n" for line in heading)] if heading else []
    for name, value in document.items():
        if isinstance(value, Mapping):
            parts.append(_table(f"[{_key(name)}]", value))
        else:
            parts.extend(_table(f"[[{_key(name)}]]", item) for item in value)
    return "\n".join(parts)


def _table(title: str, members: Mapping[str, Any]) -> str:
    return title + "\n" + "".join(f"{_key(name)} = {_value(value)}\n" for name, value in members.items())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    # TOML's basic strings have the escapes of JSON; DEL alone must be escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value if _TIME.fullmatch(value) else _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, Sequence):
        items = [_value(item) for item in value]
        line = "[" + ", ".join(items) + "]"
        if len(line) <= _WIDTH:
            return line
        return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
    return json.dumps(value)
