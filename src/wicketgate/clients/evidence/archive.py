"""The archive of an evidence pack: a zip of one form, whose every byte follows from its members. Pure.

Written here and not by a library: a pack is compared with the one archive that its members make, byte for byte, by
whichever version reads it. Any tool that reads zips reads it too. docs/spec/evidence.md, section 1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple
from zlib import crc32

from wicketgate.base.errors import InputError

MAX_MEMBERS: Final = 4096
MAX_BYTES: Final = 256 * 1024 * 1024
"""Bytes of an archive, headers included."""

_NAME = re.compile(rb"(?:[a-z]{1,20}/)?[a-z0-9][a-z0-9-]{0,80}(?:\.[a-z0-9]{1,8})?")
"""A member's name: at most one folder, no dots but that of its ending, nothing that leads elsewhere."""
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION: Final = 10
_DATE: Final = 0x21
"""1980-01-01, the first that there is: when a member was written says nothing."""


class _MemberPlace(NamedTuple):
    """Where a member lies: the offset of its header, and of its bytes."""

    name: bytes
    header: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """The members of an archive by name, and what of it is not as they make it, in words that name the member."""

    members: Mapping[str, bytes]
    faults: tuple[str, ...]


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Return the one archive of some members.

    Raises
    ------
    InputError
        If there are too many, they are too large, or a name is not of the form of names.
    """
    names = sorted(name.encode("ascii", "replace") for name in members)
    contents = [members[name.decode("ascii")] if name.decode() in members else b"" for name in names]
    if not 0 < len(names) <= MAX_MEMBERS or not all(map(_NAME.fullmatch, names)):
        raise InputError(
            f"a pack has 1 to {MAX_MEMBERS} members, with names of small letters, digits and `-`"
        )
    size = _END.size + sum(
        _LOCAL.size + _CENTRAL.size + 2 * len(name) + len(data)
        for name, data in zip(names, contents, strict=True)
    )
    if size > MAX_BYTES:
        raise InputError(f"a pack has at most {MAX_BYTES >> 20} MiB")
    return b"".join(_written(names, [(crc32(data), data) for data in contents]))


def _written(names: Sequence[bytes], contents: Sequence[tuple[int, bytes]]) -> Iterator[bytes]:
    offset, directory = 0, []
    for name, (checksum, data) in zip(names, contents, strict=True):
        yield _local(name, checksum, len(data))
        yield data
        directory.append(_central(name, checksum, len(data), offset))
        offset += _LOCAL.size + len(name) + len(data)
    yield from directory
    yield _end(len(names), sum(map(len, directory)), offset)


def _local(name: bytes, checksum: int, size: int) -> bytes:
    return _LOCAL.pack(_LOCAL_MARK, _VERSION, 0, 0, 0, _DATE, checksum, size, size, len(name), 0) + name


def _central(name: bytes, checksum: int, size: int, offset: int) -> bytes:
    return (
        _CENTRAL.pack(
            _CENTRAL_MARK,
            _VERSION,
            _VERSION,
            0,
            0,
            0,
            _DATE,
            checksum,
            size,
            size,
            len(name),
            0,
            0,
            0,
            0,
            0,
            offset,
        )
        + name
    )


def _end(count: int, size: int, offset: int) -> bytes:
    return _END.pack(_END_MARK, 0, 0, count, count, size, offset, 0)


def read_archive(data: bytes) -> ReadArchive:
    """Return the members of an archive, and what of it is not as they make it.

    Nothing is unpacked to a disk, and nothing is compressed: no archive is larger in memory than it came.

    Raises
    ------
    InputError
        If it is no archive of this form: neither its directory nor its headers can be followed.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"a pack has at most {MAX_BYTES >> 20} MiB")
    ways = [way for way in (_by_directory(data), _by_headers(data)) if way is not None]
    if not ways:
        raise InputError(
            "no evidence pack: neither its directory nor its headers can be followed; it was cut, packed again or "
            "made by something else"
        )
    # Where a name was changed in one of the two, that whose own list of members agrees is right.
    places = next((way for way in ways if _lists_itself(data, way)), ways[0])
    return ReadArchive(
        {place.name.decode("ascii"): data[place.begin : place.end] for place in places},
        tuple(_faults(data, places)),
    )


def _by_directory(data: bytes) -> list[_MemberPlace] | None:
    """Return the places of members as the directory at the end has them; None unless they follow one another."""
    if len(data) < _END.size:
        return None
    mark, _, _, count, same, size, offset, _ = _END.unpack_from(data, len(data) - _END.size)
    if mark != _END_MARK or count != same or not 0 < count <= MAX_MEMBERS:
        return None
    if offset + size + _END.size != len(data):
        return None
    places, at, begin = [], offset, 0
    for _ in range(count):
        if at + _CENTRAL.size > len(data) - _END.size:
            return None
        found = _CENTRAL.unpack_from(data, at)
        length, long = found[9], found[10]
        name = data[at + _CENTRAL.size : at + _CENTRAL.size + long]
        if found[0] != _CENTRAL_MARK or found[16] != begin:
            return None
        places.append(
            _MemberPlace(name, begin, begin + _LOCAL.size + long, begin + _LOCAL.size + long + length)
        )
        at, begin = at + _CENTRAL.size + long, places[-1].end
    return places if begin == offset and at == offset + size and _are_names(places) else None


def _by_headers(data: bytes) -> list[_MemberPlace] | None:
    """Return the places of members as the header before each has them; None unless they follow one another."""
    places: list[_MemberPlace] = []
    at = 0
    while data[at : at + 4] == _LOCAL_MARK and len(places) < MAX_MEMBERS and at + _LOCAL.size <= len(data):
        found = _LOCAL.unpack_from(data, at)
        length, long = found[8], found[9]
        begin = at + _LOCAL.size + long
        places.append(_MemberPlace(data[at + _LOCAL.size : begin], at, begin, begin + length))
        at = places[-1].end
    directory = sum(_CENTRAL.size + len(place.name) for place in places) + _END.size
    return places if places and at + directory == len(data) and _are_names(places) else None


def _are_names(places: Sequence[_MemberPlace]) -> bool:
    """Return whether names are of their form, each once and in their order."""
    return all(_NAME.fullmatch(place.name) for place in places) and all(
        one.name < other.name for one, other in pairwise(places)
    )


def _lists_itself(data: bytes, places: Sequence[_MemberPlace]) -> bool:
    sums = next((data[one.begin : one.end] for one in places if one.name == b"sha256sums.txt"), b"")
    return all(b"  " + one.name + b"\n" in sums for one in places if one.name != b"sha256sums.txt")


def _faults(data: bytes, places: Sequence[_MemberPlace]) -> Iterator[str]:
    directory_at = places[-1].end
    at = directory_at
    for place in places:
        name, long = place.name.decode("ascii"), len(place.name)
        length, header = place.end - place.begin, data[place.header : place.begin]
        checksum = crc32(data[place.begin : place.end])
        central = data[at : at + _CENTRAL.size + long]
        said = {header[14:18], central[16:20]}
        if len(said) == 1 and said != {struct.pack("<I", checksum)}:
            # Both say the same sum, and it is not that of the bytes: those were changed.
            [checksum] = struct.unpack("<I", said.pop())
            yield f"`{name}` was changed"
        if header != _local(place.name, checksum, length):
            yield f"the header of `{name}` in the archive was changed"
        if central != _central(place.name, checksum, length, place.header):
            yield f"the archive's directory was changed where it names `{name}`"
        at += _CENTRAL.size + long
    if data[at:] != _end(len(places), at - directory_at, directory_at):
        yield "the end of the archive's directory was changed"
