"""Policies, proofs that stand alone, and what an answer of a witness means."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs import OTHER_SIGNER, SIGNER, numbered
from tests.witnessing import GrownLog
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.base.signing import PrivateKey
from wicketgate.ledger.cosignatures import CosignerKey, Ed25519Cosigner, MlDsaCosigner, cosign
from wicketgate.ledger.merkle import inclusion_ranges, root
from wicketgate.ledger.notes import Note, parse_note
from wicketgate.ledger.policies import demand_policy, make_policy, open_cosigned, parse_policy
from wicketgate.ledger.submissions import Meaning, judge_answer, submission_body, with_lines
from wicketgate.ledger.tlog_proofs import make_tlog_proof, parse_tlog_proof, verify_tlog_proof

LOG = GrownLog(40)
KEYS: dict[str, list[CosignerKey]] = {
    name: [
        Ed25519Cosigner(name=f"{name}.example", private=PrivateKey.generate()),
        MlDsaCosigner(f"{name}.example", bytes([number]) * 32),
    ]
    for number, name in enumerate(("a", "b", "c"), start=1)
}
POLICY = make_policy(
    SIGNER.vkey,
    [(name, f"https://{name}.example", [one.cosigner.vkey for one in keys]) for name, keys in KEYS.items()],
    2,
)


def cosigned(size: int, *keys: CosignerKey, at_s: int = 1_700_000_000) -> bytes:
    note = LOG.checkpoint(size)
    text = parse_note(note).text
    return with_lines(note, [cosign(key, text, at_s) for key in keys])


def held(note: bytes) -> bool:
    policy = parse_policy(POLICY)
    try:
        demand_policy(open_cosigned(note, SIGNER.verifier, policy), SIGNER.verifier, policy)
    except VerificationError:
        return False
    return True


def test_a_witness_counts_once_in_whichever_form_and_two_are_as_many_as_must() -> None:
    (a, a2), (b, b2), (c, _) = KEYS.values()
    assert not held(cosigned(20))
    assert not held(cosigned(20, a, a2)), "two keys of one witness are one witness"
    for two in ((a, b), (a2, b), (a2, b2), (b2, c), (a, a2, b, b2, c)):
        assert held(cosigned(20, *two))


def test_a_line_over_another_text_counts_for_nothing_and_names_its_witness() -> None:
    (a, _), (b, _), _ = KEYS.values()
    elsewhere = parse_note(cosigned(21, b)).signatures[-1]
    note = with_lines(cosigned(20, a), [elsewhere])
    opened = open_cosigned(note, SIGNER.verifier, parse_policy(POLICY))
    assert (list(opened.at_s), opened.bad) == (["a.1"], ("b.1",))
    assert not held(note)


def test_what_the_log_did_not_sign_is_no_checkpoint_of_it_whoever_cosigned() -> None:
    (a, _), (b, _), _ = KEYS.values()
    parsed = parse_note(cosigned(20, a, b))
    bare = Note(text=parsed.text, signatures=parsed.signatures[1:]).dump()
    with pytest.raises(VerificationError):
        open_cosigned(bare, SIGNER.verifier, parse_policy(POLICY))


A, B = (KEYS[name][0].cosigner.vkey for name in "ab")


@pytest.mark.parametrize(
    ("text", "cosigners", "holds"),
    [
        ("quorum none\n", "", True),
        (f"witness a {A}\nquorum a\n", "", False),
        (f"witness a {A}\nquorum a\n", "a", True),
        (f" witness\ta  {A} https://a.example \n# words\n\nquorum a", "a", True),
        (f"witness a {A}\nwitness b {B}\ngroup g all a b\nquorum g\n", "a", False),
        (f"witness a {A}\nwitness b {B}\ngroup g any a b\nquorum g\n", "b", True),
        (f"witness a {A}\nwitness b {B}\ngroup g 1 a\ngroup h 2 g b\nquorum h\n", "ab", True),
    ],
    ids=count(),
)
def test_a_policy_holds_as_tlog_policy_says(text: str, cosigners: str, holds: bool) -> None:
    policy = parse_policy(text.encode())
    note = cosigned(20, *(KEYS[name][0] for name in cosigners))
    assert policy.holds(open_cosigned(note, SIGNER.verifier, policy).at_s) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum a\n",
        "quorum none\nquorum none\n",
        f"witness a {A}\nwitness b {A}\nquorum a\n",
        f"witness a {A}\nwitness a {B}\nquorum a\n",
        f"witness none {A}\nquorum none\n",
        f"group g any a\nwitness a {A}\nquorum g\n",
        f"witness a {A}\ngroup g 2 a\nquorum g\n",
        f"witness a {A}\ngroup g 0 a\nquorum g\n",
        f"witness a {A}\ngroup g 01 a\nquorum g\n",
        f"witness a {A}\ngroup g any a a\nquorum g\n",
        f"witness a {A}\nwitness b {B}\ngroup g any a\ngroup h any a b\nquorum h\n",
        f"witness a {A}\ngroup g any none\nquorum g\n",
        f"witness a {SIGNER.vkey}\nquorum a\n",
        f"log {A}\nquorum none\n",
        f"log {SIGNER.vkey}\nlog {SIGNER.vkey}\nquorum none\n",
        f"witness a {A} u v\nquorum a\n",
        "quorum none\r\n",
        "others none\n",
    ],
    ids=count(),  # keys differ from run to run
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_policy(text.encode())


def test_a_policy_about_another_log_does_not_hold() -> None:
    opened = open_cosigned(LOG.checkpoint(5), SIGNER.verifier, parse_policy(b"quorum none\n"))
    for signer, holds in ((SIGNER, True), (OTHER_SIGNER, False)):
        policy = parse_policy(f"log {signer.vkey}\nquorum none\n".encode())
        if holds:
            demand_policy(opened, SIGNER.verifier, policy)
        else:
            with pytest.raises(VerificationError):
                demand_policy(opened, SIGNER.verifier, policy)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_policy_and_a_proof_or_refused(data: bytes) -> None:
    for parse in (parse_policy, parse_tlog_proof):
        try:
            parse(data)
        except InputError:
            continue


@given(
    st.lists(
        st.sampled_from(["log", "witness", "group", "quorum", "a", "b", "g", "any", "2", A, B, "\n", "none"])
    )
)
def test_any_words_of_a_policy_are_one_or_refused(words: list[str]) -> None:
    try:
        policy = parse_policy(" ".join(words).encode())
    except InputError:
        return
    assert policy.quorum == "none" or policy.quorum in policy.witnesses or policy.quorum in policy.groups
    assert policy.quorum == "none" or not policy.holds(())


# --- proofs -----------------------------------------------------------------------------------------------


def proof(index: int, size: int, note: bytes) -> bytes:
    path = [root(LOG.hashes[first:end]) for first, end in inclusion_ranges(index, size)]
    return make_tlog_proof(index, path, note)


@pytest.mark.parametrize("index", [0, 7, 19])
def test_a_proof_stands_alone_and_shows_its_entry_and_no_other(index: int) -> None:
    data = proof(index, 20, cosigned(20, KEYS["a"][0], KEYS["c"][1]))
    parsed, policy, entry = parse_tlog_proof(data), parse_policy(POLICY), numbered(0, 20)[index]
    assert parsed.dump() == data
    assert verify_tlog_proof(parsed, entry, SIGNER.verifier, policy).checkpoint.size == 20
    for bad in (entry + b"x", numbered(0, 20)[(index + 1) % 20]):
        with pytest.raises(VerificationError):
            verify_tlog_proof(parsed, bad, SIGNER.verifier, policy)
    alone = parse_tlog_proof(proof(index, 20, cosigned(20, KEYS["a"][0])))
    with pytest.raises(VerificationError):
        verify_tlog_proof(alone, entry, SIGNER.verifier, policy)


# --- answers ----------------------------------------------------------------------------------------------

SIZE = "text/x.tlog.size"


@pytest.mark.parametrize(
    ("status", "media_type", "body", "meaning", "size"),
    [
        (409, SIZE, b"12\n", Meaning.RESUME, 12),
        (409, f"{SIZE}; charset=utf-8", b"0\n", Meaning.RESUME, 0),
        (409, SIZE, b"21\n", Meaning.ALARM, 21),
        (409, SIZE, b"012\n", Meaning.ALARM, 0),
        (409, "text/plain", b"12\n", Meaning.ALARM, 0),
        (409, "", b"", Meaning.ALARM, 0),
        (422, "text/plain", b"the proof does not verify", Meaning.ALARM, 0),
        (429, "", b"", Meaning.LATER, 0),
        (500, "", b"", Meaning.LATER, 0),
        (400, "", b"", Meaning.REFUSED, 0),
        (403, "", b"", Meaning.REFUSED, 0),
        (404, "", b"", Meaning.REFUSED, 0),
        (302, "", b"", Meaning.REFUSED, 0),
        (200, "", b"", Meaning.WRONG, 0),
        (200, "", b"words\n", Meaning.WRONG, 0),
    ],
)
def test_each_answer_means_one_thing(
    status: int, media_type: str, body: bytes, meaning: Meaning, size: int
) -> None:
    text = parse_note(LOG.checkpoint(20)).text
    found = judge_answer(status, media_type, body, text=text, size=20, cosigners=[KEYS["a"][0].cosigner])
    assert (found.meaning, found.size) == (meaning, size)


def test_cosignatures_are_verified_and_those_of_other_keys_left_out() -> None:
    text = parse_note(LOG.checkpoint(20)).text
    a, b = KEYS["a"][0], KEYS["b"][0]
    lines = "".join(cosign(key, text, 5).line for key in (a, b)).encode()

    def judged(body: bytes) -> Meaning:
        return judge_answer(200, "", body, text=text, size=20, cosigners=[a.cosigner]).meaning

    found = judge_answer(200, "", lines, text=text, size=20, cosigners=[a.cosigner])
    assert [one.name for one in found.lines] == ["a.example"]
    assert judged(cosign(b, text, 5).line.encode()) is Meaning.WRONG
    other = parse_note(LOG.checkpoint(21)).text
    assert judged(cosign(a, other, 5).line.encode()) is Meaning.WRONG


@given(st.integers(0, 999), st.text(max_size=30), st.binary(max_size=200))
def test_any_answer_is_judged_and_its_words_can_be_shown(status: int, media_type: str, body: bytes) -> None:
    text = parse_note(LOG.checkpoint(20)).text
    found = judge_answer(status, media_type, body, text=text, size=20, cosigners=[KEYS["a"][0].cosigner])
    assert found.words.isprintable()
    assert len(found.words) < 300


def test_a_submission_is_what_the_witness_reads() -> None:
    assert submission_body(7, LOG.proof(7, 20), LOG.checkpoint(20)) == LOG.submission(7, 20)
