"""What the pages of people at work share: the banner, the zone, and who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wicketgate.pages.local import local_moment
from wicketgate.pages.public import templates

if TYPE_CHECKING:
    from wicketgate.pages.duty import Session


def rendered(
    template: str,
    *,
    demonstration: bool,
    session: Session | None = None,
    ground: str | None = None,
    **context: Any,
) -> str:
    """Return a page of people at work, in the zone of whoever is signed in."""
    return (
        templates()
        .get_template(template)
        .render(
            demonstration=demonstration,
            ground=ground,
            register={},
            session=session,
            zone="" if session is None else session.zone,
            **context,
        )
    )


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
        now = local_moment(now_us, session.zone, seconds=True)
        return rendered(
            template,
            demonstration=self._demonstration,
            session=session,
            now_us=now_us,
            now=now,
            **context,
        )
