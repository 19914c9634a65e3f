"""The filing of what recipients attest: disclosures and receipts.

Disclosures are made after release. Receipts are of deletion.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import uuid4

from wicketgate.base.errors import InputError, StreamError
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import disclosure_fact, receipt_fact
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import (
    demand_disclosure,
    demand_receipt,
    may_pass_on,
    receipt_counts,
)
from wicketgate.regime.obligations.values import Disclosure, Receipt
from wicketgate.regime.standing import in_force_from

_PATIENCE_S = 30.0
_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosureSaid:
    """A disclosure in its recipient's words.

    Its texts and the number of rows were checked before.
    """

    authority: str
    to: str
    law: str
    rows: int
    version: int | None = None
    made_us: int | None = None
    case: str = ""
    reason: str = ""
    id: str = ""


class DisclosureFiling:
    """The filing of disclosures and receipts, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def disclose(self, said: DisclosureSaid) -> Disclosure:
        """Record a disclosure of rows.

        An attempt that the authority does not allow is recorded as refused.

        Parameters
        ----------
        said : DisclosureSaid
            Of an authority of the unit that says so: the caller sees to it.

        Returns
        -------
        Disclosure
            As it was recorded, or as it was when its `id` came before.

        Raises
        ------
        InputError
            `more-than-released`, `clock-ahead`; `id-conflict` where the `id` was given to another disclosure;
            `malformed` for a version that there is not. Then nothing was recorded.

        Notes
        -----
        That an authority has ended, however it ended, refuses nothing: what left must be known.
        """
        known = self._known(said)
        if known is not None:
            await self._durable(known.commit)
            return known

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            disclosure = self._judged(said, state, at_us, sequence)
            return Transaction(at_us=at_us, facts=(disclosure_fact(disclosure),), disclosure=disclosure)

        _, transaction = await self._commits.commit(build)
        assert transaction.disclosure is not None
        return transaction.disclosure

    def _known(self, said: DisclosureSaid) -> Disclosure | None:
        held = self._commits.staged.held.get(said.authority)
        if not said.id or held is None:
            return None
        known = next((one for one in held.disclosures if one.id == said.id), None)
        if known is None:
            return None
        # Of the texts that are not kept nobody can say whether they are the same.
        version = known.version if said.version is None else said.version
        if (known.version, known.to, known.law, known.rows) != (version, said.to, said.law, said.rows):
            raise InputError("this `id` was given to another disclosure", code="id-conflict")
        return known

    async def _durable(self, commit: int) -> None:
        """Wait for the commits of an earlier request.

        Nothing is answered before it is durable.
        """
        waited_s = 0.0
        while self._commits.committed.sequence < commit:
            if waited_s > _PATIENCE_S:
                raise StreamError("the store does not answer")
            await asyncio.sleep(_PAUSE_S)
            waited_s += _PAUSE_S

    def _judged(self, said: DisclosureSaid, state: State, at_us: int, sequence: int) -> Disclosure:
        moment = RegimeAt(state.regime, self._commits.parsed, at_us)
        named = state.authorities[said.authority]
        number = moment.current(named) + 1 if said.version is None else said.version
        if not 0 < number <= len(named.versions):
            raise InputError(f"`{said.authority}` has no version {number}")
        version = named.versions[number - 1]
        authority = moment.authority(version)
        made_us = at_us if said.made_us is None else said.made_us
        refused = not may_pass_on(authority, said.to)
        if not refused:
            demand_disclosure(
                rows=said.rows,
                released=state.feeds[said.authority].rows,
                made_us=made_us,
                from_us=in_force_from(version, authority),
                at_us=at_us,
                version=number,
            )
        return Disclosure(
            id=said.id or uuid4().hex,
            authority=said.authority,
            version=number,
            to=said.to,
            law=said.law,
            rows=said.rows,
            made_us=made_us,
            said_us=at_us,
            status=moment.status(named, number - 1),
            commit=sequence,
            refused=refused,
            case=said.case,
            reason=said.reason,
        )

    async def receive(
        self, name: str, deleted_us: int, *, method: str, by: str, token: str, rows: int | None = None
    ) -> Receipt:
        """Record the deletion of everything released by an authority before a time.

        Raises
        ------
        InputError
            `clock-ahead`, or `already-attested` where a receipt reached further.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            held = state.held.get(name)
            attested_us = held.receipts[-1].deleted_us if held is not None and held.receipts else 0
            demand_receipt(deleted_us=deleted_us, attested_us=attested_us, at_us=at_us)
            receipt = Receipt(
                authority=name,
                deleted_us=deleted_us,
                until_us=receipt_counts(deleted_us),
                method=method,
                by=by,
                rows=rows,
                token=token,
                said_us=at_us,
                commit=sequence,
            )
            return Transaction(at_us=at_us, facts=(receipt_fact(receipt),), receipt=receipt)

        _, transaction = await self._commits.commit(build)
        assert transaction.receipt is not None
        return transaction.receipt
