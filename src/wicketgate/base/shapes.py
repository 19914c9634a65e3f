"""The shapes shared by members of JSON, as the API's description shows them.

Decoding enforces none of them: whoever takes a value checks it, and the description shows the bounds of that check.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta


def about(meaning: str, **keywords: Any) -> Meta:
    """Return a member's words and example for the description.

    Parameters
    ----------
    meaning : str
        A sentence or two.
    **keywords
        Of JSON Schema, such as `maxLength`: bounds that the program checks elsewhere, by the same constant.
    """
    return Meta(description=meaning, extra_json_schema=keywords or None)


def shape(**keywords: Any) -> Meta:
    """Return keywords of JSON Schema alone."""
    return Meta(extra_json_schema=keywords)


Time = Annotated[str, shape(format="date-time")]
"""RFC 3339, with a zone."""
Day = Annotated[str, shape(format="date")]
Hash = Annotated[str, shape(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
Salt = Annotated[str, shape(pattern="^[0-9a-f]{32}$")]
Count = Annotated[int, shape(minimum=0)]
