"""Every state of an authority, on every page that names it: the sentences it may show, and none of the others.

Each state is brought about by documents that a gateway's own fold admits; nothing here is a made register.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from tests.registers import DECIDERS, FOUNDERS, Chancery, moved
from tests.simulator import charter
from tests.unit.pages.test_pages import Reader
from tests.vectors import make_documents as documents
from tests.vectors.make_documents import changed, example, put
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.signing import canonical
from wicketgate.http.metrics import unconsulted
from wicketgate.pages import sentences
from wicketgate.pages.public import Pages
from wicketgate.pages.views import tags_of
from wicketgate.regime.admitted import WitnessingStood
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.stance import End, Footing, Phase, Stop
from wicketgate.regime.standing import Status

PAGES = Pages(base_url="https://gate.example/")
CT, MATCH, OWN = "tfl-met-ct", "tfl-met-wanted", "tfl-charging"
OWN_OFFICES = ("tfl/commissioner", "tfl/data-protection")
JUDGE, CLERK = ("high-court/judge",), ("parliament/clerk",)

SAYS = {
    "covers all": r"A public consultation covers all of it\.",
    "covered all": r"A public consultation covered all of it\.",
    "covers since": r"A public consultation covers all of it since \d",
    "covered from": r"A public consultation covered all of it from \d",
    "ran without": r"Until then (it|part of it) ran without one",
    "took effect without": r"(It|Part of it) took effect without a public consultation",
    "is to take effect without": r"(It|Part of it) is to take effect without a public consultation",
    "was to take effect without": r"(It|Part of it) was to take effect without a public consultation",
    "every page": r"demands that it is said on every page",
    "as urgent": r"without a public consultation, as urgent",
    "took effect before": r"took effect before it was consulted on",
    "is to take effect before": r"is to take effect before it is consulted on",
    "unless covered": r"It stops by itself unless a public consultation covers it by",
    "ended before due": r"and ended before that was due",
    "has not covered": r"and the public consultation due by [^.]* has not covered it",
    "never covered": r"and the public consultation due by [^.]* never covered it",
    "cover quashed": r"A court quashed the public consultation that (had )?covered it",
    "cover void": r"The public consultation that (had )?covered it is void",
    "part of it": r"[Pp]art of it",
    "released now": r"What it allows is released now",
    "nothing is released": r"Nothing is released under it",
    "nothing before": r"Nothing is released under it before \d",
    "not before": r"It is not to take effect before \d",
    "by an office": r"It was suspended by its officers or an overseer",
    "by a stay": r"A court suspended it for as long as it hears a challenge",
    "by a quashed consultation": r"A court quashed the public consultation on which it rests",
    "by an ended key": r"A new charter ended a key that had signed for it",
    "too few cosign": r"Too few witnesses cosign the log, so it stopped by itself",
    "until cosigned": r"until [^.]*as many cosign it again as the charter demands",
    "until lifted": r"until [^.]*suspension is lifted",
    "until the court": r"until [^.]*the court lets it go on",
    "until reviewed": r"until [^.]*a review is recorded",
    "until covered": r"until [^.]*a decision on one covers it",
    "review missing": r"A review was due by [^.]* and is not recorded",
    "consultation missing": r"A public consultation was to cover it by [^.]* and has not",
    "next review": r"next due \d",
    "review was due": r"one was due by \d",
    "term ran out": r"Its term has run out",
    "term had run out": r"Its term had run out before",
    "replaced": r"A later version took its place",
    "had been replaced": r"A later version had taken its place before",
    "ended by officers": r"It was ended by its officers",
    "ended by a court": r"A court ended it",
    "ended by an objection": r"An objection ended it",
    "never": r"It never took effect|Never in force",
    "suspended besides": r"It is suspended besides",
    "review was missing": r"since a review was not recorded in time",
    "consultation was missing": r"since no public consultation covered it in time",
    "no consultation": r"None is in this register",
    "register silent": r"The register does not say",
    "receives": r"(receives|uses) (every read|reads of|answers)",
    "is to receive": r"is to (receive|use) (every read|reads of|answers)",
    "would receive": r"would (receive|use) (every read|reads of|answers)",
    "received": r"(received|used) (every read|reads of|answers)",
    "received until": r"(received|used), until it stopped, (every read|reads of|answers)",
    "was to receive": r"was to (receive|use) (every read|reads of|answers)",
    # What 0.3 said, and no page says any more.
    "0.3": r"None is recorded in this register|It is covered since|Without it, the authority stops|"
    r"The decision on a public consultation covers|What of it is not covered|Reads in its scope are released now|"
    r"Nothing that it proposes is in force",
}
"""The sentences on an authority's standing and consultation, each by a name of its own."""

TAGS = {
    "Consulted on since": "since",
    "Consultation due by": "due",
    "No consultation by": "missed",
}
"""The tags that name a day, by what they begin with."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of an authority: how it comes about, its tags, and all that its page says of it."""

    make: Callable[[], tuple[Chancery, str, int]]
    tags: tuple[str, ...]
    says: tuple[str, ...]
    unconsulted: str | None = None


def ct(chancery: Chancery, version: int = 1, **changes: Any) -> None:
    """Take the counter-terrorism authority, which the example charter has marked."""
    puts = [put(path.replace("__", "."), value) for path, value in changes.items()]
    chancery.submit(
        changed(example("authority"), put("authority.version", version), *puts), documents.CT_OFFICES
    )


def match(chancery: Chancery, version: int = 1, **changes: Any) -> None:
    """Take the authority of mode match, which is to be consulted on within 90 days."""
    puts = [put(path.replace("__", "."), value) for path, value in changes.items()]
    changes_made = (put("authority.version", version), put("authority.review_every", None), *puts)
    chancery.submit(changed(example("authority-match"), *changes_made), documents.MATCH_OFFICES)


def consult(chancery: Chancery, name: str, draft: dict[str, Any], *, approve: bool = True) -> None:
    """Let a consultation on a draft open, close and be decided, 44 days on."""
    chancery.submit(
        changed(
            example("consultation"),
            put("consultation.id", name),
            put("consultation.opens_at", rfc3339(chancery.at_us)),
            put("consultation.closes_at", rfc3339(chancery.at_us + 43 * DAY_US)),
            put("draft", draft),
        ),
        ("tfl/data-protection",),
    )
    chancery.at_us += 44 * DAY_US
    decided = changed(
        example("decision"),
        put("decision.id", f"d-{name}"),
        put("decision.consultation", name),
        put("decision.answers", []),
        put("decision.covered_until", "2028-08-01T00:00:00Z"),
    )
    if not approve:
        decided = changed(decided, put("decision.outcome", "rejected"), put("decision.covered_until", None))
    chancery.submit(decided, DECIDERS)


def matched(name: str = "c-match") -> Callable[[Chancery], None]:
    """Return the consultation on the authority of mode match."""
    return lambda chancery: consult(
        chancery, name, changed(example("authority-match"), put("scope.max_cameras", 5))
    )


def act(chancery: Chancery, kind: str, name: str, offices: tuple[str, ...], **changes: Any) -> None:
    """Take an act on an authority."""
    puts = [put(f"{kind}.{member}", value) for member, value in changes.items()]
    chancery.submit(changed(example(kind), put(f"{kind}.authority", name), *puts), offices)


def annul(chancery: Chancery, name: str) -> None:
    """Take Parliament's objection that ends an authority."""
    changes = {"consultation": None, "authority": name, "organisation": "parliament", "annul": True}
    puts = [put(f"objection.{member}", value) for member, value in changes.items()]
    chancery.submit(changed(example("objection"), *puts), CLERK)


def made(
    *steps: Callable[[Chancery], object], name: str = CT, version: int = 1
) -> Callable[[], tuple[Chancery, str, int]]:
    """Return what brings a state about."""

    def make() -> tuple[Chancery, str, int]:
        chancery = Chancery()
        for step in steps:
            step(chancery)
        return chancery, name, version

    return make


def later(days: int) -> Callable[[Chancery], None]:
    """Return a step by which days go by."""

    def step(chancery: Chancery) -> None:
        chancery.at_us += days * DAY_US

    return step


def covered_first(chancery: Chancery) -> None:
    """Consult on the images of vehicles, and then take their authority: it is covered from its beginning."""
    images = example("consultation")["draft"]
    consult(chancery, "c-2026-002", images)
    chancery.submit(changed(images, put("authority.consultation", "c-2026-002")), documents.CT_OFFICES)
    chancery.at_us += 15 * DAY_US


IMAGES = "tfl-met-ct-images"
COVERED = ("covers all",)
MARKED = ("took effect without", "every page", "no consultation")
DUE = ("took effect before", "unless covered")
RUNS = ("released now", "receives")
STOPPED = ("nothing is released", "received until")


def suspend(chancery: Chancery, name: str = CT) -> None:
    act(chancery, "suspension", name, ("ico/deputy",))


def unwitness(chancery: Chancery) -> None:
    """Let the log say that too few cosign it for bulk to go on."""
    stood = WitnessingStood(stopped=("bulk",), cosigned=0, entry=0)
    chancery.state.regime.witness(stood, at_us=chancery.at_us)


def stay(chancery: Chancery, name: str = CT) -> None:
    act(chancery, "challenge", name, JUDGE, stay=True)


def quash_consultation(about: str, name: str = CT) -> Callable[[Chancery], None]:
    return lambda chancery: act(chancery, "quashed", name, JUDGE, consultation=about)


def revoke(name: str) -> Callable[[Chancery], None]:
    return lambda chancery: act(chancery, "revocation", name, ("tfl/data-protection",))


def end_a_key_of(office: str) -> Callable[[Chancery], None]:
    """Return a step that takes a charter by which the key of an office counts no more, from its first entry on."""

    def step(chancery: Chancery) -> None:
        ended = moved(charter(), office, reason="compromised")
        chancery.submit(ended, (*FOUNDERS, "ico/deputy", "successor"))

    return step


def urgent(chancery: Chancery) -> None:
    ct(
        chancery,
        authority__urgent=True,
        authority__valid_until="2026-07-15T00:00:00Z",
        scope__fields=["plate", "time", "place", "vehicle"],
    )


def own(chancery: Chancery) -> None:
    chancery.submit(example("authority-own-use"), OWN_OFFICES)


def part(chancery: Chancery) -> None:
    """Take an authority of which consultations cover a part: those of its kinds that the draft has."""
    draft = changed(example("authority-match"), put("scope.max_cameras", 5), put("match.kinds", ["murder"]))
    consult(chancery, "c-match", draft)
    match(chancery)


STATES: dict[str, State] = {
    "pending, marked": State(
        make=made(lambda c: ct(c, authority__valid_from="2026-08-01T00:00:00Z")),
        tags=("Not yet in force", "Not consulted on"),
        says=(
            "is to take effect without",
            "every page",
            "no consultation",
            "nothing is released",
            "nothing before",
            "is to receive",
            "next review",
        ),
    ),
    "pending, suspended": State(
        make=made(lambda c: ct(c, authority__valid_from="2026-08-01T00:00:00Z"), suspend),
        tags=("Suspended", "Not consulted on"),
        says=(
            "is to take effect without",
            "every page",
            "no consultation",
            "nothing is released",
            "by an office",
            "until lifted",
            "not before",
            "is to receive",
            "next review",
        ),
    ),
    "marked": State(
        make=made(ct),
        tags=("In force", "Not consulted on"),
        says=(*RUNS, *MARKED, "next review"),
        unconsulted="marked",
    ),
    "marked, and consulted on since": State(
        make=made(
            ct,
            lambda c: consult(c, "c-ct", changed(example("authority"), put("scope.max_cameras", 5))),
        ),
        tags=("In force", "since"),
        says=(*RUNS, "covers since", "ran without", "next review"),
    ),
    "marked, and the consultation on it rejected": State(
        make=made(
            ct,
            lambda c: consult(
                c, "c-ct", changed(example("authority"), put("scope.max_cameras", 5)), approve=False
            ),
        ),
        tags=("In force", "Not consulted on"),
        says=(*RUNS, "took effect without", "every page", "next review"),
        unconsulted="marked",
    ),
    "notice": State(
        make=made(own, name=OWN),
        tags=("In force", "Published, not consulted on"),
        says=("released now", "receives", "took effect without", "no consultation"),
        unconsulted="notice",
    ),
    "urgent": State(
        make=made(urgent),
        tags=("In force", "Urgent"),
        says=(*RUNS, "took effect without", "as urgent", "no consultation", "next review"),
        unconsulted="urgent",
    ),
    "covered": State(
        make=made(covered_first, name=IMAGES),
        tags=("In force",),
        says=(*RUNS, *COVERED, "next review"),
    ),
    "within": State(
        make=made(match, name=MATCH),
        tags=("In force", "due"),
        says=(*RUNS, *DUE, "no consultation"),
        unconsulted="within",
    ),
    "within, pending": State(
        make=made(lambda c: match(c, authority__valid_from="2026-08-01T00:00:00Z"), name=MATCH),
        tags=("Not yet in force", "due"),
        says=(
            "is to take effect before",
            "unless covered",
            "no consultation",
            "nothing is released",
            "nothing before",
            "is to receive",
        ),
    ),
    "within, covered before it began": State(
        make=made(
            lambda c: match(c, authority__valid_from="2026-12-01T00:00:00Z"),
            matched(),
            later(200),
            name=MATCH,
        ),
        tags=("In force",),
        says=(*RUNS, *COVERED),
    ),
    "within, and consulted on since": State(
        make=made(match, matched(), name=MATCH),
        tags=("In force", "since"),
        says=(*RUNS, "covers since", "ran without"),
    ),
    "within, and what covered it quashed in time": State(
        make=made(ct, match, matched(), quash_consultation("c-match"), name=MATCH),
        tags=("Suspended", "due"),
        says=(*STOPPED, *DUE, "by a quashed consultation", "until the court"),
    ),
    "within, in part": State(
        make=made(part, name=MATCH),
        tags=("In force", "due"),
        says=(*RUNS, *DUE, "part of it"),
        unconsulted="within",
    ),
    "consultation overdue": State(
        make=made(match, later(90), name=MATCH),
        tags=("Consultation overdue", "missed"),
        says=(
            *STOPPED,
            "took effect before",
            "has not covered",
            "consultation missing",
            "until covered",
            "no consultation",
        ),
    ),
    "consultation overdue, and covered late": State(
        make=made(match, later(60), matched(), name=MATCH),
        tags=("In force", "since"),
        says=(*RUNS, "covers since", "ran without"),
    ),
    "within, revoked before it was due": State(
        make=made(match, later(9), revoke(MATCH), later(200), name=MATCH),
        tags=("Revoked", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "ended by officers",
            "took effect before",
            "ended before due",
            "no consultation",
        ),
    ),
    "within, revoked after it was due": State(
        make=made(match, later(99), revoke(MATCH), name=MATCH),
        tags=("Revoked", "missed"),
        says=(
            "nothing is released",
            "received",
            "ended by officers",
            "took effect before",
            "consultation was missing",
            "never covered",
            "no consultation",
        ),
    ),
    "suspended by an office": State(
        make=made(ct, suspend),
        tags=("Suspended", "Not consulted on"),
        says=(*STOPPED, *MARKED, "by an office", "until lifted", "next review"),
    ),
    "stopped without witnesses": State(
        make=made(ct, unwitness),
        tags=("Log not witnessed", "Not consulted on"),
        says=(*STOPPED, *MARKED, "too few cosign", "until cosigned", "next review"),
    ),
    "suspended by a court": State(
        make=made(ct, stay),
        tags=("Suspended", "Not consulted on"),
        says=(*STOPPED, *MARKED, "by a stay", "until the court", "next review"),
    ),
    "suspended with the consultation it rests on": State(
        make=made(ct, covered_first, quash_consultation("c-2026-002"), name=IMAGES),
        tags=("Suspended", "Consultation quashed"),
        says=(*STOPPED, "by a quashed consultation", "until the court", "cover quashed", "next review"),
    ),
    "suspended with a decision whose key ended": State(
        make=made(covered_first, end_a_key_of("dft/minister"), name=IMAGES),
        tags=("Suspended", "Consultation void"),
        says=(*STOPPED, "by an ended key", "until lifted", "cover void", "next review"),
    ),
    "suspended by a charter that ended a key": State(
        make=made(ct, end_a_key_of("met/national-security")),
        tags=("Suspended", "Not consulted on"),
        says=(*STOPPED, *MARKED, "by an ended key", "until lifted", "next review"),
    ),
    "suspended, its review and its consultation overdue": State(
        make=made(
            lambda c: match(c, authority__review_every="P1M"),
            later(91),
            lambda c: suspend(c, MATCH),
            lambda c: stay(c, MATCH),
            name=MATCH,
        ),
        tags=("Suspended", "missed"),
        says=(
            *STOPPED,
            "by an office",
            "by a stay",
            "review missing",
            "consultation missing",
            "until lifted",
            "until the court",
            "until reviewed",
            "until covered",
            "took effect before",
            "has not covered",
            "no consultation",
            "review was due",
        ),
    ),
    "review overdue": State(
        make=made(ct, later(93)),
        tags=("Review overdue", "Not consulted on"),
        says=(*STOPPED, *MARKED, "review missing", "until reviewed", "review was due"),
    ),
    "expired": State(
        make=made(urgent, later(9)),
        tags=("Expired", "Urgent"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "as urgent",
            "no consultation",
            "term ran out",
        ),
    ),
    "review overdue, and expired": State(
        make=made(ct, later(400)),
        tags=("Review overdue", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "term ran out",
            "review was missing",
        ),
    ),
    "covered, and expired": State(
        make=made(covered_first, later(400), name=IMAGES),
        tags=("Review overdue",),
        says=("nothing is released", "received", "covered all", "term ran out", "review was missing"),
    ),
    "consulted on since, and expired": State(
        make=made(match, matched(), later(400), name=MATCH),
        tags=("Expired", "since"),
        says=("nothing is released", "received", "covered from", "ran without", "term ran out"),
    ),
    "suspended, and expired": State(
        make=made(ct, suspend, later(400)),
        tags=("Suspended", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "term ran out",
            "review was missing",
            "suspended besides",
        ),
    ),
    "revoked": State(
        make=made(ct, later(2), revoke(CT)),
        tags=("Revoked", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "ended by officers",
        ),
    ),
    "revoked before it began": State(
        make=made(lambda c: ct(c, authority__valid_from="2026-08-01T00:00:00Z"), revoke(CT), later(99)),
        tags=("Revoked", "Not consulted on"),
        says=(
            "nothing is released",
            "was to receive",
            "was to take effect without",
            "no consultation",
            "ended by officers",
            "never",
        ),
    ),
    "quashed": State(
        make=made(ct, later(2), lambda c: act(c, "quashed", CT, JUDGE)),
        tags=("Quashed", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "ended by a court",
        ),
    ),
    "annulled": State(
        make=made(ct, later(2), lambda c: annul(c, CT)),
        tags=("Annulled", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "ended by an objection",
        ),
    ),
    "replaced": State(
        make=made(ct, later(2), lambda c: ct(c, 2)),
        tags=("Replaced", "Not consulted on"),
        says=("nothing is released", "received", "took effect without", "no consultation", "replaced"),
        unconsulted="marked",  # its second version
    ),
    "replaced, and quashed afterwards": State(
        make=made(ct, later(2), lambda c: ct(c, 2), later(2), lambda c: act(c, "quashed", CT, JUDGE)),
        tags=("Quashed", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "ended by a court",
            "had been replaced",
        ),
    ),
    "expired, and revoked afterwards": State(
        make=made(ct, later(400), revoke(CT)),
        tags=("Revoked", "Not consulted on"),
        says=(
            "nothing is released",
            "received",
            "took effect without",
            "no consultation",
            "ended by officers",
            "review was missing",
            "term had run out",
        ),
    ),
}


def brought_about(state: str) -> tuple[dict[str, Any], dict[str, Any], Chancery]:
    """Return the register in a state, its authority there, and its gateway."""
    chancery, name, version = STATES[state].make()
    register = chancery.register()
    item = next(one for one in register["authorities"] if (one["name"], one["version"]) == (name, version))
    # The other authorities of a state, which it needed, are not what the pages are looked at for.
    register["authorities"] = [one for one in register["authorities"] if one["name"] == name]
    return register, item, chancery


def tags_in(html: str) -> list[str]:
    """Return the tags of a page, in their order."""
    found = re.findall(r'<strong class="govuk-tag[^"]*">\s*(.*?)\s*</strong>', html)
    return [shortened(tag) for tag in found]


def shortened(tag: str) -> str:
    """Return a tag without the day that it names."""
    return next((short for begin, short in TAGS.items() if tag.startswith(begin)), tag)


def said_in(text: str) -> set[str]:
    """Return the sentences that stand in a text."""
    return {name for name, pattern in SAYS.items() if re.search(pattern, text)}


def of_the_page(html: str) -> str:
    """Return the text of an authority's page down to its history, which tells what was."""
    return Reader(html).text.split("What happened to it")[0]


@pytest.mark.parametrize("state", STATES)
def test_the_page_of_an_authority_says_what_is_true_of_its_state_and_nothing_else(state: str) -> None:
    register, item, _ = brought_about(state)
    html = PAGES.authority(register, item["name"], item["version"])
    assert html is not None
    expected = STATES[state]
    assert said_in(of_the_page(html)) == set(expected.says)
    head = html.split('id="terms"')[0]
    assert tags_in(head) == list(expected.tags)


FOOTING_SENTENCES = frozenset(list(SAYS)[: list(SAYS).index("part of it")])
"""Those on what an authority stands on, which no page may say otherwise than its own."""


@pytest.mark.parametrize("state", STATES)
def test_no_other_page_says_otherwise(state: str) -> None:
    register, item, chancery = brought_about(state)
    says, tags = set(STATES[state].says), set(STATES[state].tags)
    duty = [tag["label"] for tag in tags_of(item)]
    assert {shortened(tag) for tag in duty} == tags - {"In force"}
    for one in register["consultations"]:
        page = PAGES.consultation(register, one["id"], chancery.at_us)
        assert page is not None
        assert said_in(Reader(page).text) <= {"would receive"}
    assert said_in(Reader(PAGES.consultations(register, chancery.at_us)).text) <= {"would receive"}
    register["authorities"] = [item]  # the state of its other versions is theirs
    front = PAGES.front(register, chancery.at_us)
    assert said_in(Reader(front).text) <= says
    assert set(tags_in(front)) <= tags
    for page in (PAGES.drift(register), PAGES.why_not_less(register)):
        assert set(tags_in(page)) <= tags
        assert not said_in(Reader(page).text) & (FOOTING_SENTENCES - says)


@pytest.mark.parametrize("state", STATES)
def test_the_metric_counts_what_stands_on_no_consultation(state: str) -> None:
    chancery, name, _ = STATES[state].make()
    others = {key for key in chancery.state.regime.authorities if key != name}
    for key in others:
        del chancery.state.regime.authorities[key]
    found = unconsulted(RegimeAt(chancery.state.regime, chancery.parsed, chancery.at_us))
    assert {need for need, count in found.items() if count} == (
        {STATES[state].unconsulted} if STATES[state].unconsulted else set()
    )


def test_a_proposal_says_nothing_of_what_it_would_stand_on() -> None:
    chancery = Chancery()
    chancery.submit(example("consultation"), ("tfl/data-protection",))
    register = chancery.register()
    for html in (
        PAGES.consultation(register, "c-2026-002", chancery.at_us),
        PAGES.consultations(register, chancery.at_us),
    ):
        assert html is not None
        assert said_in(Reader(html).text) == {"would receive"}
        assert tags_in(html) == ["Not open yet"]


def test_the_states_reach_every_stance() -> None:
    """No phase, stop, end, footing or status is without a state above."""
    seen: set[str] = set()
    for state in STATES:
        _, item, _ = brought_about(state)
        stance = item["stance"]
        seen |= {item["status"], stance["phase"], stance["footing"], *stance["stops"], stance["end"] or ""}
    for union in (Phase, Stop, End, Footing, Status):
        assert set(get_args(union)) <= seen, union


def test_every_part_of_a_stance_has_its_sentence() -> None:
    assert set(sentences.STOPS) == set(get_args(Stop))
    assert set(sentences.ENDS) == set(get_args(End))
    assert set(sentences.FOOTINGS) == set(get_args(Footing))
    assert set(sentences.LABELS) == set(get_args(Status))


def test_a_register_without_a_stance_is_told_as_silent() -> None:
    register, item, _ = brought_about("marked")
    del item["stance"]
    html = PAGES.authority(register, item["name"], item["version"])
    assert html is not None
    assert "The register does not say what was consulted on." in Reader(html).text


def test_the_history_tells_what_was_and_not_what_is() -> None:
    """A review that was missed and came later: nothing in the history says that nothing is released now."""
    chancery = Chancery()
    ct(chancery)
    chancery.at_us += 93 * DAY_US
    moment = RegimeAt(chancery.state.regime, chancery.parsed, chancery.at_us)
    for stood in moment.untold():
        chancery.state.regime.tell(stood, at_us=chancery.at_us, entry=chancery.state.entries)
    act(
        chancery,
        "review",
        CT,
        ("home-office/secretary-of-state",),
        reviewed_at="2026-10-09T12:00:00Z",
        at="2026-10-09T12:00:00Z",
    )
    register = chancery.register()
    html = PAGES.authority(register, CT, 1)
    assert html is not None
    history = Reader(html).text.split("What happened to it")[1]
    assert "Review overdue, by the clock" in history
    assert "it stopped by itself" in history
    assert "othing is released" not in history


def test_what_a_decision_covers_is_told_by_what_became_of_it() -> None:
    chancery = Chancery()
    ct(chancery)
    covered_first(chancery)
    register = chancery.register()
    page = Reader(PAGES.consultation(register, "c-2026-002", chancery.at_us) or "").text
    assert "What it covers What was proposed It covers that until 1 August 2028" in page
    quash_consultation("c-2026-002")(chancery)
    register = chancery.register()
    page = Reader(PAGES.consultation(register, "c-2026-002", chancery.at_us) or "").text
    assert "What it covers Nothing any more: a court quashed it on" in page
    assert "It covers that until" not in page
    assert "may allow" not in Reader(PAGES.drift(register)).text


def test_a_redaction_whose_time_is_over_is_not_said_to_be_kept() -> None:
    chancery = Chancery()
    hidden = {
        "member": "authority.necessity",
        "commitment": "ab" * 32,
        "reason": "An operation",
        "until": "2027-07-04T00:00:00Z",
    }
    ct(chancery, authority__necessity=None, redactions=[hidden])
    register = chancery.register()
    text = Reader(PAGES.authority(register, CT, 1) or "").text
    assert "An operation 4 July 2027, 00:00 UTC" in text
    chancery.at_us += 400 * DAY_US
    text = Reader(PAGES.authority(chancery.register(), CT, 1) or "").text
    assert "It ended 4 July 2027, 00:00 UTC: what it says is to be published" in text


def test_two_times_one_look_come_to_the_same_words() -> None:
    register, item, _ = brought_about("within, and consulted on since")
    assert canonical(item["stance"]) == canonical(
        brought_about("within, and consulted on since")[1]["stance"]
    )
    assert item["stance"]["by"] == ["c-match"]
    html = PAGES.authority(register, MATCH, 1)
    assert html is not None
    assert "Consultations on it c-match (approved)" in Reader(html).text
