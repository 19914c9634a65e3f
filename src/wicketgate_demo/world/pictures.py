"""The pictures of invented plates, as small JPEG files.

They are put together from blocks that were coded once.

A picture of a plate is made of 8x8 blocks of which there are few kinds. Each is transformed and coded at its first use
(ITU-T T.81, baseline, the tables of its Annex K); a picture is then the codes of its blocks one after another.
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wicketgate_demo.world.vehicles import spaced

PATCH_SIZE: Final = (136, 56)
OVERVIEW_SIZE: Final = (320, 176)
SCENES: Final = 12
"""Overviews that differ."""

_QUANTISERS: Final = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_DC_COUNTS: Final = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
_DC_VALUES: Final = bytes(range(12))
_AC_COUNTS: Final = (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125)
_AC_VALUES: Final = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f0"
    "2433627282090a161718191a25262728292a3435363738393a434445464748494a"
    "535455565758595a636465666768696a737475767778797a838485868788898a"
    "92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6"
    "c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_ZIGZAG: Final = tuple(
    sorted(
        ((row, column) for row in range(8) for column in range(8)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
)
# Letters and digits of seven rows of five points, a row in five bits.
_FONT: Final = {
    character: tuple(int(rows[2 * n : 2 * n + 2], 16) for n in range(7))
    for character, rows in {
        "0": "0e11131519110e",
        "1": "040c040404040e",
        "2": "0e11010204081f",
        "3": "1f02040201110e",
        "4": "02060a121f0202",
        "5": "1f101e0101110e",
        "6": "0608101e11110e",
        "7": "1f010204080808",
        "8": "0e11110e11110e",
        "9": "0e11110f01020c",
        "A": "0e11111f111111",
        "B": "1e11111e11111e",
        "C": "0e11101010110e",
        "D": "1c12111111121c",
        "E": "1f10101e10101f",
        "F": "1f10101e101010",
        "G": "0e11101711110f",
        "H": "1111111f111111",
        "I": "0e04040404040e",
        "J": "0702020202120c",
        "K": "11121418141211",
        "L": "1010101010101f",
        "M": "111b1515111111",
        "N": "11191513111111",
        "O": "0e11111111110e",
        "P": "1e11111e101010",
        "Q": "0e11111115120d",
        "R": "1e11111e141211",
        "S": "0f10100e01011e",
        "T": "1f040404040404",
        "U": "1111111111110e",
        "V": "11111111110a04",
        "W": "11111115151b11",
        "X": "11110a040a1111",
        "Y": "1111110a040404",
        "Z": "1f01020408101f",
        " ": "00000000000000",
    }.items()
}
_LIGHT, _DARK = 226, 24
_CELL_BLOCKS = 2  # a character is 16 points wide: five of two, and a margin
_FRONT_ROWS = 5  # of 8 points: seven rows of five points, and a margin

Block = tuple[int, str]
"""The quantised mean of a block, and the bits of the rest."""


def _codes(counts: tuple[int, ...], values: bytes) -> dict[int, str]:
    """Return the bits of each value of a Huffman table.

    T.81, Annex C.
    """
    found: dict[int, str] = {}
    code = at = 0
    for length, count in enumerate(counts, 1):
        for value in values[at : at + count]:
            found[value] = format(code, f"0{length}b")
            code += 1
        at += count
        code <<= 1
    return found


_DC = _codes(_DC_COUNTS, _DC_VALUES)
_AC = _codes(_AC_COUNTS, _AC_VALUES)
_COSINES = np.array(
    [
        [math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5) for x in range(8)]
        for u in range(8)
    ]
)
_DIVISORS = np.array(_QUANTISERS, dtype=np.float64)
_ORDER = np.array([8 * row + column for row, column in _ZIGZAG])


def _bits(value: int) -> tuple[int, str]:
    """Return a number's category and its further bits."""
    size = abs(value).bit_length()
    if not size:
        return 0, ""
    return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b")


def _coded(points: NDArray[np.float64]) -> list[Block]:
    """Return the 8x8 blocks of a picture, row after row.

    Its points are 0 to 255.
    """
    height, width = points.shape
    blocks = points.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)
    numbers = np.rint(_COSINES @ (blocks - 128.0) @ _COSINES.T / _DIVISORS).astype(np.int64)
    ordered = numbers.reshape(-1, 64)[:, _ORDER]
    return [(means, _rest_bits(tuple(rest))) for means, *rest in ordered.tolist()]


@functools.cache
def _rest_bits(numbers: tuple[int, ...]) -> str:
    """Return the bits of a block but for its mean."""
    out: list[str] = []
    zeros = 0
    for value in numbers:
        if not value:
            zeros += 1
            continue
        out.extend([_AC[0xF0]] * (zeros // 16))
        size, extra = _bits(value)
        out.append(_AC[zeros % 16 << 4 | size] + extra)
        zeros = 0
    if zeros:
        out.append(_AC[0])
    return "".join(out)


@functools.cache
def _mean_bits(difference: int) -> str:
    size, extra = _bits(difference)
    return _DC[size] + extra


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


@functools.cache
def _heading(width: int, height: int) -> bytes:
    """Return everything before the comment: one component, eight bits."""
    table = bytes(_QUANTISERS[row][column] for row, column in _ZIGZAG)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
        + _segment(0xDB, b"\0" + table)
        + _segment(0xC0, b"\x08" + size + b"\x01\x01\x11\0")
        + _segment(0xC4, b"\0" + bytes(_DC_COUNTS) + _DC_VALUES)
        + _segment(0xC4, b"\x10" + bytes(_AC_COUNTS) + _AC_VALUES)
    )


def _file(width: int, height: int, blocks: list[Block], comment: str) -> bytes:
    out: list[str] = []
    before = 0
    for mean, rest in blocks:
        out.append(_mean_bits(mean - before))
        out.append(rest)
        before = mean
    text = "".join(out)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    return (
        _heading(width, height)
        + _segment(0xFE, comment.encode("ascii", "replace")[:200])
        + _segment(0xDA, b"\x01\x01\0\0\x3f\0")
        + scan
        + b"\xff\xd9"
    )


# --- plates -----------------------------------------------------------------------------------------------


@functools.cache
def _glyph(character: str, light: int) -> tuple[tuple[Block, ...], ...]:
    """Return the blocks of one character, row after row.

    The character stands on its ground.
    """
    blocks = 1 if character == " " else _CELL_BLOCKS
    ground = np.full((8 * _FRONT_ROWS, 8 * blocks), light, dtype=np.float64)
    for row, bits in enumerate(_FONT.get(character, _FONT[" "])):
        for column in range(5):
            if bits >> (4 - column) & 1:
                ground[2 + 5 * row : 7 + 5 * row, 3 + 2 * column : 5 + 2 * column] = _DARK
    coded = _coded(ground)
    return tuple(tuple(coded[blocks * row : blocks * (row + 1)]) for row in range(_FRONT_ROWS))


@functools.cache
def _plain(light: int) -> Block:
    return _coded(np.full((8, 8), light, dtype=np.float64))[0]


def patch(plate: str, comment: str, light: int = _LIGHT) -> bytes:
    """Return the picture of a plate, 136x56 points, 1 to 3 KB.

    Parameters
    ----------
    plate : str
        What the plate really says, at most seven characters.
    comment : str
        What the device writes into the file: a picture of its own for each read. Never a plate.
    light : int
        The ground, 0 to 255.

    Notes
    -----
    About 60 µs once the characters are known.
    """
    width, height = PATCH_SIZE
    across = width // 8
    ground = _plain(light)
    cells = [_glyph(character, light) for character in spaced(plate)[:8]]
    used = sum(len(cell[0]) for cell in cells)
    left = (across - used) // 2
    right = across - used - left
    blocks = [ground] * across
    for row in range(_FRONT_ROWS):
        blocks.extend([ground] * left)
        for cell in cells:
            blocks.extend(cell[row])
        blocks.extend([ground] * right)
    blocks.extend([ground] * (across * (height // 8 - 1 - _FRONT_ROWS)))
    return _file(width, height, blocks, comment)


# --- overviews --------------------------------------------------------------------------------------------


@functools.cache
def _scene(number: int) -> tuple[Block, ...]:
    """Return a street with one vehicle, in greys."""
    width, height = OVERVIEW_SIZE
    points = np.empty((height, width), dtype=np.float64)
    horizon = 56
    points[:horizon] = np.linspace(205, 180, horizon)[:, None]
    points[horizon:] = np.linspace(92, 118, height - horizon)[:, None]
    for house in range(8):
        points[20 + (house * 13 + number * 7) % 24 : horizon, 40 * house : 40 * house + 34] = 140 - 6 * house
    points[horizon:, 156:164] = 200
    left, top = 40 + 16 * (number % 6), 80 + 8 * (number // 6)
    shade = 40 + 12 * number
    points[top : top + 56, left : left + 104] = shade
    points[top + 8 : top + 24, left + 16 : left + 88] = 170
    points[top + 48 : top + 64, left + 8 : left + 24] = 20
    points[top + 48 : top + 64, left + 80 : left + 96] = 20
    points[top + 36 : top + 44, left + 36 : left + 68] = 230
    return tuple(_coded(points))


@functools.cache
def _scene_parts(number: int) -> tuple[bytes, bytes]:
    """Return an overview's bytes before and behind its comment."""
    whole = _file(*OVERVIEW_SIZE, list(_scene(number)), "")
    at = len(_heading(*OVERVIEW_SIZE))
    return whole[:at], whole[at + 4 :]


def overview(number: int, comment: str) -> bytes:
    """Return the picture of a street with a vehicle.

    It has 320x176 points and at most 5 KB.

    Parameters
    ----------
    number : int
        Which of the `SCENES`; taken modulo.
    comment : str
        As for `patch`.
    """
    before, behind = _scene_parts(number % SCENES)
    return before + _segment(0xFE, comment.encode("ascii", "replace")[:200]) + behind
