"""Compress what is to be encrypted, and hide by how much. Pure.

The length of what is encrypted is seen by whoever sees the file. How well something compresses tells of what is in it,
so what is compressed is filled up to one of few lengths (docs/decisions/0037-growth.md).
"""

from __future__ import annotations

import threading

import zstandard

from wicketgate.base.errors import InputError

_PLAIN, _LARGE, _SMALL = b"\x00", b"\x01", b"\x02"
_NOT_WORTH = 64
_SMALL_BYTES = 4096
"""What is smaller is compressed beside `_WORDS`: there is little in it to learn from."""
_LEVEL = 1
_STEP = 64
"""A plate that stands among others already takes some ten bytes less: much less than a step."""
_WORDS = b"".join(
    (
        b"\x83\xa5facts\x93\xc4\xee",
        b'{"accepted":1,"commit":1000,"kind":"decision","quarantined":{},"reads":1,"refused":[{"authority":"x-bulk@1",',
        b'"reason":"out-of-scope","rows":1}],"repeated":0,"salt":"0000000000000000","withheld":0}',
        b'{"authority":"x-bulk@1","batch":1000,"commit":1000,"kind":"release","released_at":"2026-12-01T00:00:00.0000Z"',
        b',"root":"0000000000000000","rows":1,"salt":"0000000000000000"}\x82\xa4rows\xc5\x01\x12\x01\x8e\xa6camera\xc4',
        b"\x08\xabcaptured_us\xc4\x08\xabreceived_us\xc4\x08\xa9plate_key\xc4\x08\xa5plate\x91\xa7AB12CDE\xaaconfidence",
        b'\xc4\x08\xa4lane\xa11\xa9direction\xa9"towards"\xa7vehicle\xc0\xa3key\xc4\x18\xa5patch\xc0\xa8overview\xc0',
        b"\xa5marks\xc0\xa5again\xc4\x01\x00\xa6intake\x84\xa8accepted\x80\xa8repeated\x80\xabquarantined\x80\xa6unkept",
        b'\x80"hit":{"id":"0000","voi":"","kind":"","quality":"exact","late":false},"patch_image":{"ref":"","sha256":"',
        b'","type":"image/jpeg","bytes":},"make":"","model":"","colour":"","kind":"car","again":true,"ref":"',
        b'{"batch":1000,"authority":"x-bulk@1","commit":1000,"rows":1,"root":"0000000000000000","sha256":"0000000000000000"',
        b',"released_at":"2026-12-01T00:00:00.000000Z","promise":{"salt":"0000000000000000","second":"2026-12-01T00:00:00Z"',
        b',"merge_by":"2026-12-01T00:00:05Z","signature":"AAAAAAAAAAAAAAAA=="}}\n{"seq":1000,"salt":"0000000000000000",',
        b'"authority":"x-bulk@1","read":{"plate":"AB12CDE","confidence":0.9,"captured_at":"2026-12-01T00:00:00.000000Z",',
        b'"source":"x","camera":"x-0001","camera_name":"Camera 1","position":[-0.1,51.5],',
        b'"lane":1,"direction":"towards"}}\n',
    )
)
"""What transactions of a few reads have in common. It is part of the stored form, and never changes: another form has
other words."""


class _Coders(threading.local):
    """The compressors of one thread; none may be used by two."""

    def __init__(self) -> None:
        words = zstandard.ZstdCompressionDict(_WORDS, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        self.pack_large = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.pack_small = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=words, write_dict_id=False
        ).compress
        self.unpack_large = zstandard.ZstdDecompressor().decompress
        self.unpack_small = zstandard.ZstdDecompressor(dict_data=words).decompress


_coders = _Coders()


def pack(data: bytes) -> bytes:
    """Return data compressed, where that is worth it, and filled up to a length that says little of it.

    >>> len(pack(b"a" * 100)), len(pack(bytes(range(100)))), unpack(pack(b"a" * 100)) == b"a" * 100
    (64, 101, True)
    """
    if len(data) >= _NOT_WORTH:
        small = len(data) < _SMALL_BYTES
        packed = (_coders.pack_small if small else _coders.pack_large)(data)
        length = _filled(1 + len(packed))
        if length < len(data):
            return (_SMALL if small else _LARGE) + packed.ljust(length - 1, b"\0")
    return _PLAIN + data


def unpack(packed: bytes) -> bytes:
    """Return what was packed.

    Raises
    ------
    InputError
        If it is nothing that `pack` returned.
    """
    lead = packed[:1]
    if lead == _PLAIN:
        return packed[1:]
    try:
        if lead == _LARGE:
            return _coders.unpack_large(packed[1:])
        if lead == _SMALL:
            return _coders.unpack_small(packed[1:])
    except zstandard.ZstdError as error:
        raise InputError("what is packed is damaged") from error
    raise InputError("what is packed is of no form that this version knows")


def _filled(length: int) -> int:
    """Return the next of few lengths: a multiple of 64, with as many bits set in front as its size has bits.

    So of n bytes a length tells O(log log n) bits, at the price of an eighth at most where they are many (Padmé:
    Nikitin and others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019).
    """
    exponent = length.bit_length() - 1
    step = max(_STEP, 1 << max(exponent - exponent.bit_length(), 0))
    return -(-length // step) * step
