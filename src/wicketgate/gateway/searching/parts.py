"""What the questions of a gateway stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wicketgate.base.clock import Clock
from wicketgate.commits.writer import Commits
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.searching.store import AnswerStore

if TYPE_CHECKING:
    from wicketgate.gateway.history.role import HistoryRole


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParts:
    """What the questions of a gateway stand on.

    Attributes
    ----------
    history : callable
        Returns the history that is kept here; None where none is.
    """

    commits: Commits
    clock: Clock
    entitlement: Entitlement
    looks: LookFiling
    history: Callable[[], HistoryRole | None]
    store: AnswerStore
