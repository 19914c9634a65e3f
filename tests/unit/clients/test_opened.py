"""Facts that an operator puts under a second: each is of a known form, and of documents that stood."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import FEED, WANTED, World
from tests.simulator import LOG_KEY
from tests.unit.clients.test_sums import IDENTITY, line
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.clients.verify import Report, verify_folder
from wicketgate.clients.verify.opened import KINDS
from wicketgate.clients.verify.openings import read_identity
from wicketgate.clients.verify.run import Opened
from wicketgate.gate.terms import Reason
from wicketgate.gateway.deployment import note_signer
from wicketgate.gateway.filing import errata_facts as corrected
from wicketgate.gateway.filing import facts as filed
from wicketgate.gateway.filing import links as linked
from wicketgate.gateway.filing import search_facts as searched
from wicketgate.ledger.facts import SecondTree
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.publishing import REASONS

Fact = dict[str, Any]
SALT = {"salt": "00" * 16}
HASH = "ab" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A feed in bulk that is revoked, and a list; seconds go on for long behind it."""
    made_world = World(tmp_path_factory.mktemp("world") / "log")
    made_world.at_us += 200_000
    made_world.document(documents.example("authority"))
    made_world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    for _ in range(12):
        made_world.decide(30, released=25, withheld=5)
        made_world.close_second()
    made_world.decide(30, released=20, withheld=0, feed=WANTED)
    made_world.answer("confirmed", 5)
    made_world.close_second()
    revoked = documents.changed(
        documents.example("revocation"), documents.put("revocation.at", rfc3339(made_world.at_us))
    )
    made_world.document(revoked, ("tfl/data-protection",))
    for _ in range(90):
        made_world.close_second()
    made_world.flush()
    yield made_world
    made_world.close()


def tampered(world: World, folder: Path, change: Callable[[dict[str, Any]], bool]) -> Report:
    """Change the facts of opened seconds, sign the log anew, and verify it with the openings."""
    entries = [parse_canonical(entry) for entry in world.entries]
    lines = []
    changed = 0
    for number, one in enumerate(world.openings, 1):
        opening = json.loads(one)
        if change(opening):
            changed += 1
            tree = SecondTree([canonical(fact) for fact in opening["facts"]], bytes.fromhex(opening["seed"]))
            entries[opening["entry"]]["root"] = tree.root.hex()
        lines.append(line(number, canonical(opening)))
    assert changed, "nothing was changed"
    with Ledger.create(folder / "log", note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    (folder / "openings").write_text("".join(lines))
    (folder / "identity").write_text(f"# an overseer's\n{IDENTITY}\n")
    opened = Opened(paths=(folder / "openings",), opener=read_identity(folder / "identity"))
    return verify_folder(folder / "log", openings=opened)


def adding(*facts: Fact, at: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], bool]:
    """Put facts into the first second that is chosen."""
    done: list[bool] = []

    def change(opening: dict[str, Any]) -> bool:
        if done or not at(opening):
            return False
        done.append(True)
        opening["facts"] += [
            {name: opening["second"] if value == "now" else value for name, value in one.items()} | SALT
            for one in facts
        ]
        return True

    return change


def decided(opening: dict[str, Any]) -> bool:
    return any(one["kind"] == "decision" and one["reads"] for one in opening["facts"])


def long_after(opening: dict[str, Any]) -> bool:
    return bool(parse_rfc3339(opening["second"]) > made.START_US + 80 * SECOND_US)


def decision(commit: int, reads: int = 0, **more: Any) -> Fact:
    known = {
        "kind": "decision",
        "commit": commit,
        "reads": reads,
        "withheld": 0,
        "accepted": reads,
        "repeated": 0,
    }
    return known | {"quarantined": {}, "refused": []} | more


def release(reference: str, commit: int, rows: int = 3, **more: Any) -> Fact:
    known = {"kind": "release", "authority": reference, "batch": 999, "commit": commit, "rows": rows}
    return known | {"root": HASH, "released_at": "now"} | more


def hit(reference: str, commit: int, **more: Any) -> Fact:
    known = {"kind": "hit", "commit": commit, "authority": reference, "hit": "h", "seq": 1, "voi": "v"}
    return known | {"quality": "exact", "late": False, "clone": False} | more


def erratum(commit: int, *, name: str = FEED, seq: int = 0, version: int = 0, read: bool = False) -> Fact:
    """Return the fact of an erratum of one row of a feed."""
    row = {"authority": name, "version": version, "corrects": 4, "seq": seq, "read": read}
    return {"kind": "erratum", "commit": commit, "id": "a" * 24, "vehicle": "b" * 24, "rows": [row]}


ALWAYS = 9_000_001

FORGED: list[tuple[str, tuple[Fact, ...], str]] = [
    ("ghost", (decision(ALWAYS, 3), release("secret-service@1", ALWAYS)), "was not in the log"),
    ("version", (decision(ALWAYS, 3), release(f"{FEED}@99", ALWAYS)), "was not in the log"),
    ("revoked", (decision(ALWAYS, 3), release(f"{FEED}@1", ALWAYS)), "but revoked"),
    (
        "elsewhere",
        (decision(ALWAYS, 3), release(f"{WANTED}@1", ALWAYS, released_at="2026-07-08T12:00:01Z")),
        "another second",
    ),
    ("kind", ({"kind": "copied-to", "rows": 5_000_000},), "a kind `copied-to`"),
    ("member", (decision(ALWAYS, 0, plates=["AA11AAA"]),), "is not as it should be"),
    ("typed", (decision(ALWAYS, 0, accepted="5"),), "is not as it should be"),
    (
        "refused",
        (decision(ALWAYS, 3, refused=[{"authority": "x@1", "reason": "error", "rows": 3}]),),
        "`x@1`",
    ),
    (
        "reason",
        (decision(ALWAYS, 3, refused=[{"authority": f"{FEED}@1", "reason": "so-he-said", "rows": 3}]),),
        "is no reason",
    ),
    ("images", (decision(ALWAYS, 0, images={f"{WANTED}@1": 5}),), "more images"),
    ("twice", (decision(ALWAYS), decision(ALWAYS)), "of one commit"),
    ("ghost-hit", (hit("secret@1", ALWAYS),), "in no row"),
    ("hit-of-nothing", (hit(f"{WANTED}@1", ALWAYS),), "in no row"),
    (
        "more-hits",
        (
            decision(ALWAYS, 1),
            release(f"{WANTED}@1", ALWAYS, 1),
            hit(f"{WANTED}@1", ALWAYS),
            hit(f"{WANTED}@1", ALWAYS, hit="h2", voi="v2"),
        ),
        "raised 2 hits in 1 rows",
    ),
    (
        "list",
        (
            {
                "kind": "hotlist",
                "commit": ALWAYS,
                "authority": "secret",
                "revision": 1,
                "entries": 5,
                "added": 5,
                "changed": 0,
                "removed": 0,
                "sha256": HASH,
            },
        ),
        "which was not in the log",
    ),
    (
        "list-of-bulk",
        (
            {
                "kind": "hotlist",
                "commit": ALWAYS,
                "authority": FEED,
                "revision": 1,
                "entries": 5,
                "added": 5,
                "changed": 0,
                "removed": 0,
                "sha256": HASH,
            },
        ),
        "which has none",
    ),
    (
        "fetched",
        (
            {
                "kind": "image-read",
                "commit": ALWAYS,
                "authority": FEED,
                "sha256": HASH,
                "unit": "u",
                "by": "b",
            },
        ),
        "which shows none",
    ),
    (
        "passed-on",
        (
            {
                "kind": "disclosure",
                "commit": ALWAYS,
                "id": "d",
                "authority": f"{FEED}@1",
                "to": "abroad",
                "law": "l",
                "rows": 5,
                "made_at": "now",
                "status": "in-force",
                "refused": False,
                "case": "",
                "reason": "",
            },
        ),
        "to whom it does not let them be",
    ),
    ("erratum-of-nothing", (erratum(ALWAYS, seq=9, version=1),), "in no row that was released"),
    ("erratum-before", (erratum(ALWAYS, seq=3, version=1),), "neither a row behind the one"),
    ("erratum-without-row", (erratum(ALWAYS, read=True),), "nor a notice"),
    (
        "erratum-of-many",
        (erratum(ALWAYS, name=WANTED, seq=9, version=1), release(f"{WANTED}@1", ALWAYS, 2)),
        "more than its own row",
    ),
    (
        "errata-taken",
        (
            {
                "kind": "errata-taken",
                "commit": ALWAYS,
                "authority": "secret",
                "through": 1,
                "by": "b",
                "hour": [],
                "day": [],
                "later": [],
            },
        ),
        "which was not in the log",
    ),
    (
        "cameras",
        ({"kind": "cameras", "source": "tfl", "cameras": [{"id": "c1"}]},),
        "not those that an entry of the log counts",
    ),
]


@pytest.mark.parametrize(("facts", "words"), [one[1:] for one in FORGED], ids=[one[0] for one in FORGED])
def test_a_fact_of_no_form_or_under_nothing_is_found(
    world: World, tmp_path: Path, facts: tuple[Fact, ...], words: str
) -> None:
    """None moves a number that is shown: small cells hid each of them."""
    report = tampered(world, tmp_path, adding(*facts, at=long_after))
    faults = {check.name: " ".join((check.words, *check.faults)) for check in report.checked if not check.ok}
    assert words in faults["openings"], faults
    assert "AA11AAA" not in faults["openings"]


def test_what_an_honest_gateway_opens_passes(world: World, tmp_path: Path) -> None:
    def same(opening: dict[str, Any]) -> bool:
        return decided(opening)

    report = tampered(world, tmp_path, same)
    assert report.ok, report.lines()
    assert any("what else facts say" in words for words in report.not_checked)


def test_every_kind_and_reason_that_a_gateway_writes_is_known() -> None:
    """A kind that is added to the vocabulary needs a form here, or every overseer's check fails."""
    source = Path(filed.__file__).read_text() + Path(searched.__file__).read_text()
    source += Path(corrected.__file__).read_text() + Path(linked.__file__).read_text()
    written = set(re.findall(r'\bsalted\(\s*"([a-z-]+)"', source)) | {"release", "search-run"}
    assert written == KINDS
    reasons = {reason for part in Reason.__args__ for reason in getattr(part, "__args__", (part,))}
    assert reasons == REASONS
