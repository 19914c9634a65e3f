"""Failed sign-ins, counted by peer: who failed too often waits, and nobody else does."""

from __future__ import annotations

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.http.rates import Rate, RateUse

FAILURES = 10
"""Failed sign-ins that a peer has in hand."""
FAILURE_EVERY_US = 6 * SECOND_US
"""How soon one of them comes back."""

_RATE = Rate(burst=FAILURES, every_us=FAILURE_EVERY_US)
_PEERS = 10_000


class TooManyFailures(InputError):
    """An excess of failed sign-ins from a peer.

    `retry_s` says when the next one is answered for what it is.
    """

    code = "too-many-failures"

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"too many failed sign-ins from here: try again in {retry_s} s")
        self.retry_s = retry_s


class Failures:
    """The failures of every peer (`peers.peer_of`); of the 10,000 that failed last."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._used)

    def demand(self, peer: str, now_us: int) -> RateUse:
        """Return what one more failure of a peer would use; TooManyFailures where it has none in hand."""
        use = RateUse(self._used.get(peer, 0), now_us, _RATE)
        if use.wait_s:
            raise TooManyFailures(use.wait_s)
        return use

    def count(self, peer: str, now_us: int) -> None:
        """Count a failure; TooManyFailures where the peer has none in hand, and then it is not counted."""
        use = self.demand(peer, now_us)
        self._used.pop(peer, None)
        self._used[peer] = use.after_us
        while len(self._used) > _PEERS:
            del self._used[next(iter(self._used))]
