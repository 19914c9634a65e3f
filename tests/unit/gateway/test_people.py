"""Who people are now: documents in force, openings, passkeys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.vectors import make_documents as world
from tests.vectors.make_documents import Story, changed, put
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import InputError, NotEntitled, WicketgateError
from wicketgate.base.signing import canonical
from wicketgate.commits.people import CommitmentOpened, Passkey, PasskeyWithdrawn, PeopleOpened
from wicketgate.commits.state import State
from wicketgate.commits.transactions import DocumentTaken, Transaction
from wicketgate.gateway.people import PeopleInForce, SignedInAs, kept_claims, require_fitting, require_true
from wicketgate.regime.documents.people import Workplace, code_of, commit_to, hash_code
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

SIGNER = ("met/national-security",)
ADA = {"name": "Ada Archer", "subject": "s-1"}
BEN = {"name": "Ben Bishop"}
DESK = Workplace(organisation="met", unit="serious-crime")
OFFICE = Workplace(organisation="met", office="serious-crime")
ISSUER = "https://identity.met.example"
CODE = "correct-horse-battery"
SALTS = [bytes([n]) * 32 for n in range(8)]
AT_US = parse_rfc3339(world.AT)


class Kept:
    """A fold as a gateway keeps it, and its clock."""

    def __init__(self) -> None:
        self.committed = State()
        self.parsed = Parsed()
        self.at_us = AT_US

    def now_us(self) -> int:
        return self.at_us

    async def sleep(self, seconds: float) -> None:
        raise AssertionError

    def committed_at(self, at_us: int) -> RegimeAt:
        return RegimeAt(self.committed.regime, self.parsed, at_us)

    def take(self, **members: Any) -> None:
        self.committed.apply(
            Transaction(at_us=self.at_us, first_entry=self.committed.entries, **members),
            self.committed.sequence + 1,
            self.parsed,
        )

    def sign(self, document: dict[str, Any], by: tuple[str, ...]) -> None:
        story = Story().then(document, by) if not self.committed.entries else None
        envelope = (
            story.before[0].envelope
            if story is not None
            else world.dump_envelope(world.sign_document(document, world.keys_of(by)))
        )
        entry = self.committed.entries
        self.take(document=DocumentTaken(envelope=envelope, entry=entry), entries=(b"{}",))


def people(*changes: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    def named(document: dict[str, Any]) -> None:
        document["grants"][0]["claims"][0]["value"] = commit_to(SALTS[0], "crime-desk")
        document["persons"][0]["person"] = commit_to(SALTS[1], ADA)
        document["persons"][1]["person"] = commit_to(SALTS[2], BEN)
        document["persons"][1]["enrol"] = hashlib.sha256(CODE.encode()).hexdigest()

    return changed(world.example("people"), named, *changes)


def opening(salt: bytes, value: Any) -> CommitmentOpened:
    return CommitmentOpened(commitment=commit_to(salt, value), salt=salt, value=value)


OPENINGS = (opening(SALTS[0], "crime-desk"), opening(SALTS[1], ADA), opening(SALTS[2], BEN))


@pytest.fixture
def kept() -> Kept:
    kept = Kept()
    kept.sign(world.example("charter"), world.ROOTS)
    kept.sign(people(), SIGNER)
    kept.take(people=PeopleOpened(organisation="met", openings=OPENINGS))
    return kept


@pytest.fixture
def known(kept: Kept) -> PeopleInForce:
    return PeopleInForce(kept, kept, b"secret")


def by_provider(**claims: Any) -> SignedInAs:
    return SignedInAs("met", provider="met-identity", issuer=ISSUER, client="wicketgate", claims=claims)


def enrol(kept: Kept, known: PeopleInForce) -> SignedInAs:
    _, person, name = known.awaited(CODE)
    assert name == "Ben Bishop"
    assert person.enrol is not None
    kept.take(
        passkey=Passkey(
            id="k1",
            organisation="met",
            person=person.commitment,
            public=b"key",
            spent=person.enrol,
            enrolled_us=AT_US,
        )
    )
    return SignedInAs("met", passkey="k1")


def test_a_subject_is_the_person_who_is_named(known: PeopleInForce) -> None:
    found = known.identify(by_provider(sub="s-1", name="Somebody Else"))
    assert found is not None
    assert found.name == "Ada Archer"
    assert found.person == commit_to(SALTS[1], ADA)
    assert found.roles_at(DESK) == {"viewer", "confirmer", "hotlist-keeper"}
    assert found.roles_at(Workplace(organisation="met")) == frozenset()


@pytest.mark.parametrize("groups", ["crime-desk", ["other", "crime-desk"]])
def test_claims_give_what_they_are_granted(known: PeopleInForce, groups: Any) -> None:
    found = known.identify(by_provider(sub="s-9", name="Cy Cole", groups=groups))
    assert found is not None
    assert (found.name, found.roles_at(DESK)) == ("Cy Cole", {"viewer"})
    again = known.identify(by_provider(sub="s-9", groups=groups))
    other = known.identify(by_provider(sub="s-8", groups=groups))
    assert again is not None
    assert other is not None
    assert again.person == found.person != other.person


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "s-2"},
        {"sub": 1, "groups": "crime-desk"},
        {"sub": "s-2", "groups": "crime"},
        {"sub": "s-2", "groups": ["crime"]},
        {"sub": "s-2", "groups": True},
        {"sub": "s-2", "groups": [["crime-desk"]]},
        {"sub": "s-2", "group": "crime-desk"},
    ],
)
def test_other_claims_give_nothing(known: PeopleInForce, claims: dict[str, Any]) -> None:
    assert known.identify(by_provider(**claims)) is None


def test_another_provider_vouches_for_nobody(known: PeopleInForce) -> None:
    assert known.identify(SignedInAs("met", provider="other", claims={"sub": "s-1"})) is None
    for other in (
        {"organisation": "tfl"},
        {"provider": "other"},
        {"issuer": "https://other.example"},
        {"client": "other"},
    ):
        assert known.identify(replace(by_provider(sub="s-1"), **other)) is None


def test_a_code_enrols_once(kept: Kept, known: PeopleInForce) -> None:
    proved = enrol(kept, known)
    found = known.identify(proved)
    assert found is not None
    assert (found.name, found.roles_at(OFFICE)) == ("Ben Bishop", {"approver"})
    assert found.roles_at(DESK) == frozenset()  # a unit and an office of one name are two places
    with pytest.raises(NotEntitled, match="used already"):
        known.awaited(CODE)


@pytest.mark.parametrize("code", ["", "wrong", CODE.upper(), "\udc80"])
def test_no_other_code_enrols(known: PeopleInForce, code: str) -> None:
    with pytest.raises(NotEntitled) as caught:
        known.awaited(code)
    assert caught.value.code == "unknown-code"


def test_a_code_enrols_nobody_whose_name_is_not_known(kept: Kept) -> None:
    kept.committed.people.openings.clear()
    with pytest.raises(NotEntitled):
        PeopleInForce(kept, kept, b"").awaited(CODE)


def test_a_passkey_that_is_withdrawn_is_nobody_and_its_code_stays_spent(
    kept: Kept, known: PeopleInForce
) -> None:
    proved = enrol(kept, known)
    kept.take(passkey=PasskeyWithdrawn(id="k1"))
    assert known.identify(proved) is None
    with pytest.raises(NotEntitled):
        known.awaited(CODE)


def test_whoever_the_next_version_does_not_name_is_nobody_at_once(kept: Kept, known: PeopleInForce) -> None:
    proved = enrol(kept, known)
    kept.sign(people(put("people.version", 2), put("persons", None), put("grants", None)), SIGNER)
    for one in (proved, by_provider(sub="s-1"), by_provider(sub="s-9", groups="crime-desk")):
        assert known.identify(one) is None
    assert kept.committed.people.openings["met"] == {}
    assert kept.committed.people.passkeys == {}


def test_a_code_signs_in_in_a_demonstration_alone(kept: Kept, known: PeopleInForce) -> None:
    with pytest.raises(NotEntitled):
        known.by_code(CODE)
    proved = SignedInAs("met", code=hashlib.sha256(CODE.encode()).hexdigest())
    assert known.identify(proved) is None
    kept = Kept()
    kept.sign(changed(world.example("charter"), put("charter.demonstration", True)), world.ROOTS)
    kept.sign(people(), SIGNER)
    kept.take(people=PeopleOpened(organisation="met", openings=OPENINGS))
    known = PeopleInForce(kept, kept, b"secret")
    for _ in range(2):
        found = known.identify(known.by_code(f" {CODE} "))
        assert found is not None
        assert found.name == "Ben Bishop"
    enrol(kept, known)  # spends it for passkeys alone
    assert known.identify(known.by_code(CODE)) is not None
    for other in ("", "other", CODE.upper()):
        with pytest.raises(NotEntitled):
            known.by_code(other)
    assert known.identify(SignedInAs("tfl", code=proved.code)) is None


def test_a_version_to_come_takes_nothing_yet(kept: Kept, known: PeopleInForce) -> None:
    later = people(
        put("people.version", 2), put("people.valid_from", "2026-08-01T00:00:00Z"), put("persons", None)
    )
    kept.sign(later, SIGNER)
    assert known.identify(by_provider(sub="s-1")) is not None
    kept.at_us = parse_rfc3339("2026-08-01T00:00:00Z")
    assert known.identify(by_provider(sub="s-1")) is None


def test_versions_to_come_lock_out_nobody_who_is_named_in_force(kept: Kept, known: PeopleInForce) -> None:
    proved = enrol(kept, known)
    for version, month in ((2, "08"), (3, "09"), (4, "10")):
        kept.sign(
            people(
                put("people.version", version),
                put("people.valid_from", f"2026-{month}-01T00:00:00Z"),
                put("persons", None),
            ),
            SIGNER,
        )
        assert known.identify(proved) is not None, version
        assert known.identify(by_provider(sub="s-1")) is not None, version
    moment = kept.committed_at(kept.at_us)
    require_fitting(list(moment.people_standing("met")), OPENINGS)
    assert [one.version for one in moment.people_standing("met")] == [1, 2, 3, 4]
    assert [
        one.version for one in moment.at(parse_rfc3339("2026-09-02T00:00:00Z")).people_standing("met")
    ] == [3, 4]


def test_whoever_was_named_once_is_named_when_the_term_is_over(kept: Kept, known: PeopleInForce) -> None:
    assert known.are_named("met")
    assert not known.are_named("tfl")
    kept.at_us = parse_rfc3339("2027-07-01T00:00:00Z")
    assert known.in_force("met") is None
    assert known.are_named("met")


def test_a_code_is_bound_to_its_person_and_organisation(kept: Kept, known: PeopleInForce) -> None:
    ben = commit_to(SALTS[2], BEN)
    code = code_of(ben, "BCDF-GHJK-LMNP-QRST")

    def by(organisation: str, person: str) -> Callable[[dict[str, Any]], object]:
        return put("persons.1.enrol", hash_code(organisation, person, code))

    for version, (organisation, person, good) in enumerate(
        (("tfl", ben, False), ("met", commit_to(SALTS[1], ADA), False), ("met", ben, True)), 2
    ):
        kept.sign(people(put("people.version", version), by(organisation, person)), SIGNER)
        if good:
            assert known.awaited(f" {code}\n")[2] == "Ben Bishop"
        else:
            with pytest.raises(NotEntitled):
                known.awaited(code)
    with pytest.raises(NotEntitled):
        known.awaited(code[:9] + "XXXX")


def test_what_another_organisation_does_spends_no_code(kept: Kept, known: PeopleInForce) -> None:
    _, ben, _ = known.awaited(CODE)
    assert ben.enrol is not None
    for number, (organisation, person) in enumerate((("tfl", ben.commitment), ("met", "00" * 32))):
        kept.take(
            passkey=Passkey(
                id=f"other {number}",
                organisation=organisation,
                person=person,
                public=b"key",
                spent=ben.enrol,
                enrolled_us=AT_US,
            )
        )
        assert known.awaited(CODE)[1] == ben


def test_nobody_is_known_once_the_term_is_over(kept: Kept, known: PeopleInForce) -> None:
    kept.at_us = parse_rfc3339("2027-07-01T00:00:00Z") - 1
    assert known.identify(by_provider(sub="s-1")) is not None
    assert known.providers() == [("met", "met-identity", "https://identity.met.example", "wicketgate")]
    kept.at_us += 1
    assert known.identify(by_provider(sub="s-1")) is None
    assert known.providers() == []


def test_whose_office_a_later_charter_takes_away_is_nobody(kept: Kept, known: PeopleInForce) -> None:
    def without(document: dict[str, Any]) -> None:
        document["organisations"][1]["units"] = [
            one for one in document["organisations"][1]["units"] if one["id"] != "serious-crime"
        ]

    kept.sign(changed(world.example("charter"), put("charter.version", 2), without), world.ROOTS)
    assert known.identify(by_provider(sub="s-1")) is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (opening(SALTS[3], "crime-desk"), "not-committed"),
        (CommitmentOpened(commitment=OPENINGS[1].commitment, salt=SALTS[3], value=ADA), "not-committed"),
        (CommitmentOpened(commitment=OPENINGS[1].commitment, salt=SALTS[1], value=BEN), "not-committed"),
        (CommitmentOpened(commitment=OPENINGS[1].commitment, salt=b"", value=ADA), "not-committed"),
    ],
)
def test_openings_must_fit(kept: Kept, given: CommitmentOpened, code: str) -> None:
    versions = [kept.parsed.people(one) for one in kept.committed.regime.people["met"]]

    def demand(openings: list[CommitmentOpened]) -> None:
        require_true(openings)
        require_fitting(versions, openings)

    demand(list(OPENINGS))
    with pytest.raises(InputError) as caught:
        demand([given])
    assert caught.value.code == code
    assert "Archer" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "Ada",
        {},
        {"name": ""},
        {"name": 1},
        {"name": "A" * 201},
        {"name": "Ada", "photo": "x"},
        {"name": "Ada", "subject": "s" * 256},
    ],
)
def test_a_person_has_a_name(value: Any) -> None:
    kept = Kept()
    kept.sign(world.example("charter"), world.ROOTS)
    kept.sign(people(put("persons.0.person", commit_to(SALTS[4], value))), SIGNER)
    versions = [kept.parsed.people(one) for one in kept.committed.regime.people["met"]]
    with pytest.raises(WicketgateError):
        require_fitting(versions, [opening(SALTS[4], value)])


def test_a_value_of_megabytes_is_refused_before_it_is_hashed() -> None:
    """3.14 MB in an opening stood in the fact of each sign-in."""
    value = {"name": "Ada", "photo": "x" * 5_000}
    with pytest.raises(InputError, match="4 KiB"):
        require_true([opening(SALTS[4], value)])


def test_claims_are_looked_through_once_while_nothing_changes(
    kept: Kept, known: PeopleInForce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """230 grants and 1,000 groups took 10 ms of the loop at each request, and twice."""
    proved = by_provider(sub="s-1", groups=[f"g{number}" for number in range(5_000)])
    first = known.identify(proved)
    assert first is not None
    monkeypatch.setattr(PeopleInForce, "_claimed", lambda *_: pytest.fail("they were looked through again"))
    assert known.identify(proved) is first
    kept.at_us += 1
    assert known.identify(proved) is first
    monkeypatch.undo()
    assert known.identify(by_provider(sub="nobody")) is None
    kept.at_us = parse_rfc3339("2027-07-01T00:00:00Z")
    assert known.identify(proved) is None


def test_of_claims_no_more_is_kept_than_counts() -> None:
    said = {
        "sub": "s",
        "groups": [1, True, "x" * 4_097, *map(str, range(2_000))],
        "photo": "x" * 5_000,
        "n": None,
    }
    kept = kept_claims(said)
    assert kept["sub"] == "s"
    assert kept["groups"] == [1, True, *map(str, range(997))]
    assert "photo" not in kept


def test_a_commitment_hides_what_it_is_to() -> None:
    assert commit_to(SALTS[0], ADA) != commit_to(SALTS[1], ADA)
    assert (
        commit_to(SALTS[0], ADA)
        == hashlib.sha256(b"wicketgate people v1\0" + SALTS[0] + canonical(ADA)).hexdigest()
    )
    with pytest.raises(ValueError, match="32 bytes"):
        commit_to(b"short", ADA)
