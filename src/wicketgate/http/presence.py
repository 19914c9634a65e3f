"""Acts that need a fresh proof that a person is there."""

from __future__ import annotations

from starlette.requests import Request

from wicketgate.base.errors import NotEntitled


class PresenceNeeded(NotEntitled):
    """An act that needs a fresh proof that the person is there.

    `there` is the page to come back to after it; empty where a program asks.
    """

    code = "presence-needed"

    def __init__(self, there: str = "") -> None:
        super().__init__(
            "nothing was done: show first that it is you, in a browser at `/presence`, or for a program by signing it "
            "in again (`wicketgate sign-in`)"
        )
        self.there = there


def require_presence(request: Request, there: str = "") -> None:
    """Refuse an act of a person who did not prove lately that they are there; a machine needs no proof.

    Parameters
    ----------
    there : str
        The page of the act, to which the proof leads back.

    Raises
    ------
    PresenceNeeded
        Where the last proof is older than the document of people in force lets it be.
    """
    if not request.scope["is_present"]():
        raise PresenceNeeded(there)
