"""One run of an overseer: fetch, verify, open, reconcile, draw and say. Effects at its edge.

Nothing of the gateway receives a key or an opened fact.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wicketgate.base.clock import DAY_US, SECOND_US, SystemClock, rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, VerificationError
from wicketgate.base.signing import Signer, canonical
from wicketgate.clients.oversight.folder import OverseerFolder
from wicketgate.clients.oversight.habits import Habits, Oddity
from wicketgate.clients.oversight.reconciling import Discrepancy, Reconciler
from wicketgate.clients.oversight.sampling import SAMPLED, Sampled, draw, seed_of
from wicketgate.clients.oversight.statement import OverseerStatement, sign_statement
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.report import Report
from wicketgate.clients.verify.run import Opened, verify_url
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import Checkpoint, NoteVerifier, open_checkpoint
from wicketgate.ledger.sealing import Opener
from wicketgate.regime.charter import Charter

_AT_ONCE: Final = 1000
_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_PIECE: Final = 64 * 1024 * 1024


class _OpeningLine(msgspec.Struct):
    number: int
    sealed: str


class Watch:
    """The reader of opened facts: reconciles all, counts all, and gathers what is drawn from.

    Parameters
    ----------
    new_us : int
        Facts of seconds behind it are drawn from: those before were drawn from already.
    """

    def __init__(self, new_us: int) -> None:
        self._new_us = new_us
        self.reconciler = Reconciler()
        self.habits = Habits()
        self.drawn_from: list[Sampled] = []
        self.charter: Charter | None = None
        self.first_us = self.last_us = 0
        self.opened = 0

    def begin(self, charter: Charter) -> None:
        """Take the charter in force."""
        self.charter = charter

    def take(self, second_us: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Take the facts of a second."""
        self.first_us = self.first_us or second_us
        self.last_us = max(self.last_us, second_us)
        self.opened += 1
        self.reconciler.take(second_us, facts)
        self.habits.take(second_us, facts)
        if second_us <= self._new_us:
            return
        for one in facts:
            if one["kind"] in SAMPLED:
                number = leaf_hash(canonical(one)).hex()
                self.drawn_from.append(Sampled(id=number, kind=one["kind"], second_us=second_us, fact=one))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overseen:
    """What a run came to.

    Attributes
    ----------
    report : Report
        That of `verify`.
    drawn : sequence of Sampled
        What is to be looked at closely; empty without a key of the office, which draws it.
    to_review : int
        How many of all that was ever drawn have no finding yet.
    statement : OverseerStatement or None
        What is said publicly; None without a key of the office, or where nothing was opened.
    note : bytes
        The statement, signed.
    """

    report: Report
    fetched: int
    found: tuple[Discrepancy, ...]
    odd: tuple[Oddity, ...]
    drawn: Sequence[Sampled]
    to_review: int
    counts: Mapping[str, int]
    statement: OverseerStatement | None
    note: bytes

    @property
    def ok(self) -> bool:
        """Whether nothing is disputed: what is odd is no fault."""
        return self.report.ok and not self.found


def oversee(
    url: str,
    token: str,
    folder: OverseerFolder,
    opener: Opener,
    *,
    key: NoteVerifier,
    signer: Signer | None = None,
    days: int = 7,
    each: int = 3,
    seen: Sequence[Any] = (),
) -> Overseen:
    """Fetch what is new, verify the log and everything opened, and hold the facts of some days against each other.

    Parameters
    ----------
    token : str
        That of the overseer's office.
    key : NoteVerifier
        The log's key.
    signer : Signer, optional
        The key of the overseer's office: it draws what is reviewed, and signs the statement.
    days : int
        How far back facts are held against each other; what is older was, in an earlier run.
    each : int
        How many facts of every kind are drawn at most.

    Raises
    ------
    Unreachable
        If the gateway cannot be reached.
    ConfigurationError
        If the token, the identity or the key is not an overseer's.
    """
    fetched = fetch_openings(url, token, folder)
    now_us = SystemClock().now_us()
    paths, new_us = folder.within(now_us - days * DAY_US)
    watch = Watch(new_us)
    kept = KeptCheckpoints(folder.checkpoints)
    opened = Opened(paths=tuple(paths), opener=opener, reader=watch) if paths else None
    report = verify_url(url, key=key, openings=opened, kept=kept, seen=tuple(seen))
    found = watch.reconciler.found()
    drawn: Sequence[Sampled] = ()
    statement, note = None, b""
    remembered = kept.last(key)
    if signer is not None and watch.charter is not None and watch.opened and remembered is not None:
        office = _office_of(watch.charter, signer)
        name = rfc3339(now_us).replace(":", "").partition(".")[0]
        drawn = _draw(watch, folder, name, remembered.note, signer, each)
        statement = _state(watch, folder, office, open_checkpoint(remembered.note, [key]), report, found)
        note = sign_statement(statement, signer)
        folder.write_statement(name, note)
    if watch.opened:
        folder.mark_opened(watch.last_us)
    return Overseen(
        report=report,
        fetched=fetched,
        found=found,
        odd=watch.habits.found(),
        drawn=drawn,
        to_review=len({one["id"] for one in folder.drawn()} - folder.reviews().keys()),
        counts={
            "opened": watch.opened,
            "questions": watch.reconciler.questions,
            "answers": watch.reconciler.answers,
            "links": watch.reconciler.links,
            "batches": watch.reconciler.batches,
        },
        statement=statement,
        note=note,
    )


def _draw(
    watch: Watch, folder: OverseerFolder, name: str, note: bytes, signer: Signer, each: int
) -> Sequence[Sampled]:
    """Draw what is looked at closely, and keep it with what anybody needs to draw it again."""
    signature = signer.sign(note)
    drawn = draw(watch.drawn_from, seed_of(signature), each)
    if drawn:
        proof = {"checkpoint": note.decode(), "signature": base64.b64encode(signature).decode()}
        folder.write_drawn(name, drawn, proof)
    return drawn


def _state(
    watch: Watch,
    folder: OverseerFolder,
    office: str,
    checkpoint: Checkpoint,
    report: Report,
    found: Sequence[Discrepancy],
) -> OverseerStatement:
    reviews = folder.reviews()
    return OverseerStatement(
        office=office,
        checkpoint=checkpoint,
        from_us=watch.first_us,
        until_us=watch.last_us + SECOND_US,
        opened=watch.opened,
        false=[check.name for check in report.checked if not check.ok and not check.unreached],
        found=found,
        reviewed=len(reviews),
        not_good=sum(one.verdict == "not-good" for one in reviews.values()),
    )


def fetch_openings(url: str, token: str, folder: OverseerFolder) -> int:
    """Fetch the openings that are new, as they are, sealed; return how many.

    Raises
    ------
    Unreachable
        If the gateway cannot be reached: what was fetched before is kept.
    ConfigurationError
        If the token is no overseer's.
    VerificationError
        If a number comes twice or goes back.
    """
    fetched = 0
    after, numbers, lines = folder.last, [], bytearray()
    with Remote(url, token=token) as remote:
        while True:
            answer = remote.get("/v1/openings", most=_MOST_BYTES, params={"after": after, "limit": _AT_ONCE})
            if answer.status != 200:
                raise ConfigurationError(
                    f"the gateway shows no openings: it answers {answer.status} ({answer.code}); "
                    "is this an overseer's token?"
                )
            page = answer.body.splitlines(keepends=True)
            for line in page:
                number = _number(line)
                if number <= after:
                    raise VerificationError(f"opening {number} comes behind opening {after}")
                after = number
                numbers.append(number)
                lines += line
            fetched += len(page)
            if numbers and (len(page) < _AT_ONCE or len(lines) > _MOST_PIECE):
                folder.add(numbers, bytes(lines))
                numbers, lines = [], bytearray()
            if len(page) < _AT_ONCE:
                return fetched


def _number(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_OpeningLine).number
    except msgspec.DecodeError as error:
        raise InputError("the gateway answers with what is no opening") from error


def _office_of(charter: Charter, signer: Signer) -> str:
    """Return the overseer's office that a key is of."""
    for office in charter.offices.values():
        if office.public == signer.public:
            if office.opening_key is None:
                raise ConfigurationError(f"the key is of {office.id}, which is no overseer's office")
            return office.id
    raise ConfigurationError("the key is of no office that the charter names")
