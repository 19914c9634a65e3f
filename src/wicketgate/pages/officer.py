"""The pages that an officer sees on their own machine: documents before and after a signature, authorities to stop.

They render, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wicketgate.pages.public import templates

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
            "frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: the browser would then send `Origin: null` with a form, and the form be refused.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)
"""What every page of the officer's is sent with: it runs no script, and no other page may frame or embed it."""

STANDINGS: Mapping[str, tuple[str, str]] = {
    "in-force": ("In force", "green"),
    "pending": ("Not yet in force", "blue"),
    "suspended": ("Suspended", "red"),
    "review-overdue": ("Review overdue", "red"),
    "consultation-overdue": ("Consultation overdue", "red"),
    "unwitnessed": ("Log not witnessed", "red"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """What every page shows: whose key, which gateway.

    Attributes
    ----------
    base : str
        The path below which the pages lie.
    form_key : str
        What each form carries.
    gateway : str
        Its address; empty where there is none.
    key : str
        The name of the key: of a file, or in a token.
    keys : sequence of (str, str)
        The names of all keys, and the offices that each was made for.
    chosen : int
        Which of them it is; -1 where none was chosen.
    secret : {"passphrase", "PIN", ""}
        What opens the key; empty where nothing need.
    office : str
        Whose key it is, as far as that can be told before it is opened.
    rests_on : str
        What the register rests on where it is verified; empty where it is believed.
    """

    base: str
    form_key: str
    gateway: str
    key: str
    secret: str
    office: str
    keys: Sequence[tuple[str, str]] = ()
    chosen: int = -1
    rests_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppableShown:
    """An authority that may be stopped.

    Attributes
    ----------
    stands : str
        A status of the regime.
    who : str
        Who may suspend it, as a sentence.
    """

    name: str
    title: str
    stands: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentShown:
    """A document, before or after a signature.

    Attributes
    ----------
    name : str
        Of its file.
    kind : str
        Of the document.
    digest : str
        Of all that is shown: what is signed is what was read.
    read_at_us : int
        The moment for which it is shown; some sentences name a time from now on.
    effect, says, stands : sequence of str
        What it changes, what it says, and what is in force beside it, as sentences.
    warnings, faults : sequence of str
        What its signers should know, and why it would be refused.
    signed : sequence of str
        Who has signed it.
    wanting : str
        Whose signatures are missing, as a sentence.
    known : bool
        Whether there is anything to hold it against.
    can_send : bool
        Whether a gateway and a token are there.
    mine : bool
        Whether it was signed here.
    """

    name: str
    kind: str
    digest: str
    read_at_us: int
    effect: Sequence[str]
    says: Sequence[str]
    stands: Sequence[str]
    warnings: Sequence[str]
    faults: Sequence[str]
    signed: Sequence[str]
    wanting: str
    known: bool
    can_send: bool
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerShown:
    """The gateway's answer to a document.

    Attributes
    ----------
    entry : int
        Of the ledger.
    in_force_from : str
        A time.
    stands : sequence of str
        How things stand now, as the register shows them.
    """

    kind: str
    name: str
    entry: int
    in_force_from: str
    stands: Sequence[str]


def grouped(lines: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return sentences, each with the items below it.

    >>> grouped(["It adds:", "- a", "- b", "It ends."])
    [('It adds:', ['a', 'b']), ('It ends.', [])]
    """
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("- ") and found:
            found[-1][1].append(line[2:])
        else:
            found.append((line, []))
    return found


class SigningPages:
    """The pages, rendered by the templates of the public's."""

    def _render(self, template: str, **context: Any) -> str:
        page = templates().get_template(template)
        return page.render(demonstration=False, register={}, grouped=grouped, **context)

    def enter(self, place: KeyPlace) -> str:
        """Return the page that hands out the cookie, and goes on by itself."""
        return self._render("officer-enter.html", place=place)

    def home(
        self,
        place: KeyPlace,
        *,
        authorities: Sequence[StoppableShown] | None,
        document: str,
        fault: str = "",
        at: str = "document",
    ) -> str:
        """Return the first page.

        Parameters
        ----------
        authorities : sequence of StoppableShown or None
            Those that this key may stop; None where no gateway answers.
        document : str
            The name of the document that is open, or empty.
        """
        return self._render(
            "officer-home.html",
            place=place,
            authorities=authorities,
            document=document,
            fault=fault,
            at=at,
            standings=STANDINGS,
            here="home",
        )

    def document(self, place: KeyPlace, shown: DocumentShown, *, fault: str = "", at: str = "") -> str:
        """Return a document in words, with what there is to do."""
        return self._render(
            "officer-document.html", place=place, shown=shown, fault=fault, at=at, here="document"
        )

    def suspend(
        self, place: KeyPlace, authority: StoppableShown, *, reason: str = "", fault: str = "", at: str = ""
    ) -> str:
        """Return the page that asks for the ground of a suspension, and for what opens the key."""
        return self._render(
            "officer-suspend.html", place=place, authority=authority, reason=reason, fault=fault, at=at
        )

    def answer(self, place: KeyPlace, shown: AnswerShown) -> str:
        """Return what the gateway answered."""
        return self._render("officer-answer.html", place=place, shown=shown)

    def problem(self, place: KeyPlace, words: str) -> str:
        """Return a page for what cannot be done."""
        return self._render("officer-problem.html", place=place, words=words, title="That was not done")

    def ended(self, place: KeyPlace) -> str:
        """Return the last page: the program has ended."""
        return self._render("officer-problem.html", place=None, words="", title="The page has ended")
