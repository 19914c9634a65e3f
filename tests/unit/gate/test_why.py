"""Why a read left or stayed, in words: each reason, with the documents that it rests on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.strategies import entry_of
from tests.vectors import make_documents as documents
from tests.worlds import World, begin
from wicketgate.base.clock import DAY_US, HOUR_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.past import rewind
from wicketgate.commits.transactions import CameraSet
from wicketgate.gate.decide import Looks
from wicketgate.gate.why import AuthorityAnswer, WhyQuestion, answer
from wicketgate.hotlists import Hotlist
from wicketgate.hotlists.in_force import Allowed
from wicketgate.hotlists.unlisted import Unlisted, stand_after
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt

START = "2026-07-08T12:00:00Z"
AT_US = parse_rfc3339(START)
CT, WANTED = "tfl-met-ct", "tfl-met-wanted"
EVER = (-(2**61), 2**61)
CAMERAS = (
    CameraSet(id="c0", groups=("ccz-boundary",), latitude=51.5, longitude=-0.12),
    CameraSet(id="c1", groups=("ccz-boundary",)),
    CameraSet(id="c2", groups=("ulez",)),
    CameraSet(id="c3"),
)
WITHHELD = Admitted(cap=1)


class City:
    """A world whose documents are signed, and what is asked of it."""

    def __init__(self) -> None:
        self.world: World = begin(random.Random(1), START)
        self.world.register("tfl", CAMERAS)
        self.lists: dict[str, Hotlist | None] = {}

    def submit(self, document: dict[str, Any], *offices: str, admitted: Admitted | None = None) -> int:
        """Commit a document with the signatures of offices; return its entry."""
        envelope = dump_envelope(sign_document(document, documents.keys_of(offices)))
        self.world.apply(envelope, admitted or Admitted())
        return self.world.state.entries - 1

    def authority(self, example: str = "authority", admitted: Admitted | None = None, **puts: Any) -> int:
        """Commit an example authority with members put in."""
        offices = documents.CT_OFFICES if example == "authority" else documents.MATCH_OFFICES
        changes = [documents.put(path.replace("__", "."), value) for path, value in puts.items()]
        return self.submit(
            documents.changed(documents.example(example), *changes), *offices, admitted=admitted
        )

    def act(self, kind: str, *offices: str, name: str = CT, **more: Any) -> int:
        """Commit an act."""
        self.world.acts += 1
        body = {
            "id": f"{kind[0]}-{self.world.acts}",
            "authority": name,
            "at": rfc3339(self.world.at_us),
            **more,
        }
        return self.submit({kind: body}, *offices)

    def ask(self, camera: str = "c0", *, after_us: int = 0, name: str = CT, **more: Any) -> AuthorityAnswer:
        """Ask about a read of now, decided `after_us` later."""
        question = WhyQuestion(
            **{"source": "tfl", "camera": camera, "captured_us": self.world.at_us, "authority": name, **more}
        )
        (found,) = self.answers(question, self.world.at_us + after_us)
        return found

    def listed(self, name: str, terms: MatchTerms | UnlistedTerms) -> Looks | None:
        """Return a list as far as an authority's terms reach."""
        hotlist = self.lists.get(name)
        if hotlist is None:
            return None
        if isinstance(terms, MatchTerms):
            return Allowed(hotlist, terms)
        at_us = self.world.at_us
        return Unlisted(
            hotlist, terms, stand_after({}, hotlist.kinds(), terms, at_us, whole=True, touched=())
        )

    def answers(self, question: WhyQuestion, at_us: int, **more: Any) -> tuple[AuthorityAnswer, ...]:
        """Ask anything."""
        world = self.world
        return answer(
            question,
            RegimeAt(world.state.regime, world.parsed, at_us),
            world.state.cameras,
            self.listed,
            **more,
        )


@pytest.fixture
def city() -> City:
    return City()


def test_what_leaves_and_by_which_document(city: City) -> None:
    entry = city.authority()
    found = city.ask()
    assert found == AuthorityAnswer(
        authority="tfl-met-ct@1",
        recipient="met/national-security-units",
        purpose="national-security/terrorism",
        mode="bulk",
        allowed=True,
        reason=None,
        fields=("plate", "time", "place"),
        listed=None,
        words=(
            "`tfl-met-ct@1` lets it go: the camera `c0` of `tfl` is in its group `ccz-boundary`, and it was captured "
            "within the validity, from 2026-07-04T00:00:00Z until 2027-07-04T00:00:00Z.",
            f"The authority is in force since 2026-07-08T12:00:00Z (entry {entry}, signed by "
            "tfl/data-protection, home-office/secretary-of-state, met/national-security).",
            "What leaves of it: the plate, the time of capture, the camera, with its name and position.",
        ),
    )


def test_what_is_not_consulted_on_and_what_is_late_says_so(city: City) -> None:
    city.authority(admitted=Admitted(need="marked", wider=("it",)), scope__groups=[])
    words = " ".join(city.ask("c3", received_us=AT_US + HOUR_US).words)
    assert "the camera `c3` is one of `tfl`" in words
    assert "No consultation has covered all of it: it runs as `marked`." in words
    assert "It came late" in words
    assert "It came late" not in " ".join(city.ask("c3", received_us=AT_US + 1).words)


def suspended(city: City) -> str:
    city.authority()
    entry = city.act("suspension", "ico/commissioner", reason="so")
    return (
        f"it is suspended since 2026-07-08T12:00:00Z by the suspension `s-1` (entry {entry}, signed by "
        "ico/commissioner)"
    )


def stayed(city: City) -> str:
    city.authority()
    entry = city.act("challenge", court="The High Court", claim="so", stay=True)
    return (
        "it is suspended since 2026-07-08T12:00:00Z by order of a court, under the challenge `c-1` "
        f"(entry {entry})"
    )


def stopped_by_a_charter(city: City) -> str:
    city.authority()
    charter = documents.changed(documents.example("charter"), documents.put("charter.version", 2))
    city.submit(charter, admitted=Admitted(stops=(CT,)))
    return "it is suspended since 2026-07-08T12:00:00Z by a charter that ended one of its signers' keys (`charter-2`)"


def revoked(city: City) -> str:
    city.authority()
    entry = city.act("revocation", "tfl/commissioner", reason="so")
    return f"it ended on 2026-07-08T12:00:00Z, by the revocation `r-1` (entry {entry}, signed by tfl/commissioner)"


def quashed(city: City) -> str:
    city.authority()
    entry = city.act("quashed", court="The High Court", reason="so")
    return f"it ended on 2026-07-08T12:00:00Z, by the order `q-1` (entry {entry})"


def annulled(city: City) -> str:
    city.authority()
    entry = city.act("objection", organisation="home-office", reason="so", annul=True)
    return f"it ended on 2026-07-08T12:00:00Z, by the objection `o-1` (entry {entry})"


def not_yet(city: City) -> str:
    entry = city.authority(authority__valid_from="2026-07-09T00:00:00Z")
    return f"it is in force from 2026-07-09T00:00:00Z only (entry {entry})"


def over(city: City) -> str:
    city.authority(authority__valid_until="2026-07-08T12:00:00Z")
    return "it ended on 2026-07-08T12:00:00Z, when its validity ran out"


def overdue(city: City) -> str:
    city.authority(authority__valid_until="2026-07-09T12:00:00Z", authority__review_every="PT1S")
    city.world.at_us += HOUR_US
    return "it lapsed on 2026-07-08T12:00:01Z, when a review was due and none had been recorded"


def not_consulted_on(city: City) -> str:
    city.authority(admitted=Admitted(need="within", due_us=AT_US + 1))
    city.world.at_us += HOUR_US
    return (
        "it lapsed on 2026-07-08T12:00:00.000001Z, by when a consultation should have covered it and none had"
    )


REFUSED: list[tuple[str, Callable[[City], str]]] = [
    ("suspended", suspended),
    ("suspended", stayed),
    ("suspended", stopped_by_a_charter),
    ("revoked", revoked),
    ("revoked", quashed),
    ("revoked", annulled),
    ("not-in-force-yet", not_yet),
    ("expired", over),
    ("review-overdue", overdue),
    ("consultation-overdue", not_consulted_on),
]


@pytest.mark.parametrize(("reason", "prepare"), REFUSED, ids=[made.__name__ for _, made in REFUSED])
def test_what_stopped_it_is_named(city: City, reason: str, prepare: Callable[[City], str]) -> None:
    why = prepare(city)
    found = city.ask()
    assert (found.allowed, found.reason, found.fields) == (False, reason, ())
    assert found.words == (f"`tfl-met-ct@1` did not let it go: {why}.",)


@pytest.mark.parametrize(
    ("puts", "admitted", "camera", "why"),
    [
        (
            {"scope__sources": ["westminster"]},
            None,
            "c0",
            "its sources are `westminster`, and the camera is one of `tfl`",
        ),
        (
            {},
            None,
            "c2",
            "it is for the camera groups `ccz-boundary`, and the camera `c2` is in `ulez`",
        ),
        (
            {},
            None,
            "c3",
            "it is for the camera groups `ccz-boundary`, and the camera `c3` is in no group",
        ),
        (
            {"scope__area": {"south": 51, "west": -1, "north": 51.4, "east": 1}},
            None,
            "c0",
            "the camera `c0` is not in its area",
        ),
        (
            {"scope__area": {"south": 51, "west": -1, "north": 52, "east": 1}},
            None,
            "c1",
            "the camera `c1` is not in its area",
        ),
        (
            {},
            WITHHELD,
            "c1",
            "it may use at most 1 cameras, and `c1` is beyond them: cameras that joined later are withheld",
        ),
        (
            {
                "scope__hours": [
                    {"zone": "Europe/London", "days": ["wed"], "from": "07:00", "until": "13:00"},
                    {"zone": "Europe/London", "days": ["sun"], "from": "22:00", "until": "06:00"},
                ]
            },
            None,
            "c0",
            "it was captured on wed 13:00 (Europe/London), outside its hours: wed 07:00 to 13:00 "
            "(Europe/London); sun 22:00 to 06:00 the day after (Europe/London)",
        ),
    ],
)
def test_what_puts_it_out_of_scope_is_named(
    city: City, puts: dict[str, Any], admitted: Admitted | None, camera: str, why: str
) -> None:
    city.authority(admitted=admitted, **puts)
    found = city.ask(camera)
    assert (found.allowed, found.reason) == (False, "out-of-scope")
    assert found.words == (f"`tfl-met-ct@1` did not let it go: {why}.",)


def test_a_camera_that_was_withheld_stays_so_when_it_leaves_the_register(city: City) -> None:
    city.authority(admitted=WITHHELD)
    city.world.register("tfl", [CAMERAS[0], *CAMERAS[2:]])
    assert city.ask("c1").reason == "out-of-scope"
    assert city.ask("c0").allowed


def test_the_hours_and_the_area_are_said_where_they_count(city: City) -> None:
    city.authority(
        scope__area={"south": 51, "west": -1, "north": 52, "east": 1},
        scope__hours=[{"zone": "Europe/London", "days": ["wed"], "from": "13:00", "until": "14:00"}],
    )
    words = city.ask().words[0]
    assert "is in its group `ccz-boundary`, and in its area" in words
    assert words.endswith("and inside its hours.")


def test_captures_outside_the_validity(city: City) -> None:
    city.authority(authority__valid_until="2026-07-08T13:00:00Z")
    before = city.ask(captured_us=parse_rfc3339("2026-07-03T23:59:59Z"))
    assert before.reason == "before-validity"
    assert "2026-07-03T23:59:59Z, before the validity began on 2026-07-04T00:00:00Z" in before.words[0]
    after = city.ask(captured_us=AT_US + HOUR_US)
    assert after.reason == "expired"
    assert (
        "captured at 2026-07-08T13:00:00Z, and the validity ended on 2026-07-08T13:00:00Z" in after.words[0]
    )


def test_the_version_that_counts_then_answers(city: City) -> None:
    city.authority()
    city.world.at_us += DAY_US
    city.authority(authority__version=2, authority__valid_from="2026-07-10T00:00:00Z")
    assert city.ask().authority == "tfl-met-ct@1"
    assert city.ask(after_us=DAY_US).authority == "tfl-met-ct@2"


def test_a_full_feed(city: City) -> None:
    city.authority()
    question = WhyQuestion(source="tfl", camera="c0", captured_us=AT_US, authority=CT)
    (found,) = city.answers(question, AT_US, full={CT})
    assert found.reason == "feed-full"
    assert "its feed is full" in found.words[0]


def test_unknown_cameras_and_authorities_are_answers_too(city: City) -> None:
    city.authority()
    unknown = city.ask("c9")
    assert (unknown.allowed, unknown.reason) == (False, "unknown-camera")
    assert "goes to the quarantine" in unknown.words[0]
    nobody = city.ask(name="nobody")
    assert (nobody.authority, nobody.allowed, nobody.reason) == ("nobody", False, "no-authority")
    assert nobody.words == ("No authority `nobody` had been committed: without one nothing leaves.",)


def test_a_camera_that_has_left_the_register_is_said_to(city: City) -> None:
    city.authority()
    city.world.register("tfl", CAMERAS[1:])
    found = city.ask()
    assert found.allowed
    assert found.words[-1] == "Its source had taken the camera `c0` off the register."


# --- hotlists ---------------------------------------------------------------------------------------------


def test_a_list_decides_and_neither_plate_nor_entry_is_in_the_words(city: City) -> None:
    city.authority("authority-match")
    city.lists[WANTED] = Hotlist.of([entry_of("B5GZ", *EVER)])
    exact = city.ask(name=WANTED, plate="B5GZ")
    assert (exact.allowed, exact.listed) == (True, True)
    assert "An entry of its list is for it, exactly." in exact.words
    possible = city.ask(name=WANTED, plate="85GZ")
    assert (possible.allowed, possible.listed) == (True, True)
    assert any("as a possible match" in sentence for sentence in possible.words)
    other = city.ask(name=WANTED, plate="KLM3")
    assert (other.allowed, other.listed, other.reason) == (False, False, "not-listed")
    for found in (exact, possible, other):
        assert not any(plate in " ".join(found.words) for plate in ("B5GZ", "85GZ", "KLM3"))


def test_without_a_plate_or_the_list_of_then_nothing_is_said_of_entries(city: City) -> None:
    city.authority("authority-match")
    city.lists[WANTED] = Hotlist.of([entry_of("B5GZ", *EVER)])
    unasked = city.ask(name=WANTED)
    assert (unasked.allowed, unasked.listed, unasked.reason) == (None, None, None)
    assert unasked.fields
    assert unasked.words[-1] == "Whether an entry of its list is for it cannot be said: no plate was given."
    city.lists[WANTED] = None
    unkept = city.ask(name=WANTED, plate="B5GZ")
    assert (unkept.allowed, unkept.listed) == (None, None)
    assert "as of then it is not kept in the clear" in unkept.words[-1]
    assert city.ask("c3", name=WANTED, plate="B5GZ").reason == "out-of-scope"


def test_what_is_on_a_list_of_what_stays_is_said_and_an_unfit_list_refuses(city: City) -> None:
    name = "tfl-emissions"
    document = documents.changed(
        documents.example("authority-unlisted"),
        documents.put("scope.groups", ["ccz-boundary"]),
        documents.put("unlisted", {"min_entries": 1, "max_shrink": 0.05}),
    )
    city.world.take(document)
    city.lists[name] = Hotlist.of([entry_of("B5GZ", *EVER, kind="exempt")])
    stays = city.ask(name=name, plate="B5GZ")
    assert (stays.allowed, stays.listed, stays.reason) == (False, True, "listed")
    assert "this very plate" in " ".join(stays.words)
    leaves = city.ask(name=name, plate="85GZ")  # a possible hit is none
    assert (leaves.allowed, leaves.listed, leaves.reason) == (True, False, None)
    assert "None of its lists" in " ".join(leaves.words)
    assert city.ask(name=name).allowed is None
    city.lists[name] = Hotlist.of([entry_of("B5GZ", *EVER, kind="paid")])
    unfit = city.ask(name=name, plate="KLM3")
    assert (unfit.allowed, unfit.listed, unfit.reason) == (False, None, "error")
    assert "missing, stale" in " ".join(unfit.words)


def test_a_list_that_is_too_long_is_an_error(city: City) -> None:
    city.authority("authority-match", match__max_entries=1)
    city.lists[WANTED] = Hotlist.of([entry_of("B5GZ", *EVER), entry_of("KLM3", *EVER)])
    found = city.ask(name=WANTED, plate="B5GZ")
    assert (found.allowed, found.listed, found.reason) == (False, None, "error")


# --- recipients and past moments --------------------------------------------------------------------------


def test_a_recipient_is_told_about_each_of_its_authorities(city: City) -> None:
    city.authority()
    city.authority(authority__name="another", scope__groups=["ulez"])
    city.authority("authority-match")
    question = WhyQuestion(
        source="tfl", camera="c0", captured_us=AT_US, recipient="met/national-security-units"
    )
    found = city.answers(question, AT_US)
    assert [(item.authority, item.allowed) for item in found] == [
        ("another@1", False),
        ("tfl-met-ct@1", True),
    ]
    nobody = WhyQuestion(source="tfl", camera="c0", captured_us=AT_US, recipient="met/nobody")
    assert city.answers(nobody, AT_US) == ()


def test_as_of_any_moment_it_is_answered_as_it_was_then(city: City) -> None:
    asked: list[tuple[int, AuthorityAnswer]] = []
    question = WhyQuestion(source="tfl", camera="c0", captured_us=AT_US, authority=CT)

    def remember() -> None:
        (found,) = city.answers(question, city.world.at_us)
        asked.append((city.world.at_us, found))
        city.world.at_us += HOUR_US

    remember()
    city.authority()
    remember()
    city.act("suspension", "ico/commissioner", reason="so")
    remember()
    city.world.register("tfl", [CameraSet(id="c0", groups=("ulez",))])
    remember()
    city.act("resumption", "ico/commissioner", reason="so", suspension="s-1")
    remember()
    city.act("revocation", "tfl/commissioner", reason="so")
    remember()
    reasons = [found.reason for _, found in asked]
    assert reasons == ["no-authority", None, "suspended", "suspended", "out-of-scope", "revoked"]
    world = city.world
    for at_us, then in asked:
        past = rewind(world.state, world.parsed, until_us=at_us)
        assert answer(
            question, RegimeAt(past.regime, world.parsed, at_us), past.cameras, lambda *_: None
        ) == (then,)
