"""What becomes of a question, as transactions hold it. Pure.

None of it stands in the open: it says whom somebody looked for. docs/spec/state.md.
"""

from __future__ import annotations

import msgspec

from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded


class SearchAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="asked"):
    """A question that was put, and what the law said of it.

    Attributes
    ----------
    id : str
        Random, once for ever.
    authority : str
        `name@version`: the version that counted.
    by : str
        The person, as facts name them.
    question : bytes
        As JSON, in the normal form of `history.questions`.
    salt : bytes
        Random, 16 bytes: with it the hash in the fact tells nobody what was asked.
    signs : tuple of str
        What may be wrong with the reason.
    code : str
        Why it was refused; empty where it was not.
    emergency : str
        Why life is threatened, in words; empty elsewhere.
    approve_by_us : int
        In an emergency, when it must be approved; 0 elsewhere.
    days : int
        Days begun in its span; of scenes the most of one.
    sources : mapping of str to int
        Cameras by source: each is told of the questions on its own.
    elsewhere : bool
        The recipient's custody answers it, and not the gateway's history.
    """

    id: str
    authority: str
    unit: str
    by: str
    question: bytes
    salt: bytes
    kinds: tuple[str, ...]
    offence: str
    case: str
    reason: str
    cameras: int
    camera_days: int
    plates: int | None = None
    signs: tuple[str, ...] = ()
    needs: tuple[ApprovalNeeded, ...] = ()
    counts_first: bool = False
    code: str = ""
    emergency: str = ""
    approve_by_us: int = 0
    days: int = 0
    sources: dict[str, int] = {}
    elsewhere: bool = False


class SearchCounted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="counted"):
    """How many vehicles were told, 9 for nine or fewer, and what is needed since.

    Attributes
    ----------
    counted_to : int
        Reads of later transactions were not counted, and are in no answer: an approval quotes this number.
    gaps : tuple of (int, int, int or None)
        What the history lacked of the question's time: from, until, and how many reads.
    covered_us : int
        The time of the last transaction that was counted; 0 where that is not known.
    """

    id: str
    vehicles: int
    needs: tuple[ApprovalNeeded, ...] = ()
    code: str = ""
    counted_to: int = 0
    authority: str = ""
    gaps: tuple[tuple[int, int, int | None], ...] = ()
    covered_us: int = 0


class SearchStopped(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """A question that the law refused when it was to be run, by a code of `SearchCode` or `approval-needed`."""

    id: str
    code: str
    authority: str


class SearchApproved(msgspec.Struct, frozen=True, kw_only=True, tag="approved"):
    """An approval of one run."""

    id: str
    given: ApprovalGiven


class SearchRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The end of a question that an approver did not let be answered."""

    id: str
    by: str
    office: str
    reason: str
    authority: str


class SearchRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="run"):
    """A run and its answer, before the first page of it.

    Attributes
    ----------
    root : str
        The tree hash over its rows, hexadecimal.
    promise : str
        What whoever asked is given, with the gateway's promise that the ledger has it: JSON, of which the fact is made.
    until_us : int
        How long the answer is kept.
    """

    id: str
    rows: int
    vehicles: int
    root: str
    promise: str
    until_us: int


class AnswerCompared(msgspec.Struct, frozen=True, kw_only=True, tag="compared"):
    """What a custody says of an answer with its run: what it has, and what of it other modes would have released.

    Attributes
    ----------
    rows : int
        Its rows: what mode `search` would have released, and no more of what left in bulk.
    listed : int
        Those whose plate a question under the authority had named before they were captured: mode `match` would have
        released them, had the plate been listed when it was first named.
    """

    id: str
    authority: str
    rows: int
    listed: int


class AnswerLooked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="looked"):
    """A look at a page of an answer, or its export in some form.

    Attributes
    ----------
    authority : str
        Of an answer in a recipient's custody, by whose looks bulk is judged; empty elsewhere.
    """

    id: str
    by: str
    after: int
    rows: int
    form: str = ""
    authority: str = ""


class SearchUnapproved(msgspec.Struct, frozen=True, kw_only=True, tag="unapproved"):
    """An emergency that nobody approved in time: the overseer is told, and the unit may not say so again."""

    id: str
    unit: str
    authority: str


class EmergencyLet(msgspec.Struct, frozen=True, kw_only=True, tag="let"):
    """The overseer's word that a unit may again say that life is threatened."""

    unit: str
    by: str


class AnswerEnded(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The end of an answer: it is kept no longer."""

    id: str


SearchEvent = (
    SearchAsked
    | SearchCounted
    | SearchStopped
    | SearchApproved
    | SearchRefused
    | SearchRun
    | AnswerCompared
    | AnswerLooked
    | SearchUnapproved
    | EmergencyLet
    | AnswerEnded
)
"""What may become of a question."""
