"""Read what is durable, without the means to append to it."""

from __future__ import annotations

from typing import Protocol

from wicketgate.commits.state import State
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed


class Durable(Protocol):
    """The fold of what is durable, and its documents opened: all that is shown or answered comes from it."""

    @property
    def committed(self) -> State:
        """The state that everything durable folds to; it goes on with each commit."""

    @property
    def parsed(self) -> Parsed:
        """Where its documents are kept opened."""

    def committed_at(self, at_us: int) -> RegimeAt:
        """Return the regime as it stands at a moment."""
