"""Hold a released row to its one form, and to its authority.

A row has the members that docs/spec/feeds.md, section 3, names, each of its type, and no other: what stands beside them
left as well, and nobody would have looked at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.hours import windows
from wicketgate.feeds.batches import has_member_twice
from wicketgate.reads.columns import SAID
from wicketgate.reads.observations import MARKS
from wicketgate.reads.plates import read_plate
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.fields import shows_position

_MEMBERS = {
    "plate": "plate",
    "confidence": "plate",
    "marks": "plate",
    "captured_at": "time",
    "source": "place",
    "camera": "place",
    "camera_name": "place",
    "position": "place",
    "patch_image": "patch-image",
    "overview_image": "overview-image",
} | {column.name: column.shown_by for column in SAID}
"""The members that a released read may have, and the field that shows each."""
_ALWAYS = ("plate", "confidence", "captured_at", "source", "camera", "camera_name")
"""Those that a read has whenever their field is shown."""
_IMAGES = frozenset({"patch_image", "overview_image"})
_PLACED = frozenset({"camera_name", "position"})
"""The members of `place` that an authority shows if it names its log."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Hex = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{24}\Z")]
_Salt = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
_Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[\w.:-](?:[\w.: -]{0,62}[\w.:-])?\Z")]


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    """An image as a row names it."""

    ref: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,200}\Z")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    type: Annotated[str, msgspec.Meta(pattern=r"\A[a-z]+/[a-z0-9.+-]{1,64}\Z")]
    bytes: Annotated[int, msgspec.Meta(ge=1, le=2**40)]


class _Hit(msgspec.Struct, forbid_unknown_fields=True):
    """The member `hit` of a row."""

    id: _Hex
    voi: _Text
    quality: Literal["exact", "possible"]
    kind: _Text
    priority: Annotated[int, msgspec.Meta(ge=1, le=4)]
    due: str
    clone: bool = True


_READ_TYPES: dict[str, Any] = {
    "plate": _Text,
    "confidence": _Fraction | None,
    "marks": Annotated[list[str], msgspec.Meta(min_length=1, max_length=len(MARKS))],
    "captured_at": str,
    "source": Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")],
    "camera": _Id,
    "camera_name": _Text,
    "position": tuple[_Longitude, _Latitude],
    "patch_image": _Image,
    "overview_image": _Image,
} | {column.name: column.posted for column in SAID}

_Read = msgspec.defstruct(
    "_Read",
    [(name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in _READ_TYPES.items()],
    forbid_unknown_fields=True,
)


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row that was not erased."""

    seq: Annotated[int, msgspec.Meta(ge=1)]
    salt: _Salt
    authority: str
    read: _Read  # type: ignore[valid-type]
    ref: _Hex | msgspec.UnsetType = msgspec.UNSET
    again: bool = True
    hit: _Hit | msgspec.UnsetType = msgspec.UNSET
    late: bool = True


class _Erratum(msgspec.Struct, forbid_unknown_fields=True):
    """The member `erratum` of a row: which row was wrong, how, and the read as it should have been."""

    seq: Annotated[int, msgspec.Meta(ge=1)]
    ground: Literal["misread", "no-plate", "wrong-time", "wrong-place"]
    read: _Read | msgspec.UnsetType = msgspec.UNSET  # type: ignore[valid-type]


class _ErratumRow(msgspec.Struct, forbid_unknown_fields=True):
    """A row that corrects an earlier one."""

    seq: Annotated[int, msgspec.Meta(ge=1)]
    salt: _Salt
    authority: str
    erratum: _Erratum


_decode_row = msgspec.json.Decoder(_Row).decode
_decode_erratum = msgspec.json.Decoder(_ErratumRow).decode


def form_fault(line: bytes, row: Mapping[str, Any]) -> str:
    """Return how a row is not of its one form, without what it holds; empty if it is.

    Parameters
    ----------
    row : mapping
        The line, decoded.
    """
    if has_member_twice(line, row):
        return "has a member twice"
    try:
        if "erratum" in row:
            return _erratum_fault(_decode_erratum(line))
        told = _decode_row(line)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Its words are a name of ours and a path of names; a member's own name may hold anything.
        return f"is not of the form of a row ({_without_names(str(error))})"
    if not (told.again and told.late and (told.hit is msgspec.UNSET or told.hit.clone)):
        return "says what it says by leaving it out"
    if told.hit is not msgspec.UNSET and (told.hit.id != told.ref or not _is_time(told.hit.due)):
        return "has a hit with another id than its `ref`, or without a deadline"
    return _said_fault(told.read)


def _erratum_fault(told: _ErratumRow) -> str:
    if told.erratum.seq >= told.seq:
        return "corrects no earlier row"
    read: Any = told.erratum.read
    if read is msgspec.UNSET:
        return ""
    if told.erratum.ground != "misread" or read.marks is not msgspec.UNSET:
        return "corrects what an erratum does not"
    return _said_fault(read)


def _said_fault(read: Any) -> str:
    if read.plate is not msgspec.UNSET and read_plate(read.plate) != read.plate:
        return "has a plate that is not in normal form"
    if read.captured_at is not msgspec.UNSET and not _is_time(read.captured_at):
        return "has no time of capture that can be read"
    if read.marks is not msgspec.UNSET and not MARKS.keys() >= set(read.marks):
        return "has a mark that no read has"
    for column in SAID:
        value = getattr(read, column.name)
        if value is not msgspec.UNSET and column.fault is not None and column.fault(value):
            return f"has a `{column.name}` that no camera may say"
    return ""


def _is_time(text: str) -> bool:
    try:
        return rfc3339(parse_rfc3339(text)) == text
    except InputError:
        return False


def _without_names(words: str) -> str:
    """Return the words of a decoder's fault without the name of an unknown member."""
    return re.sub(r"unknown field `.*`(?= - at|\Z)", "a member that it has not", words, flags=re.DOTALL)[:120]


class RowRule:
    """What one version of an authority lets stand in a row.

    Parameters
    ----------
    authority : Authority
        Its scope, fields and kinds are compared; the groups of cameras are not public.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._shown = {
            member
            for member, field in _MEMBERS.items()
            if field in authority.scope.fields and (member not in _PLACED or shows_position(authority.log))
        }
        self._needed = [member for member in _ALWAYS if member in self._shown]
        self._windows: dict[int, list[tuple[int, int]]] = {}

    @property
    def shown(self) -> frozenset[str]:
        """The members that a read may have."""
        return frozenset(self._shown)

    def fault(self, row: Mapping[str, Any]) -> str:
        """Return what of a row of the one form the authority does not allow; empty if it allows all of it."""
        if "erased" in row:
            return ""
        if "erratum" in row:
            return self._erratum_fault(row["erratum"].get("read"))
        authority, read = self._authority, row["read"]
        if fault := self._member_fault(read):
            return fault
        if ("hit" in row) != (authority.match is not None):
            return "is a hit" if "hit" in row else "is no hit"
        if "again" in row and read.keys().isdisjoint(_IMAGES):
            return "comes again without an image"
        if authority.match is not None and row["hit"]["kind"] not in authority.match.kinds:
            return "is a hit of another kind"
        for member in self._needed:
            if member not in read:
                return f"lacks the member `{member}` of a field"
        return self._scope_fault(read)

    def _erratum_fault(self, read: Mapping[str, Any] | None) -> str:
        """Return what of a corrected read the authority does not allow: it would let that read go like any other."""
        if read is None:
            return ""
        if not _IMAGES.isdisjoint(read):
            return "corrects an image"
        lacking = [member for member in self._needed if member not in read]
        return (
            self._member_fault(read)
            or (f"lacks the member `{lacking[0]}` of a field" if lacking else "")
            or self._scope_fault(read)
        )

    def _member_fault(self, read: Mapping[str, Any]) -> str:
        for member in read:
            if member not in self._shown:
                placed = member in _PLACED and "place" in self._authority.scope.fields
                return f"has the member `{member}`" + (" beyond the camera's id" if placed else "")
        return ""

    def _scope_fault(self, read: Mapping[str, Any]) -> str:
        authority = self._authority
        if "source" in read and read["source"] not in authority.scope.sources:
            return "is of another source"
        if authority.scope.area is not None and "position" in self._shown:
            longitude, latitude = read.get("position", (None, None))
            if not authority.scope.area.holds(latitude, longitude):
                return "is of a camera outside the area"
        if "captured_at" in read:
            captured_us = parse_rfc3339(read["captured_at"])
            if not authority.valid_from_us <= captured_us < authority.valid_until_us:
                return "was captured outside the validity"
            if not self._is_within_hours(captured_us):
                return "was captured outside the hours"
        return ""

    def _is_within_hours(self, captured_us: int) -> bool:
        authority = self._authority
        if not authority.scope.hours:
            return True
        day = captured_us // DAY_US
        if day not in self._windows:
            begin_us = day * DAY_US
            found = windows(
                authority.valid_from_us,
                authority.valid_until_us,
                authority.scope.hours,
                begin_us,
                begin_us + DAY_US,
            )
            self._windows[day] = [(int(start_us), int(end_us)) for start_us, end_us in found]
        return any(start_us <= captured_us < end_us for start_us, end_us in self._windows[day])

    def not_checked(self) -> list[str]:
        """Return what of the scope no row shows, in words."""
        scope = self._authority.scope
        words = ["the groups of its cameras, which are not public"] if scope.groups else []
        words += (
            ["which cameras its rows name: the list of them is not public"] if "camera" in self._shown else []
        )
        if scope.area is not None and "position" not in self._shown:
            words.append("its area: its rows have no position")
        if self._authority.match is not None:
            words.append("whether the vehicles of its hits stand on its list: that is not public")
        if self._authority.unlisted is not None:
            words.append("whether the vehicles of its rows stand on none of its lists: those are not public")
        if scope.hours and "captured_at" not in self._shown:
            words.append("its hours: its rows have no time")
        if "source" not in self._shown:
            words.append("its sources: its rows do not name one")
        if "captured_at" not in self._shown:
            words.append("whether its reads were captured within its validity: its rows have no time")
        return [f"of `{self._authority.reference}` {one}" for one in words]
