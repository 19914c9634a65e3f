"""What the pages of people at work share: the banner, the zone, and who is signed in."""

from __future__ import annotations

from typing import Any

from wicketgate.pages.duty import Session
from wicketgate.pages.local import local_moment
from wicketgate.pages.public import templates


class AtWorkPages:
    """Pages for people at a desk. They render, and nothing else.

    Parameters
    ----------
    demonstration : bool
        Put the banner of a demonstration on every page.
    """

    def __init__(self, *, demonstration: bool = False) -> None:
        self._demonstration = demonstration

    def _render(self, template: str, session: Session, now_us: int, **context: Any) -> str:
        return (
            templates()
            .get_template(template)
            .render(
                demonstration=self._demonstration,
                ground=None,
                register={},
                session=session,
                zone=session.zone,
                now_us=now_us,
                now=local_moment(now_us, session.zone, seconds=True),
                **context,
            )
        )
