"""Multipart forms, in pieces as they come. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wicketgate.base.errors import InputError

FORM = "multipart/form-data"
_CALLED = ("part_begin", "header_field", "header_value", "header_end", "part_data", "part_end", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One part of a form.

    It has its field's name, its media type in lower case without parameters, and its content.
    """

    name: str
    media_type: str
    body: bytes


class FormReader:
    """A reader of one form.

    Parameters
    ----------
    content_type : str
        Of the body: it has the boundary.
    most : int
        How many parts it may have.

    Raises
    ------
    InputError
        If there is no boundary.
    """

    def __init__(self, content_type: str, *, most: int) -> None:
        _, options = _options(content_type.encode("latin-1", "replace"))
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise InputError("a multipart form without a boundary")
        self._most = most
        self._parts: list[FormPart] = []
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._data: list[bytes] = []
        called = {f"on_{name}": getattr(self, f"_{name}") for name in _CALLED}
        try:
            self._parser = MultipartParser(boundary, called)  # type: ignore[arg-type]
        except (FormParserError, ValueError) as error:
            raise InputError(f"the body is not `{FORM}`") from error

    def feed(self, piece: bytes) -> None:
        """Read the next piece.

        Raises
        ------
        InputError
            If it goes on no form, a part has no name, or there are too many.
        """
        try:
            self._parser.write(piece)
        except (FormParserError, ValueError) as error:
            raise InputError(f"the body is not `{FORM}`") from error

    def end(self) -> list[FormPart]:
        """Return the parts, in order, once everything was fed.

        Raises
        ------
        InputError
            If the form is not whole.
        """
        try:
            self._parser.finalize()
        except (FormParserError, ValueError) as error:
            raise InputError(f"the body is not `{FORM}`") from error
        if not self._ended:
            raise InputError("the form ends before its last boundary")
        return self._parts

    # --- what the parser calls ----------------------------------------------------------------------------

    def _part_begin(self) -> None:
        if len(self._parts) >= self._most:
            raise InputError(f"more than {self._most} parts in one form")
        self._headers, self._data = {}, []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _part_end(self) -> None:
        _, options = _options(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode(errors="replace")
        if not name:
            raise InputError("a part of the form has no name")
        media_type, _ = _options(self._headers.get(b"content-type", b""))
        self._parts.append(
            FormPart(name=name, media_type=media_type.decode("latin-1").lower(), body=b"".join(self._data))
        )

    def _end(self) -> None:
        self._ended = True


def _options(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    try:
        return parse_options_header(value)
    except (ValueError, UnicodeError) as error:
        raise InputError("a header of the form cannot be read") from error
