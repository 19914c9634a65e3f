"""Multipart forms within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wicketgate.base.errors import InputError

FORM = "multipart/form-data"
MAX_FORM = 32 * 1024 * 1024
MAX_PARTS = 2_000
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One part of a form.

    It has its field's name, its media type in lower case without parameters, and its content.
    """

    name: str
    media_type: str
    body: bytes


async def parts_of(body: bytes, content_type: str, turn: Callable[[], Awaitable[None]]) -> list[FormPart]:
    """Return the parts of a form, in order.

    It is read in pieces between which others have their turn.

    Parameters
    ----------
    turn : callable
        Awaited between pieces.

    Raises
    ------
    InputError
        If the body is no whole form, a part has no name, or there are more than `MAX_PARTS`.
    """
    _, options = _options(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise InputError("a multipart form without a boundary")
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        for start in range(0, len(body), _PIECE):
            if start:
                await turn()
            parser.write(body[start : start + _PIECE])
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise InputError(f"the body is not `{FORM}`") from error
    if not form.ended:
        raise InputError("the form ends before its last boundary")
    return form.parts


class _Form:
    """The callbacks of the parser."""

    def __init__(self) -> None:
        self.parts: list[FormPart] = []
        self.ended = False
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._data: list[bytes] = []

    def callbacks(self) -> dict[str, object]:
        names = ("part_begin", "header_field", "header_value", "header_end", "part_data", "part_end", "end")
        return {f"on_{name}": getattr(self, name) for name in names}

    def part_begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise InputError(f"more than {MAX_PARTS} parts in one form")
        self._headers, self._data = {}, []

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def part_end(self) -> None:
        _, options = _options(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode(errors="replace")
        if not name:
            raise InputError("a part of the form has no name")
        media_type, _ = _options(self._headers.get(b"content-type", b""))
        self.parts.append(
            FormPart(name=name, media_type=media_type.decode("latin-1").lower(), body=b"".join(self._data))
        )

    def end(self) -> None:
        self.ended = True


def _options(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    try:
        return parse_options_header(value)
    except (ValueError, UnicodeError) as error:
        raise InputError("a header of the form cannot be read") from error
