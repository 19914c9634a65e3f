"""The desks of people: which pages their roles open, and where. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A page that a role opens.

    Attributes
    ----------
    href : str
        Where it is.
    text : str
        What its link says.
    words : str
        What one does there.
    kinds, roles : frozenset of str
        At which kinds of place (`unit`, `office`, `organisation`) and with which roles; one of them is enough.
    of_tokens : bool
        Whether a session that a unit's token opened has it too; no other token opens one.
    """

    href: str
    text: str
    words: str
    kinds: frozenset[str]
    roles: frozenset[str]
    of_tokens: bool = False


_UNIT = frozenset({"unit"})
_VIEW = frozenset({"viewer", "confirmer"})
DESKS = (
    Desk(
        href="/duty",
        text="Hits",
        words="See the hits of your unit, and say what came of them.",
        kinds=_UNIT,
        roles=_VIEW,
        of_tokens=True,
    ),
    Desk(
        href="/duty/handover",
        text="Hand-over",
        words="What is open, who took it, and the note to the next shift.",
        kinds=_UNIT,
        roles=_VIEW,
        of_tokens=True,
    ),
    Desk(
        href="/duty/lists",
        text="Lists",
        words="See what of your unit’s lists is to be reviewed, and change a list.",
        kinds=_UNIT,
        roles=frozenset({"hotlist-keeper"}),
        of_tokens=True,
    ),
    Desk(
        href="/me/alerts",
        text="Alerts",
        words="Set who is told of what, and see what could not be sent.",
        kinds=frozenset({"unit", "office", "organisation"}),
        roles=frozenset(
            {
                "confirmer",
                "hotlist-keeper",
                "approver",
                "source-officer",
                "data-protection-officer",
                "overseer",
            }
        ),
        of_tokens=True,
    ),
    Desk(
        href="/questions",
        text="Questions",
        words="Ask the past, and see what became of your questions.",
        kinds=_UNIT,
        roles=frozenset({"asker"}),
    ),
    Desk(
        href="/approvals",
        text="Approvals",
        words="See what others ask of the past, and approve or refuse it.",
        kinds=frozenset({"unit", "office"}),
        roles=frozenset({"approver"}),
    ),
    Desk(
        href="/source",
        text="Cameras",
        words="See how your cameras are, and who gets what they read.",
        kinds=frozenset({"organisation"}),
        roles=frozenset({"source-officer"}),
    ),
    Desk(
        href="/source/questions",
        text="Questions on your cameras",
        words="See who asked the past of your cameras’ reads, under what, and how broadly.",
        kinds=frozenset({"organisation"}),
        roles=frozenset({"source-officer"}),
    ),
    Desk(
        href="/emergencies",
        text="Emergencies",
        words="See emergencies that nobody approved in time, and give a unit its right back.",
        kinds=frozenset({"office"}),
        roles=frozenset({"overseer"}),
    ),
    Desk(
        href="/protection",
        text="Data protection",
        words="See what falls due, and prepare a suspension.",
        kinds=frozenset({"office"}),
        roles=frozenset({"data-protection-officer"}),
    ),
)
"""Every desk, in the order in which links stand."""
BESIDE_DESKS = {
    "overseer": "Overseers ask why, and open, with the command wicketgate why, and by the API.",
}
"""What a person is told of what a role lets them do on no page."""


def desks_of(kind: str, roles: Collection[str], *, person: bool) -> tuple[Desk, ...]:
    """Return the desks of somebody who works at a place of a kind.

    >>> [desk.href for desk in desks_of("unit", {"hotlist-keeper"}, person=True)]
    ['/duty/lists', '/me/alerts']
    >>> [desk.href for desk in desks_of("unit", (), person=False)]
    ['/duty', '/duty/handover', '/duty/lists', '/me/alerts']
    """
    return tuple(
        desk
        for desk in DESKS
        if kind in desk.kinds
        and (desk.roles.intersection(roles) if person else desk.of_tokens and kind in _UNIT)
    )
