"""What the site shows: of a gateway, or of a reader that follows one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wicketgate.base.clock import Clock
from wicketgate.commits.durable import Durable
from wicketgate.ledger.facts import FactAnswer
from wicketgate.ledger.folder import LogFolder
from wicketgate.ledger.witnessed import WitnessedNotes


class ShownPlaces(Protocol):
    """Where what is shown lies."""

    @property
    def folder(self) -> Path:
        """The deployment's directory."""

    @property
    def log(self) -> Path:
        """The folder of the log."""


class ShownSettings(Protocol):
    """The settings that pages show."""

    @property
    def address(self) -> str:
        """Where the public reaches the gateway; empty for the address of each request."""

    @property
    def contact(self) -> str:
        """Who answers questions; empty for nobody."""


class ShownProjections(Protocol):
    """The log and the proofs that are shown."""

    @property
    def ledger(self) -> LogFolder:
        """The log."""

    async def prove(self, leaf: bytes, near_us: int = 0) -> FactAnswer | None:
        """Return the proof for a fact's hash, or None where there is none, or not yet; sooner with its time."""


class Shows(Protocol):
    """A gateway, or a reader, as the site sees it."""

    @property
    def commits(self) -> Durable:
        """The fold of what is durable."""

    @property
    def clock(self) -> Clock:
        """The gateway's clock."""

    @property
    def deployment(self) -> ShownPlaces:
        """Where it lies."""

    @property
    def settings(self) -> ShownSettings:
        """Its settings."""

    @property
    def projections(self) -> ShownProjections:
        """Its log and proofs."""

    @property
    def keeps_history(self) -> bool:
        """Whether accepted reads are kept for their source's retention."""

    @property
    def ledger_vkey(self) -> str:
        """The log's verifier key."""

    async def witnessed(self) -> WitnessedNotes:
        """Return the log's cosigned checkpoints, and what is shown of its witnesses."""
