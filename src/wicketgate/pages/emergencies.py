"""The page of an overseer on emergencies: what nobody approved in time, and which units may not say so now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.duty import Session
from wicketgate.pages.searches import search_view


class EmergencyPages(AtWorkPages):
    """The page of emergencies."""

    def emergencies(
        self,
        session: Session,
        now_us: int,
        *,
        stopped: Sequence[str],
        told: Sequence[Mapping[str, Any]],
        titles: Mapping[str, str],
        lets: bool,
        overseer: str,
        done: str,
    ) -> str:
        """Return the page `/emergencies`.

        Parameters
        ----------
        stopped : sequence of str
            Units that may not say that life is threatened.
        told : sequence of mapping
            As `EmergencyShown`.
        titles : mapping
            Titles of authorities, by name.
        lets : bool
            Whether whoever is signed in works in the office that gives the right back, which `overseer` names.
        done : str
            `let` once a right was given back.
        """
        return self._render(
            "emergencies.html",
            session,
            now_us,
            stopped=stopped,
            told=[self._view(one, session.zone, now_us, titles) for one in told],
            lets=lets,
            overseer=overseer,
            done=done == "let",
        )

    @staticmethod
    def _view(one: Mapping[str, Any], zone: str, now_us: int, titles: Mapping[str, str]) -> dict[str, Any]:
        found = search_view(one["search"], zone, now_us)
        name, _, version = found["authority"].partition("@")
        return {
            **found,
            "who": f"Person {one['by'].removeprefix('person:')[:8]}",
            "under": f"/authorities/{name}/{version}" if version else "",
            "title": titles.get(name, name),
            "reason": one["reason"],
            "stops": one["stops"],
        }
