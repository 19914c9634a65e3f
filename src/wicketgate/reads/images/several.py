"""The form in which several images are asked for and sent at once.

docs/spec/images.md, section 5. Recipients read it with these bounds too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from wicketgate.base.shapes import Count, Hash, about, shape

MOST_REFS = 100
"""References of one request."""
MOST_BYTES = 8 * 1024 * 1024
"""Bytes of images in one answer."""
MOST_ANSWER = MOST_BYTES * 4 // 3 + MOST_REFS * 1024
"""Bytes of an answer, in base64 and with the members of its lines."""
Body = Annotated[bytes, about("Base64.")]


class ImagesAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Images by the references in an authority's rows."""

    refs: Annotated[list[str], shape(minItems=1, maxItems=MOST_REFS)]


class ImageSent(Struct, frozen=True, kw_only=True):
    """One of several images that were asked for."""

    ref: Annotated[str, about("As it was asked for.")]
    sha256: Hash
    type: Annotated[str, shape(enum=["image/jpeg", "image/png"])]
    bytes: Count
    data: Body


class ImageGone(Struct, frozen=True, kw_only=True):
    """One that cannot be had: it is past its term, or no reference of this authority."""

    ref: Annotated[str, about("As it was asked for.")]
    code: Literal["not-found"] = "not-found"
