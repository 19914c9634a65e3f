"""The XML of devices as mappings.

Names are in small letters without their namespace; attributes are left out. Two namespaces or none, and capitals
that differ from one firmware to the next, are then all the same. No document type and no entity is taken: with
neither, the one thing that XML can be made to unfold to is itself. The parser is Python's own in C, three times as
fast as defusedxml's, which tests hold beside it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from wicketgate.base.errors import InputError

MAX_XML: Final = 2 * 1024 * 1024
"""Bytes of a document, images not counted."""

_MAX_TAGS: Final = 40_000
_MAX_LINES: Final = 250_000
_MAX_DEPTH: Final = 24
_MAX_NAMESPACES: Final = 64
_MAX_NAMESPACE: Final = 256
_DECLARATION: Final = re.compile(rb"""[^\s=<>"'/]*\s*=\s*(["'])""")
"""Behind `xmlns`: the rest of the name, and the quote before the namespace."""
_LONG_TEXT: Final = 4096
_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,100}?encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_SINGLE: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"})
_OTHERS: Final = frozenset(
    {"gb2312", "gbk", "gb18030", "big5", "windows-1250", "windows-1251", "windows-1252"}
)

Tree = dict[str, Any]
"""A child's name to its text, its own mapping, or a list of these where the name stands several times."""


def looks_like_xml(data: bytes) -> bool:
    """Return whether bytes begin as an XML document."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def read_xml(data: bytes) -> tuple[str, Tree]:
    """Return a document's root by name, and its content.

    Raises
    ------
    InputError
        If it is not well formed, has a document type, is in an encoding that is not known, or is too large, too deep
        or of too many elements.

    Notes
    -----
    O(n); about 1 µs an element. Bytes that are no UTF-8 although the document says so become U+FFFD, which no plate
    has: a name of a channel in another encoding does not lose the read.
    """
    data = data.strip(b"\xef\xbb\xbf\0 \t\r\n")
    declared = _DECLARED.match(data)
    encoding = declared[1].decode().lower() if declared else "utf-8"
    if encoding not in _SINGLE:
        if encoding not in _OTHERS:
            raise InputError("the XML is in an encoding that is not taken")
        data = data[data.index(b"?>") + 2 :] if b"?>" in data[:200] else data
        data = data.decode(encoding, errors="replace").encode()
    # A NUL would be UTF-16 or UTF-32, in which the document type could not be seen.
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError("XML with a document type or entities is not taken")
    # Each of these costs the parser a step; attributes have an `=`, references an `&`.
    if data.count(b"<") > _MAX_TAGS or data.count(b"=") > _MAX_TAGS or data.count(b"&") > _MAX_TAGS:
        raise InputError("the XML has too many elements, attributes or references")
    if data.count(b"\n") + data.count(b"\r") > _MAX_LINES:
        raise InputError("the XML has too many lines")
    _refuse_long_namespaces(data)
    root = _parsed(data)
    long: list[int] = []
    tree = _tree(root, 1, long)
    if len(data) - sum(long) > MAX_XML:
        raise InputError(f"the XML has more than {MAX_XML} bytes beside its images")
    return _local(root.tag), tree


def _refuse_long_namespaces(data: bytes) -> None:
    """Refuse what the parser would make large: it puts a namespace before the name of each element within it."""
    pieces = data.split(b"xmlns", _MAX_NAMESPACES + 1)[1:]
    if len(pieces) > _MAX_NAMESPACES:
        raise InputError("the XML has too many namespaces")
    for piece in pieces:
        declared = _DECLARATION.match(piece)
        if declared is None:
            continue  # in a text, or in a value
        end = piece.find(declared[1], declared.end())
        if end < 0 or end - declared.end() > _MAX_NAMESPACE:
            raise InputError("a namespace of the XML is too long")


def _parsed(data: bytes) -> Element:
    try:
        return fromstring(data)  # noqa: S314 - there is no document type in it, hence no entity
    except ParseError as error:
        fault = error
    except (ValueError, LookupError) as error:
        raise InputError("the XML cannot be read") from error
    try:
        data.decode()
    except UnicodeDecodeError:
        try:
            return fromstring(data.decode(errors="replace"))  # noqa: S314 - as above
        except (ParseError, ValueError) as error:
            raise InputError("the XML is not well formed") from error
    raise InputError("the XML is not well formed") from fault


@lru_cache(maxsize=2048)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def _tree(element: Element, depth: int, long: list[int]) -> Tree:
    if depth > _MAX_DEPTH:
        raise InputError("the XML is too deep")
    tree: Tree = {}
    for child in element:
        name = _local(child.tag)
        value: Tree | str
        if len(child):
            value = _tree(child, depth + 1, long)
        else:
            value = (child.text or "").strip()
            if len(value) > _LONG_TEXT:
                long.append(len(value))
        if name not in tree:
            tree[name] = value
        elif isinstance(tree[name], list):
            tree[name].append(value)
        else:
            tree[name] = [tree[name], value]
    return tree


def at(tree: Any, *path: str) -> Any:
    """Return the value at a path of names, or None.

    Where a name stands several times, the first counts.
    """
    for name in path:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
        if isinstance(tree, list):
            tree = tree[0] if tree else None
    return tree


def every(tree: Any, *path: str) -> list[Any]:
    """Return all values at a path of names, in order.

    Of the names before the last, the first of each counts.
    """
    above = at(tree, *path[:-1])
    found = above.get(path[-1]) if isinstance(above, dict) else None
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
