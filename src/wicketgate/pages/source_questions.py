"""The page of a source's officers on questions to the past of their cameras' reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.duty import Session
from wicketgate.pages.local import local_moment
from wicketgate.pages.phrases import number
from wicketgate.pages.searches import REFUSED, STATUS, kinds_in_words


class SourceQuestionPages(AtWorkPages):
    """The page of the questions on a source's cameras."""

    def questions(
        self,
        session: Session,
        now_us: int,
        searches: Sequence[Mapping[str, Any]],
        titles: Mapping[str, str],
    ) -> str:
        """Return the page `/source/questions`.

        Parameters
        ----------
        searches : sequence of mapping
            As `SourceSearch`.
        titles : mapping
            Titles of authorities, by name.
        """
        return self._render(
            "source-questions.html",
            session,
            now_us,
            searches=[_view(one, session.zone, titles) for one in searches],
        )


def _view(one: Mapping[str, Any], zone: str, titles: Mapping[str, str]) -> dict[str, Any]:
    label, colour, _ = STATUS[one["status"]]
    plates = one.get("plates")
    rows = one.get("rows")
    name, _, version = one["authority"].partition("@")
    return {
        "id": one["id"],
        "asked": local_moment(one["asked_at"], zone),
        "who": f"Person {one['by'].removeprefix('person:')[:8]}",
        "unit": one["unit"],
        "authority": one["authority"],
        "href": f"/authorities/{name}/{version}" if version else "",
        "title": titles.get(name, name),
        "offence": one["offence"],
        "kinds": kinds_in_words(one["kinds"]),
        "cameras": f"{number(one['own_cameras'])} of yours, of {number(one['cameras'])}",
        "camera_days": number(one["camera_days"]),
        "plates": "every vehicle read there" if plates is None else number(plates),
        "label": label,
        "colour": colour,
        "refused": REFUSED.get(one.get("code", ""), one.get("code", "")),
        "back": _roughly(rows, "reads") or _roughly(one.get("vehicles"), "vehicles") or "nothing",
    }


def _roughly(most: int | None, what: str) -> str:
    if most is None:
        return ""
    return f"{number(most)} or fewer {what}, or none" if most < 10 else f"up to {number(most)} {what}"
