"""The paths of a form: JSONPath, XPath or names, over one message, with bounds.

An expression is its operator's, a message anybody's: so expressions have no filters, no functions and one descent at
most, and whatever a message is, looking a path up costs no more than its members. Names count in small letters, because
firmwares differ in capitals.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qsl

import jsonpath_rfc9535
from lxml import etree

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import read_json, small_names
from wicketgate.reads.adapters.values import MAX_VEHICLES
from wicketgate.reads.adapters.xml import mended, plain_xml

Format = Literal["json", "xml", "form", "query", "csv", "file-name"]
"""How the values of a message are written."""

_LONGEST: Final = 200
_QUOTED: Final = re.compile(r"""("[^"]*"|'[^']*')""")
_XPATH: Final = re.compile(r"""[A-Za-z0-9_.:@/*\[\]='"() |-]+""")
_XPATH_FUNCTIONS: Final = re.compile(r"\b(?:text|last|position|local-name|normalize-space)\(")
_MOST_FIELDS: Final = 256
_MOST_FORM: Final = 1024 * 1024
_MOST_DEPTH: Final = 48
_MOST_LINES: Final = MAX_VEHICLES + 1


class PathPlace(Protocol):
    """A message, or one passage in it, in which paths are looked up."""

    def find(self, path: CompiledPath) -> list[Any]:
        """Return the values at a path, in order."""

    def each(self, path: CompiledPath) -> list[PathPlace]:
        """Return the passages at a path, in order."""


@dataclass(frozen=True, slots=True)
class CompiledPath:
    """A path as it was written, and as its language's library reads it.

    `is_whole` says that it begins at the message, not at the passage.
    """

    text: str
    language: Format
    query: Any
    is_whole: bool


def compiled(text: str, language: Format) -> CompiledPath:
    """Return a path that may be looked up.

    Raises
    ------
    InputError
        If it is none of its language, or more than a device's message needs.
    """
    if not 0 < len(text) <= _LONGEST:
        raise InputError(f"a path has 1 to {_LONGEST} characters")
    if language == "json":
        return _json_path(text)
    if language == "xml":
        return _xpath(text)
    return CompiledPath(text, language, text.strip().lower(), is_whole=False)


def _json_path(text: str) -> CompiledPath:
    is_whole = text.startswith("$$")
    plain = text[1:] if is_whole else text
    if not plain.startswith("$") or "?" in plain or plain.count("..") > 1:
        raise InputError(f"`{text}` is no JSONPath from `$` without filters and with one `..` at most")
    try:
        query = jsonpath_rfc9535.compile(plain.lower())
    except jsonpath_rfc9535.JSONPathError as error:
        raise InputError(f"`{text}` is no JSONPath") from error
    return CompiledPath(text, "json", query, is_whole)


def _xpath(text: str) -> CompiledPath:
    is_plain = _XPATH.fullmatch(text) and text.count("//") <= 1 and "::" not in text
    if not is_plain or "(" in _XPATH_FUNCTIONS.sub("", text):
        raise InputError(f"`{text}` is no XPath without axes and functions and with one `//` at most")
    # What stands in quotes is a value, not a name.
    small = "".join(piece if n % 2 else piece.lower() for n, piece in enumerate(_QUOTED.split(text)))
    try:
        query = etree.XPath(small, regexp=False, smart_strings=False)
    except etree.XPathSyntaxError as error:
        raise InputError(f"`{text}` is no XPath") from error
    return CompiledPath(text, "xml", query, is_whole=text.startswith("/"))


class JsonPlace:
    """A JSON message, or a passage of it."""

    def __init__(self, whole: Any, passage: Any) -> None:
        self._whole = whole
        self._passage = passage

    @classmethod
    def read(cls, data: bytes) -> JsonPlace:
        """Read a message."""
        value = small_names(read_json(data))
        return cls(value, value)

    def find(self, path: CompiledPath) -> list[Any]:
        """Return the values at a path."""
        of = self._whole if path.is_whole else self._passage
        if not isinstance(of, dict | list):
            return [of] if path.text in ("$", "$$") else []
        return [node.value for node in islice(path.query.finditer(of), _MOST_LINES)]

    def each(self, path: CompiledPath) -> list[PathPlace]:
        """Return the passages at a path."""
        found: list[PathPlace] = [JsonPlace(self._whole, value) for value in self.find(path)]
        return found


class XmlPlace:
    """An XML message, or an element of it."""

    def __init__(self, root: Any, element: Any) -> None:
        self._root = root
        self._element = element

    @classmethod
    def read(cls, data: bytes) -> XmlPlace:
        """Read a message, within the bounds of `plain_xml`."""
        data = plain_xml(data)
        root = _elements(data)
        if root is None:
            data = mended(data)
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                raise InputError("XML with a document type or entities is not taken")
            root = _elements(data)
        if root is None:
            raise InputError("the XML is not well formed")
        for number, element in enumerate(root.iter()):
            if isinstance(element.tag, str):
                element.tag = etree.QName(element).localname.lower()
            if (
                number % 256 == 0
                and sum(1 for _ in islice(element.iterancestors(), _MOST_DEPTH)) == _MOST_DEPTH
            ):
                raise InputError("the XML is too deep")
        return cls(root, root)

    def find(self, path: CompiledPath) -> list[Any]:
        """Return the texts at a path: of an element all of its own and of what is within it."""
        return [_text_of(found) for found in self._nodes(path)]

    def each(self, path: CompiledPath) -> list[PathPlace]:
        """Return the passages at a path."""
        found: list[PathPlace] = [
            XmlPlace(self._root, element) for element in self._nodes(path) if hasattr(element, "iter")
        ]
        return found

    def _nodes(self, path: CompiledPath) -> Sequence[Any]:
        of = self._root if path.is_whole else self._element
        try:
            found = path.query(of)
        except etree.XPathError as error:
            raise InputError("a path of the form cannot be looked up in this message") from error
        return found[:_MOST_LINES] if isinstance(found, list) else [found]


def _elements(data: bytes) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _text_of(found: Any) -> Any:
    if hasattr(found, "itertext"):
        return "".join(found.itertext()).strip()
    return found.strip() if isinstance(found, str) else found


class NamedPlace:
    """Values by their names: fields of a form or a query, a line of CSV, what stands in a file's name."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    @classmethod
    def of_pairs(cls, text: str) -> NamedPlace:
        """Read fields as an address or a form has them."""
        if len(text) > _MOST_FORM:
            raise InputError("the form is too large")
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as error:
            raise InputError("the form has too many fields, or cannot be read") from error
        return cls.of_fields(pairs)

    @classmethod
    def of_fields(cls, pairs: Iterable[tuple[str, str]]) -> NamedPlace:
        """Return a place of names and values; of two values of one name the first stays."""
        values: dict[str, str] = {}
        for name, value in pairs:
            values.setdefault(name.strip().lower(), value)
        return cls(values)

    def __len__(self) -> int:
        return len(self._values)

    def find(self, path: CompiledPath) -> list[Any]:
        """Return the value of a name."""
        value = self._values.get(path.query)
        return [] if value is None else [value]

    def each(self, path: CompiledPath) -> list[PathPlace]:
        """Return the place itself: there is one passage."""
        return [self]


def csv_places(data: bytes, columns: Sequence[str] | None, separator: str) -> list[PathPlace]:
    """Return the lines of a text with separators.

    Parameters
    ----------
    columns : sequence of str, optional
        Their names, where the first line does not say them.
    """
    text = data.decode("utf-8-sig", errors="replace")
    try:
        lines = list(islice(csv.reader(text.splitlines(), delimiter=separator, strict=True), _MOST_LINES + 1))
    except csv.Error as error:
        raise InputError("the lines cannot be read") from error
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    named = list(columns) if columns else (lines.pop(0) if lines else [])
    if len(named) > _MOST_FIELDS or len(lines) > MAX_VEHICLES:
        raise InputError("too many lines or columns")
    if any(len(line) < len(named) for line in lines) and columns:
        raise InputError("a line has fewer cells than the form has columns")
    return [NamedPlace.of_fields(zip(named, line, strict=False)) for line in lines]
