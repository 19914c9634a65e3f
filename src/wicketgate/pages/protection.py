"""The pages of data protection officers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import DAY_US
from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.duty import Session
from wicketgate.pages.figures import in_steps
from wicketgate.pages.phrases import count
from wicketgate.pages.sentences import LABELS
from wicketgate.regime.obligations.deadlines import Deadline

SHOWN_US = 90 * DAY_US
"""How far ahead deadlines are shown."""
SOON_US = 14 * DAY_US
_WHAT: Mapping[str, tuple[str, str]] = {
    "begins": ("It takes effect", ""),
    "ends": ("It ends", ""),
    "review": ("Its review is due", "Without one it stops by itself."),
    "consultation": ("A consultation must cover it", "Without one it stops by itself."),
    "opens": ("The consultation opens", ""),
    "closes": ("The consultation closes", ""),
    "decision": ("The consultation closed, and waits for a decision", ""),
    "cover-ends": ("What the consultation covers ends", "What rests on it must be consulted on again."),
    "receipt": ("A receipt of deletion is due", "A receipt that is missing is published."),
    "people-end": ("The document of people ends", "Without the next one nobody of it can sign in."),
    "list": ("Entries of its list end, or must be reviewed", "What is not listed anew matches no more."),
}
_WAITS = frozenset({"decision"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAuthority:
    """An authority of an organisation: how it stands, and its last published figures.

    `released` and what follows are None where they are suppressed, and left out where they are no figure of its mode.
    """

    name: str
    version: int
    title: str
    status: str
    figures: Mapping[str, int | None]
    can_suspend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresPeriods:
    """The last published periods, and the least counts in them."""

    traffic: tuple[str, str] | None
    targeting: tuple[str, str] | None
    least: int
    step: int


_FIGURES: Mapping[str, tuple[str, bool]] = {
    "released": ("reads released", False),
    "fetched": ("images fetched", False),
    "compared": ("reads compared with its list", False),
    "vehicles": ("vehicles with a hit", True),
    "confirmed": ("confirmed", True),
    "misread": ("misread", True),
    "acted": ("acted on", True),
}
"""What a figure is called, and whether it is one of targeting."""


class ProtectionPages(AtWorkPages):
    """The pages of data protection officers."""

    def deadlines(
        self,
        session: Session,
        now_us: int,
        *,
        deadlines: Sequence[Deadline],
        authorities: Sequence[DueAuthority],
        periods: FiguresPeriods,
    ) -> str:
        """Return the page `/protection`."""
        shown = [one for one in deadlines if one.at_us <= now_us + SHOWN_US]
        return self._render(
            "protection.html",
            session,
            now_us,
            deadlines=[_deadline(one, now_us) for one in shown],
            later=len(deadlines) - len(shown),
            authorities=[_authority(one, periods) for one in authorities],
            periods=periods,
        )

    def suspend(
        self,
        session: Session,
        now_us: int,
        *,
        name: str,
        title: str,
        offices: Sequence[Mapping[str, Any]],
        address: str,
        most: int,
        fault: str = "",
        written: str = "",
    ) -> str:
        """Return the page that prepares a suspension.

        Parameters
        ----------
        offices : sequence of mapping
            Who must sign: `offices`, and `need` (`all` or `any`).
        address : str
            Of the gateway, for the command to copy.
        most : int
            Characters of the ground.
        fault, written : str
            What was wrong with the ground, and the ground.
        """
        return self._render(
            "suspend.html",
            session,
            now_us,
            name=name,
            title=title,
            offices=offices,
            address=address,
            most=most,
            fault=fault,
            written=written,
        )


def _deadline(one: Deadline, now_us: int) -> dict[str, Any]:
    words, effect = _WHAT[one.what]
    name, _, version = one.about.partition("@")
    if one.what in {"opens", "closes", "decision", "cover-ends"}:
        href = f"/consultations/{one.about}"
    else:
        href = "" if one.what == "people-end" else f"/authorities/{name}/{version}"
    return {
        "what": f"{words} ({one.count:,})" if one.count else words,
        "effect": effect,
        "title": f"The people of {one.title}" if one.what == "people-end" else one.title,
        "href": href,
        "at_us": one.at_us,
        "overdue": one.at_us <= now_us and one.what not in _WAITS,
        "soon": now_us < one.at_us <= now_us + SOON_US,
    }


def _authority(one: DueAuthority, periods: FiguresPeriods) -> dict[str, Any]:
    label, colour = LABELS.get(one.status, (one.status, "grey"))
    figures = []
    for name, value in one.figures.items():
        words, targeting = _FIGURES[name]
        said = in_steps([value], periods.step) if targeting else count(value, periods.least)
        figures.append(f"{said} {words}")
    return {
        "name": one.name,
        "href": f"/authorities/{one.name}/{one.version}",
        "title": one.title,
        "label": label,
        "colour": colour,
        "figures": figures,
        "can_suspend": one.can_suspend,
    }
