"""The filing of what a recipient's custody says of itself: checkpoints of its journal, each going on from the last."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import custody_fact
from wicketgate.ledger.merkle import verify_consistency
from wicketgate.regime.charter import AS_BULK
from wicketgate.regime.obligations.values import CustodyCheckpoint


class CustodyFiling:
    """The filing of custody's checkpoints, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def checkpoint(
        self, name: str, *, size: int, root: bytes, consistency: Sequence[bytes], batch: int, token: str
    ) -> CustodyCheckpoint:
        """Record how far the custody of an authority has come.

        Parameters
        ----------
        name : str
            The authority's, of the unit that says so: the caller sees to it.
        consistency : sequence of bytes
            The proof (RFC 9162, section 2.1.4) that the journal goes on from the last checkpoint; empty for the first.
        batch : int
            Up to which batch it has kept what was released.

        Raises
        ------
        InputError
            `custody-not-extended` where the journal is no continuation; `more-than-released`. Nothing was recorded.
        NotEntitled
            For an authority that is not of mode bulk.
        """

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            self._demand(state, name, size, root, consistency, batch)
            taken = CustodyCheckpoint(
                authority=name,
                size=size,
                root=root.hex(),
                batch=batch,
                token=token,
                said_us=at_us,
                commit=sequence,
            )
            return Transaction(at_us=at_us, facts=(custody_fact(taken),), custody=taken)

        _, transaction = await self._commits.commit(build)
        assert transaction.custody is not None
        return transaction.custody

    def _demand(
        self, state: State, name: str, size: int, root: bytes, consistency: Sequence[bytes], batch: int
    ) -> None:
        versions = state.authorities[name].versions
        if any(self._commits.parsed.authority(version).mode not in AS_BULK for version in versions):
            raise NotEntitled(f"`{name}` is of neither mode bulk nor unlisted: there is no custody of it")
        if batch > state.feeds[name].batches:
            raise InputError("custody says that it has more than was released", code="more-than-released")
        last = state.custody.get(name)
        if last is None:
            continues = not consistency
        else:
            former = bytes.fromhex(last.root)
            continues = last.batch <= batch and verify_consistency(last.size, size, former, root, consistency)
        if not continues:
            raise InputError(
                f"the journal of the custody of `{name}` is no continuation of that of the last checkpoint: keep both, "
                "and tell the overseer",
                code="custody-not-extended",
            )
