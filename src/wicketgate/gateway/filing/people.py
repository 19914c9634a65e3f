"""The filing of who people are: openings of what a document commits to, passkeys, sign-ins."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.people import CommitmentOpened, Passkey, PasskeyWithdrawn, PeopleOpened, code_spent
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import passkey_fact, people_opened_fact, signed_in_fact
from wicketgate.gateway.people import Identity, require_fitting
from wicketgate.regime.documents.people import People
from wicketgate.regime.moment import RegimeAt

MOST_OPENINGS = 2_000
"""Openings that can be handed in at once: more than a document of 64 KiB has commitments."""


class PeopleFiling:
    """The filing of people, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    def demand_named(self, organisation: str) -> None:
        """Refuse openings where no document names anybody of an organisation: before they are looked at.

        Raises
        ------
        InputError
            `not-found`.
        """
        if not self._commits.committed.regime.people.get(organisation):
            raise InputError("no document names people of this organisation", code="not-found")

    async def open(self, organisation: str, openings: Sequence[CommitmentOpened], by: str) -> None:
        """Take the openings of an organisation's commitments; where all of them are there already, commit nothing.

        Parameters
        ----------
        openings : sequence of CommitmentOpened
            Each of its own commitment (`gateway.people.require_true`).
        by : str
            The name of the token that handed them in.

        Raises
        ------
        InputError
            `not-found` where nobody of it is named; as `gateway.people.require_fitting`.
        """
        known = self._commits.committed.people.openings.get(organisation, {})
        if all(one.commitment in known for one in openings):
            return  # a commitment is to one value alone

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            if not state.regime.people.get(organisation):
                raise InputError("no document names people of this organisation", code="not-found")
            moment = RegimeAt(state.regime, self._commits.parsed, at_us)
            require_fitting(list(moment.people_standing(organisation)), openings)
            return Transaction(
                at_us=at_us,
                facts=(people_opened_fact(sequence, organisation, len(openings), by),),
                people=PeopleOpened(organisation=organisation, openings=tuple(openings)),
            )

        await self._commits.commit(build)

    async def enrol(self, passkey: Passkey) -> None:
        """Take a passkey that a person enrolled.

        Raises
        ------
        NotEntitled
            `unknown-code` where its code was used meanwhile, or its id is another's.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            spent = code_spent(passkey.organisation, passkey.person, passkey.spent)
            if spent in state.people.spent or passkey.id in state.people.passkeys:
                raise NotEntitled("this code has enrolled a passkey already", code="unknown-code")
            return Transaction(
                at_us=at_us,
                facts=(passkey_fact(sequence, passkey.person, "enrolled", passkey.person),),
                passkey=passkey,
            )

        await self._commits.commit(build)

    async def withdraw(self, passkey_id: str, by: str) -> None:
        """End a passkey.

        Parameters
        ----------
        by : str
            The person, or the name of the token, who says so.

        Raises
        ------
        InputError
            `unknown-passkey` where there is none.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            known = state.people.passkeys.get(passkey_id)
            if known is None:
                raise InputError("no such passkey is enrolled", code="unknown-passkey")
            return Transaction(
                at_us=at_us,
                facts=(passkey_fact(sequence, known.person, "withdrawn", by),),
                passkey=PasskeyWithdrawn(id=passkey_id),
            )

        await self._commits.commit(build)

    async def signed_in(self, identity: Identity, how: str, people: People) -> None:
        """Record that somebody signed in: an overseer who opens the fact learns who the person is."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            opening = state.people.openings.get(identity.organisation, {}).get(identity.person)
            fact = signed_in_fact(sequence, identity.person, identity.name, how, people.reference, opening)
            return Transaction(at_us=at_us, facts=(fact,))

        await self._commits.commit(build)
