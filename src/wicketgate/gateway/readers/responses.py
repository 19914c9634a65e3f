"""The public's responses as a reader shows them: asked of the sequencer, and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.commits.durable import Durable
from wicketgate.commits.transactions import ResponseGiven
from wicketgate.gateway.filing.responses import ResponsesHeld
from wicketgate.gateway.readers.sequencer import Sequencer


class AskedResponses(ResponsesHeld):
    """The responses of one gateway, at a reader."""

    def __init__(self, commits: Durable, sequencer: Sequencer) -> None:
        super().__init__(commits, sequencer.clock)
        self._sequencer = sequencer

    async def read(self, consultation: str, first: int, last: int) -> Sequence[ResponseGiven]:
        """Return the responses from number `first` to `last`, as `Responses.read` does."""
        self.demand_kept(consultation)
        if last < first:
            return ()
        return await self._sequencer.responses(consultation, first, last)
