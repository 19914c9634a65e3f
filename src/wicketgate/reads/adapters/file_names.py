"""The names of files by a template: `{camera}_{time:%Y%m%d%H%M%S}_{plate}.jpg`.

A template becomes one pattern that is looked up in linear time: a value never runs over the sign behind it, and a time
has the digits that its directives say.
"""

from __future__ import annotations

import re
from typing import Final

from wicketgate.base.errors import InputError

FIELDS: Final = ("camera", "confidence", "direction", "lane", "plate", "time")
_LONGEST: Final = 200
_MOST_FIELDS: Final = 12
_DIRECTIVES: Final = {
    "Y": r"(?P<Y>[0-9]{4})",
    "m": r"(?P<m>[0-9]{2})",
    "d": r"(?P<d>[0-9]{2})",
    "H": r"(?P<H>[0-9]{2})",
    "M": r"(?P<M>[0-9]{2})",
    "S": r"(?P<S>[0-9]{2})",
    "f": r"(?P<f>[0-9]{1,6})",
    "s": r"(?P<s>[0-9]{9,16})",
    "z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_PIECE: Final = re.compile(r"\{(?P<name>[a-z*]+)(?::(?P<form>[^{}]*))?\}|(?P<plain>[^{}]+)")


class FileNameTemplate:
    """A template of files' names.

    Raises
    ------
    InputError
        If it cannot be read, names a field twice, or puts two fields side by side.
    """

    def __init__(self, text: str) -> None:
        if not 0 < len(text) <= _LONGEST:
            raise InputError(f"a template has 1 to {_LONGEST} characters")
        pieces = list(_PIECE.finditer(text))
        if "".join(piece[0] for piece in pieces) != text or len(pieces) > 2 * _MOST_FIELDS:
            raise InputError("a template has braces that do not match, or too many fields")
        self._pattern = re.compile("".join(self._parts(pieces)), re.IGNORECASE)

    @staticmethod
    def _parts(pieces: list[re.Match[str]]) -> list[str]:
        parts: list[str] = []
        named: set[str] = set()
        for number, piece in enumerate(pieces):
            if piece["plain"] is not None:
                parts.append(re.escape(piece["plain"]))
                continue
            name, form = piece["name"], piece["form"]
            if name in named or (name != "*" and name not in FIELDS):
                raise InputError(
                    f"a template has each of {', '.join(FIELDS)} once at most, and `*` for the rest"
                )
            named |= {name} - {"*"}
            behind = pieces[number + 1] if number + 1 < len(pieces) else None
            if behind is not None and behind["plain"] is None and form is None:
                raise InputError("two fields of a template stand side by side: nobody knows where one ends")
            if form is not None:
                parts.append(_time(name, form))
                continue
            stop = re.escape(behind["plain"][0]) if behind is not None else ""
            value = rf"[^/\\{stop}]{{1,96}}+"
            parts.append(value if name == "*" else f"(?P<{name}>{value})")
        return parts

    def values(self, name: str) -> dict[str, str] | None:
        """Return the values in a file's name by their fields; None where it is not of the template."""
        match = self._pattern.fullmatch(name[:512].replace("\\", "/").rpartition("/")[2])
        if match is None:
            return None
        groups = match.groupdict()
        found = {field: groups[field] for field in FIELDS if groups.get(field)}
        if "s" in groups:
            found["time"] = groups["s"]
        elif "Y" in groups:
            found["time"] = _written(groups)
        return found


def _time(name: str, form: str) -> str:
    if name != "time":
        raise InputError("only `time` has a form of its own in a template")
    parts: list[str] = []
    used: list[str] = []
    signs = iter(form)
    for sign in signs:
        if sign != "%":
            parts.append(re.escape(sign))
            continue
        directive = next(signs, "")
        if directive not in _DIRECTIVES or directive in used:
            raise InputError(f"a time has each of {', '.join('%' + one for one in _DIRECTIVES)} once at most")
        used.append(directive)
        parts.append(_DIRECTIVES[directive])
    if "s" not in used and not set("YmdHMS") <= set(used):
        raise InputError("a time has %Y, %m, %d, %H, %M and %S, or %s")
    return "".join(parts)


def _written(groups: dict[str, str]) -> str:
    text = "{Y}-{m}-{d}T{H}:{M}:{S}".format(**groups)
    part, zone = groups.get("f"), groups.get("z")
    return text + (f".{part}" if part else "") + (zone or "")
