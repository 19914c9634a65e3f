"""The answer of one authority on a read, as overseers get it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from wicketgate.base.shapes import about


class AuthorityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one authority on a read."""

    authority: Annotated[
        str, about("`name@version`, the version that counted; the name alone where there was none.")
    ]
    recipient: str | None
    purpose: str | None
    mode: str | None
    allowed: Annotated[bool | None, about("Null where it depends on a hotlist that cannot be asked about.")]
    reason: Annotated[
        str | None,
        about("Why it was refused: a reason of the gate, `no-authority` or `unknown-camera`."),
    ]
    fields: Annotated[tuple[str, ...], about("What leaves of it, if it does.")]
    listed: Annotated[
        bool | None,
        about("Whether its hotlist has an entry for it; null where none was looked at."),
    ]
    words: Annotated[tuple[str, ...], about("The same in sentences, with the documents that it rests on.")]
