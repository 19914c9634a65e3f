"""Disclosures, deletion receipts and checkpoints of custody, as recipients hand them in."""

from __future__ import annotations

import msgspec


class Disclosure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient's word on rows passed on, or refused.

    It says that the recipient passed rows on, or asked to where it may not.

    Attributes
    ----------
    id : str
        Once for each authority.
    to : str
        An organisation; in a refused one whatever was sent.
    made_us, said_us : int
        When it was passed on, and when the gateway was told.
    status : str
        How the version stood when the gateway was told.
    commit : int
        The transaction that holds it.
    refused : bool
        The version does not let it be passed on to them.
    case, reason : str
        As the recipient gave them; the fold keeps neither.
    """

    id: str
    authority: str
    version: int
    to: str
    law: str
    rows: int
    made_us: int
    said_us: int
    status: str
    commit: int
    refused: bool = False
    case: str = ""
    reason: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient's word on a deletion.

    It says that the recipient deleted everything that one authority released before a time.

    Attributes
    ----------
    deleted_us : int
        As it was attested.
    until_us : int
        The midnight before it: as far as it counts, and is published.
    rows : int or None
        How many were deleted, where the recipient says so.
    token : str
        Whose token it was: `by` is that unit's word.
    """

    authority: str
    deleted_us: int
    until_us: int
    method: str
    by: str
    said_us: int
    commit: int
    rows: int | None = None
    token: str = ""


class CustodyCheckpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a recipient's custody of one authority has come, by its own journal.

    Attributes
    ----------
    size : int
        Records of the journal.
    root : str
        The tree hash over them, hexadecimal.
    batch : int
        Up to which batch it has kept what was released.
    token : str
        Whose token it was.
    """

    authority: str
    size: int
    root: str
    batch: int
    token: str
    said_us: int
    commit: int
