"""The filing of signed documents, and of how their authorities and consultations stand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import canonical, envelope_mapping, parse_envelope
from wicketgate.commits.cameras import cameras_in_scope
from wicketgate.commits.past_figures import PastFigures
from wicketgate.commits.state import State
from wicketgate.commits.transactions import DocumentTaken, Transaction
from wicketgate.commits.writer import MOST_TOLD, Build, Commits, telling
from wicketgate.gateway.filing.facts import submitted_fact
from wicketgate.gateway.projections import Projections
from wicketgate.ledger.tiles import MAX_ENTRY_BYTES
from wicketgate.regime.admission.admit import entry_members, examine, scope_of
from wicketgate.regime.admission.judgement import Judgement
from wicketgate.regime.admitted import Admitted, Stood
from wicketgate.regime.documents.acts import Review
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.document import SignedDocument, open_envelope
from wicketgate.regime.documents.signatures import require_known_signer
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import reviewed_from

log = logging.getLogger(__name__)

_NOTHING_FOUND = Admitted()
_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


class Filing:
    """The filing of signed documents, over the commits of one gateway."""

    def __init__(self, commits: Commits, projections: Projections, clock: Clock) -> None:
        self._commits = commits
        self._projections = projections
        self._clock = clock

    async def submit(self, envelope: bytes, by: str = "") -> tuple[int, int]:
        """Take a signed document.

        Parameters
        ----------
        by : str
            The person who hands it in, of whom a fact is left; empty of a machine.

        Returns
        -------
        int, int
            Its ledger entry, and from when it is in force, microseconds.

        Raises
        ------
        DocumentRefused
            With one of the codes of docs/spec/documents.md; then nothing has changed.
        """
        document = self._opened(envelope)
        value = document.value
        taking = Taking(envelope, document, self._commits.parsed, by)
        if isinstance(value, Review):
            await self._read_past(taking, value)
        if isinstance(value, Authority) and value.name not in self._projections.feeds:
            # Its feed must be there before its first batch, and only one that will be taken may make a stream.
            staged = self._commits.staged
            taking.judge(staged, max(self._clock.now_us(), staged.at_us))
            await self._projections.open_feed(value.name)
        sequence, transaction = await self._commits.commit(taking.build)
        taken = transaction.document
        assert taken is not None
        in_force_us = transaction.at_us
        if isinstance(value, Authority):
            in_force_us = max(in_force_us, value.valid_from_us)
        else:
            for feed in self._projections.feeds.values():
                feed.wake()  # a revocation, a stay, a charter that withdraws a key: whoever waits is told
        log.info("%s took effect as entry %d, commit %d", document.kind, taken.entry, sequence)
        return taken.entry, in_force_us

    async def _read_past(self, taking: Taking, review: Review) -> None:
        """Read the figures of closed months that a review attaches."""
        state = self._commits.committed
        named = state.authorities.get(review.authority)
        if named is None or not state.months:
            return
        version = named.versions[-1]
        since_us = reviewed_from(version, self._commits.parsed.authority(version))
        past = PastFigures(self._projections.ledger, state, since_us)
        taking.past = await asyncio.to_thread(past.read)

    def _opened(self, data: bytes) -> SignedDocument:
        try:
            envelope = parse_envelope(data)
        except InputError as error:
            raise DocumentRefused(str(error)) from error
        require_known_signer(envelope, self._commits.parsed.charter(self._commits.staged))
        return open_envelope(envelope)

    def tell(self) -> list[str]:
        """Commit how authorities and consultations stand, where the ledger tells otherwise.

        Returns
        -------
        list of str
            The authorities among them, by name.

        Notes
        -----
        The gate decides by the dates themselves and waits for nothing: this tells the public. A crash before it leaves
        it to be told by the next start, at its time.
        """
        state = self._commits.staged
        if not state.charter_envelope:
            return []
        at_us = max(self._clock.now_us(), state.at_us)
        found = RegimeAt(state.regime, self._commits.parsed, at_us).untold()
        for first in range(0, len(found), MOST_TOLD):
            with contextlib.suppress(InputError):  # it stands again as it was told
                self._commits.commit(self._telling(found[first : first + MOST_TOLD]))
        return [stood.about for stood in found if stood.version]

    def _telling(self, about: Sequence[Stood]) -> Build:
        names = {stood.about for stood in about}

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            moment = RegimeAt(state.regime, self._commits.parsed, at_us)
            changes = [one for one in moment.untold() if one.about in names]
            if not changes:
                raise InputError("nothing stands otherwise")
            return telling(state, at_us, changes)

        return build


class Taking:
    """A document on its way in.

    It may be judged more than once until it is taken.

    What does not hang on the time, that its signatures are good and what its powers widen, is found anew only when
    other documents or cameras took effect in between.

    Parameters
    ----------
    parsed : Parsed
        Where it is kept opened once it is taken.
    by : str
        The person who hands it in; empty of a machine.

    Attributes
    ----------
    past : PastFigures or None
        Of a review, the figures published so far, where months of them are closed: the state holds those no more.
    """

    def __init__(self, envelope: bytes, document: SignedDocument, parsed: Parsed, by: str = "") -> None:
        self._by = by
        self._envelope = envelope
        self._document = document
        self._parsed = parsed
        self.past: PastFigures | None = None
        self._judged: tuple[int, Judgement] | None = None  # and on which revision of the state

    def build(self, state: State, at_us: int, sequence: int) -> Transaction:
        """Return the document's transaction.

        The document takes effect by it. This is a `Build`.
        """
        transaction = self.judge(state, at_us)
        self._parsed.keep(self._envelope, self._document)
        if self._by:
            facts = (*transaction.facts, submitted_fact(sequence, state.entries, self._by))
            return msgspec.structs.replace(transaction, facts=facts)
        return transaction

    def judge(self, state: State, at_us: int) -> Transaction:
        """Judge the document and return its transaction.

        The document would take effect by it. It is refused with a code of docs/spec/documents.md.
        """
        document, before = self._document, None
        if self._judged is not None and self._judged[0] == state.revision:
            before = self._judged[1]
        scope = scope_of(document)
        judgement = examine(
            RegimeAt(state.regime, self._parsed, at_us),
            document,
            cameras=0 if scope is None else cameras_in_scope(state.cameras, scope),
            next_entry=state.entries,
            figures=(*self._traffic(state), *(period.figures for period in state.targeting_periods)),
            before=before,
        )
        self._judged = state.revision, judgement
        admitted = judgement.admitted
        more = entry_members(document.kind, admitted)
        return document_transaction(self._envelope, document, state.entries, at_us, admitted, more)

    def _traffic(self, state: State) -> Iterable[Mapping[str, Any]]:
        if self.past is not None:
            return self.past.until(state)
        return (period.figures for period in state.periods)


def document_transaction(
    envelope: bytes,
    document: SignedDocument,
    entry: int,
    at_us: int,
    admitted: Admitted = _NOTHING_FOUND,
    more: Mapping[str, Any] = _NO_MEMBERS,
) -> Transaction:
    """Return the transaction of a signed document.

    The document is entry `entry` of the ledger. DocumentRefused if it is too large.

    Parameters
    ----------
    document : SignedDocument
        What `envelope` holds.
    more : mapping
        What its entry says besides (`admission.admit.entry_members`).
    """
    signed = envelope_mapping(document.envelope)
    body = canonical({"kind": "document", "at": rfc3339(at_us), "envelope": signed, **more})
    if len(body) > MAX_ENTRY_BYTES:
        raise DocumentRefused(f"with its signatures it takes {len(body)} bytes of at most {MAX_ENTRY_BYTES}")
    return Transaction(
        at_us=at_us,
        first_entry=entry,
        entries=(body,),
        document=DocumentTaken(envelope=envelope, entry=entry, admitted=admitted),
    )
