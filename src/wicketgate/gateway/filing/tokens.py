"""The filing of tokens, issued and withdrawn by name."""

from __future__ import annotations

import hashlib
import secrets

from wicketgate.commits.state import State
from wicketgate.commits.transactions import TokenIssued, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import token_fact, token_withdrawn_fact
from wicketgate.gateway.projections import Projections


class TokenFiling:
    """The filing of the admin's tokens, over the commits of one gateway."""

    def __init__(self, commits: Commits, projections: Projections) -> None:
        self._commits = commits
        self._projections = projections

    async def issue_token(self, name: str) -> str:
        """Issue a fresh token under a name.

        Only its hash is kept.
        """
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            fact = token_fact(name, digest, sequence)
            return Transaction(at_us=at_us, facts=(fact,), token=TokenIssued(name=name, sha256=digest))

        await self._commits.commit(build)
        return token

    async def withdraw_tokens(self, name: str) -> None:
        """Withdraw every token of a name."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            fact = token_withdrawn_fact(name, sequence)
            return Transaction(at_us=at_us, facts=(fact,), token=TokenIssued(name=name, sha256=""))

        await self._commits.commit(build)
        for feed in self._projections.feeds.values():
            feed.wake()  # whoever waits with such a token is told
