"""The structs of the API's answers on tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from wicketgate.base.shapes import about


class TokenName(Struct, frozen=True, kw_only=True):
    """A name of tokens."""

    name: Annotated[
        str,
        about("`source:<organisation>`, `recipient:<organisation>/<unit>`, `overseer:<office>` or `admin`."),
    ]


class Token(Struct, frozen=True, kw_only=True):
    """A fresh token. It is shown once; only its hash is kept."""

    name: str
    token: str


class TokensOfName(Struct, frozen=True, kw_only=True):
    """A name that has tokens."""

    name: str
    tokens: Annotated[int, about("How many are good; none of them can be shown again.", minimum=1)]


class TokensShown(Struct, frozen=True, kw_only=True):
    """The names that have tokens, in their order."""

    names: list[TokensOfName]
