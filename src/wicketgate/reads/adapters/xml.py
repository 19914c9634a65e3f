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
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_SINGLE: Final = _UTF8 | {"iso-8859-1", "latin-1", "latin1"}
_OTHERS: Final = frozenset(
    {"gb2312", "gbk", "gb18030", "big5", "windows-1250", "windows-1251", "windows-1252", "windows-1254"}
    | {"iso-8859-2", "iso-8859-5", "iso-8859-9", "iso-8859-15", "koi8-r", "shift_jis", "euc-kr", "cp1252"}
)
_MARKS: Final = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
"""How a document in UTF-16 begins."""
_WIDE: Final = (b"\xff\xfe<\0", b"\xfe\xff\0<", b"\0<\0?")

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LITERAL: Final = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_REFERENCE: Final = re.compile(r"&#([0-9]{1,7}|[xX][0-9a-fA-F]{1,6});")
_BARE: Final = re.compile(r"&(?!(?:#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);)")
_ROOT: Final = re.compile(r"<([A-Za-z_][^\s<>/!?]*)")
_PREFIX: Final = re.compile(r"(?:</?|\s)([A-Za-z_][\w.-]{0,63}):(?=[A-Za-z_])")
_BOUND: Final = re.compile(r"\bxmlns:([A-Za-z_][\w.-]{0,63})\s*=")

Tree = dict[str, Any]
"""A child's name to its text, its own mapping, or a list of these where the name stands several times."""


def looks_like_xml(data: bytes) -> bool:
    """Return whether bytes begin as an XML document."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or data.startswith(_WIDE)


def read_xml(data: bytes) -> tuple[str, Tree]:
    """Return a document's root by name, and its content.

    Raises
    ------
    InputError
        If it is not well formed, has a document type, or is too large, too deep or of too many elements.

    Notes
    -----
    O(n); about 1 µs an element. What is not well formed in a way that changes no meaning is mended (`mended`), and
    parsed once more. Bytes that are no UTF-8 although the document says so become U+FFFD, which no plate has: a name
    of a channel in another encoding does not lose the read.
    """
    data = plain_xml(data)
    root = _parsed(data)
    long: list[int] = []
    tree = _tree(root, 1, long)
    if len(data) - sum(long) > MAX_XML:
        raise InputError(f"the XML has more than {MAX_XML} bytes beside its images")
    return _local(root.tag), tree


def plain_xml(data: bytes) -> bytes:
    """Return a document that may be parsed: bounded, without a document type, in UTF-8 or as a parser takes it.

    Raises
    ------
    InputError
        If it has a document type, or more of anything than any device's.
    """
    data = _in_utf8(data).strip(b"\xef\xbb\xbf\0 \t\r\n")
    # A NUL would be UTF-16 or UTF-32, in which the document type could not be seen.
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    _refuse_types(data)
    # Each of these costs the parser a step; attributes have an `=`, references an `&`.
    if data.count(b"<") > _MAX_TAGS or data.count(b"=") > _MAX_TAGS or data.count(b"&") > _MAX_TAGS:
        raise InputError("the XML has too many elements, attributes or references")
    if data.count(b"\n") + data.count(b"\r") > _MAX_LINES:
        raise InputError("the XML has too many lines")
    _refuse_long_namespaces(data)
    return data


def _refuse_types(data: bytes) -> None:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InputError("XML with a document type or entities is not taken")


def _in_utf8(data: bytes) -> bytes:
    """Return a document in UTF-8, whatever it declares, or as it stands where the parser reads that.

    What a device declares is often its library's default: UTF-8 is what it is wherever it can be read so.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _without_declaration(data.decode(encoding, errors="replace").encode())
    data = data.strip(b"\xef\xbb\xbf\0 \t\r\n")
    declared = _DECLARED.match(data)
    encoding = declared[1].decode().lower() if declared else "utf-8"
    if encoding in _SINGLE and data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        if encoding in _SINGLE:
            return data
        known = encoding if encoding in _OTHERS else "utf-8"
        return _without_declaration(data.decode(known, errors="replace").encode())
    return data if encoding in _UTF8 else _without_declaration(data)


def _without_declaration(data: bytes) -> bytes:
    data = data.strip(b"\xef\xbb\xbf\0 \t\r\n")
    return data[data.index(b"?>") + 2 :] if data.startswith(b"<?xml") and b"?>" in data[:200] else data


def mended(data: bytes) -> bytes:
    """Return a document with what is not well formed in it mended, where that changes no meaning.

    A bare `&`, and a reference to what is declared nowhere, stand for themselves; control characters, which no XML may
    hold, are left out; a prefix that is bound to nothing is bound; what stands behind the root is left out. What is cut
    off, or closed by another name, is not mended: nobody knows what it said.
    """
    text = _CONTROL.sub("", data.decode(errors="replace"))
    pieces = _LITERAL.split(text)  # every second piece is a CDATA section, in which `&` stands for itself
    pieces[::2] = [_BARE.sub("&amp;", _REFERENCE.sub(_without_control, piece)) for piece in pieces[::2]]
    text = _without_end("".join(pieces))
    unbound = set(_PREFIX.findall(text)) - set(_BOUND.findall(text)) - {"xml", "xmlns"}
    if unbound and len(unbound) <= _MAX_NAMESPACES:
        binds = "".join(f' xmlns:{prefix}="urn:{prefix}"' for prefix in sorted(unbound))
        text = _ROOT.sub(lambda root: root[0] + binds, text, count=1)
    return text.encode()


def _without_control(reference: re.Match[str]) -> str:
    number = int(reference[1][1:], 16) if reference[1][0] in "xX" else int(reference[1])
    is_text = number in (9, 10, 13) or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE
    return reference[0] if is_text or 0x10000 <= number < 0x110000 else ""


def _without_end(text: str) -> str:
    """Return a document that ends with its root."""
    root = _ROOT.search(text)
    end = text.rfind(f"</{root[1]}") if root is not None else -1
    close = text.find(">", end) + 1 if end >= 0 else 0
    return text[:close] if close else text


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
    except (ParseError, ValueError, LookupError):
        pass
    data = mended(data)
    _refuse_types(data)  # what was left out may have parted one
    try:
        return fromstring(data)  # noqa: S314 - as above
    except ParseError as error:
        raise InputError("the XML is not well formed") from error
    except (ValueError, LookupError) as error:
        raise InputError("the XML cannot be read") from error


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
