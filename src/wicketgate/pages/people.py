"""The pages of people: how to sign in, who one is, the proof that one is there, programs let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.pages.at_work import rendered
from wicketgate.pages.desks import BESIDE_DESKS
from wicketgate.pages.duty import Session
from wicketgate.pages.local import local_moment

ROLE_WORDS: Mapping[str, str] = {
    "viewer": "viewer of hits, rows and images",
    "confirmer": "confirmer of hits",
    "hotlist-keeper": "keeper of hotlists",
    "asker": "asker of the past",
    "approver": "approver of questions",
    "source-officer": "source officer",
    "data-protection-officer": "data protection officer",
    "overseer": "overseer",
}


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """A place where somebody may work: its number in the form, its name and what it is."""

    number: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class PasskeyShown:
    """A passkey of somebody's, and whether it opened this session."""

    id: str
    made_us: int
    own: bool


class PeoplePages:
    """The pages of people.

    Parameters
    ----------
    demonstration : bool
        Put the banner of a demonstration on every page.
    """

    def __init__(self, *, demonstration: bool = False) -> None:
        self._demonstration = demonstration

    def _render(self, template: str, **context: Any) -> str:
        return rendered(template, demonstration=self._demonstration, **context)

    def sign_in(
        self,
        *,
        providers: Sequence[Mapping[str, str]] = (),
        passkeys: bool = False,
        tokens: bool = True,
        codes: bool = False,
        fault: str = "",
        at: str = "",
        officer: str = "",
        next: str = "",
        asked: str = "",
        ended: bool = False,
    ) -> str:
        """Return the page `/sign-in`.

        Parameters
        ----------
        providers : sequence of mapping
            `organisation`, `id` and `host` of each.
        passkeys, tokens, codes : bool
            Whether one can sign in by a passkey, with the token of a unit, and by a code, as in a demonstration.
        fault, at : str
            What was wrong, as a sentence, and at which field (`token`, `officer`, `code`, or none).
        next, asked : str
            Where to go afterwards, and the same as it stands in an address.
        ended : bool
            The caller had a session that has ended.
        """
        return self._render(
            "sign-in.html",
            providers=providers,
            passkeys=passkeys,
            tokens=tokens,
            codes=codes,
            fault=fault,
            at=at,
            officer=officer,
            next=next,
            asked=asked,
            ended=ended,
        )

    def enrol(self, *, passkeys: bool) -> str:
        """Return the page `/enrol`."""
        return self._render("enrol.html", passkeys=passkeys)

    def me(
        self,
        session: Session,
        *,
        places: Sequence[PlaceShown],
        passkeys: Sequence[PasskeyShown],
        named_by: str,
        done: str = "",
    ) -> str:
        """Return the page `/me`.

        Parameters
        ----------
        named_by : str
            The document in force, as `organisation@version`.
        done : str
            What was done just now, as a sentence.
        """
        return self._render(
            "me.html",
            session=session,
            beside=[BESIDE_DESKS[role] for role in sorted(session.roles) if role in BESIDE_DESKS],
            roles=", ".join(ROLE_WORDS[role] for role in sorted(session.roles)) or "nothing",
            named_by=f"the people of {named_by}" if named_by else "nobody: a token opened this session",
            ends=local_moment(session.until_us, session.zone),
            places=places,
            passkeys=[
                {"id": one.id, "made": local_moment(one.made_us, session.zone), "own": one.own}
                for one in passkeys
            ],
            done=done,
        )

    def presence(self, session: Session, *, by_passkey: bool, next: str) -> str:
        """Return the page `/presence`."""
        return self._render("presence.html", session=session, by_passkey=by_passkey, next=next)

    def onward(self, next: str) -> str:
        """Return the page from which a browser goes on by itself, once a provider signed somebody in."""
        return self._render("onward.html", session=None, next=next)

    def device(self, session: Session, *, code: str = "", fault: str = "", done: str = "") -> str:
        """Return the page `/device`."""
        return self._render("device.html", session=session, code=code, fault=fault, done=done)
