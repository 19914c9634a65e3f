"""Drafts of acts and consultations, which an officer then reads, checks and signs: `review`, `suspend`, `resume`,
`revoke`, `consult`, `object`, `decide`. docs/officer.md shows them in use. All work without a network.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from wicketgate.base.clock import SystemClock, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError
from wicketgate.base.periods import add, parse_period
from wicketgate.cli.officer import add_signing, sign_document_to
from wicketgate.cli.terminal import (
    add_against,
    make_file,
    on_terminal,
    read_document,
    read_file,
    read_prose,
    read_register,
    reporting,
)
from wicketgate.clients.officer.appraisal import review_words
from wicketgate.clients.officer.drafting import (
    Draft,
    draft_consultation,
    draft_decision,
    draft_objection,
    draft_resumption,
    draft_review,
    draft_stop,
    new_id,
)
from wicketgate.clients.officer.from_register import Known, learn
from wicketgate.regime.documents.consultations import parse_objection
from wicketgate.regime.documents.document import open_document, parse_payload, parse_toml
from wicketgate.regime.documents.toml import dump_toml
from wicketgate.regime.fold import Named

Subparsers = argparse._SubParsersAction  # its only name

_CHANCE_BYTES = 3


def add_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the commands that draft a document; each sets `run`: arguments to exit code."""
    review = _command(
        subparsers, "review", review_authority, "draft a review, after its figures", "NAME", True
    )
    _add_prose(review, "findings", "what the review found")
    _add_prose(review, "why-not-match", "of bulk: why match would still not do")
    _add_prose(review, "why-not-search", "of bulk: why search would still not do")

    for name, run, what in (
        ("suspend", suspend_authority, "draft what stops an authority until it is lifted"),
        ("revoke", revoke_authority, "draft what ends an authority for good"),
        ("resume", resume_authority, "draft what lifts a suspension"),
    ):
        act = _command(subparsers, name, run, what, "NAME", False)
        _add_prose(act, "reason", "why")
        if name == "resume":
            act.add_argument(
                "--suspension",
                metavar="ID",
                help="which suspension (default: with --against, the only open one)",
            )

    consult = _command(
        subparsers, "consult", consult_on, "draft a consultation on a document", "DOC.toml", False
    )
    consult.add_argument("--title", required=True)
    consult.add_argument(
        "--opens",
        metavar="TIME|PERIOD",
        default="P7D",
        help="default: a week from now, to be signed and published",
    )
    consult.add_argument(
        "--closes",
        metavar="TIME|PERIOD",
        required=True,
        help="RFC 3339, or how long it is open, such as P12W",
    )
    _add_prose(consult, "assessment", "what it would mean for people")

    objecting = _command(
        subparsers, "object", object_to, "draft an objection of an organisation", "NAME|ID", False
    )
    objecting.add_argument("--organisation", required=True, metavar="ORG", help="who objects")
    objecting.add_argument(
        "--authority", action="store_true", help="to an authority (default: to a consultation)"
    )
    objecting.add_argument(
        "--annul", action="store_true", help="it ends the authority; the charter says who may"
    )
    _add_prose(objecting, "reason", "why")

    decide = _command(subparsers, "decide", decide_on, "draft the decision on a consultation", "ID", True)
    outcome = decide.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--approve-until",
        metavar="TIME|PERIOD",
        help="until when the powers are covered, such as P2Y from now",
    )
    outcome.add_argument("--reject", action="store_true")
    decide.add_argument(
        "--answers", type=Path, metavar="F.toml", help='an answer to each objection: `id = "answer"`'
    )
    decide.add_argument(
        "--covered", type=Path, metavar="DOC.toml", help="an authority narrower than the proposal"
    )
    _add_prose(decide, "reasons", "why it is decided so")


def _command(
    subparsers: Subparsers[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], Draft],
    what: str,
    about: str,
    needs_register: bool,
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=what)
    parser.add_argument("about", metavar=about)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="F.toml", help="the draft; it must not exist"
    )
    add_against(parser, required=needs_register)
    parser.add_argument(
        "--sign", action="store_true", help="sign it too, with --key, into the same name with .dsse.json"
    )
    add_signing(parser)
    parser.set_defaults(run=reporting(lambda args: _write(run(args), args)), cameras=None)
    return parser


def _add_prose(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(f"--{name}", metavar="TEXT", help=what)
    group.add_argument(f"--{name}-file", type=Path, metavar="F", help="the same, from a file")


def _prose(args: argparse.Namespace, name: str) -> str:
    """Return a text that was given, is in a file, or is typed now."""
    member = name.replace("-", "_")
    text, path = getattr(args, member), getattr(args, f"{member}_file")
    if path is not None:
        return read_prose(path)
    if text is None:
        if not on_terminal():
            raise ConfigurationError(f"give --{name} or --{name}-file")
        print(f"{name.replace('-', ' ').capitalize()} (one line): ", end="", file=sys.stderr, flush=True)
        text = sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError(f"--{name} says nothing")
    return str(text).strip()


def _write(draft: Draft, args: argparse.Namespace) -> int:
    """Write a draft; with `--sign` say what it does, ask, and sign it."""
    signed = args.out.with_suffix(".dsse.json")
    if args.sign != (args.key is not None):
        raise ConfigurationError("--sign and --key belong together")
    if args.sign and signed.exists():
        raise ConfigurationError(f"`{signed}` exists already; nothing was drafted")
    make_file(args.out, dump_toml(draft, "A draft. Read it, `wicketgate check` it, and sign it.").encode())
    document = read_document(args.out)
    parse_payload(document.kind, document.payload)
    print(f"Drafted: {args.out}")
    if not args.sign:
        print(f"Next: wicketgate check {args.out} --against URL|FILE")
        print(f"Then: wicketgate sign {args.out} --key KEY --out {signed}")
        return 0
    args.out = signed
    return sign_document_to(document.envelope, document, args)


# --- what drafts are made of ------------------------------------------------------------------------------


def _id(kind: str, at_us: int) -> str:
    # By chance: two officers who draft from one saved register must not take the same.
    return new_id(kind, at_us, secrets.token_hex(_CHANCE_BYTES))


def _known(args: argparse.Namespace) -> Known | None:
    return None if args.against is None else learn(read_register(args.against))


def _named(known: Known, name: str) -> Named:
    named = known.regime.authorities.get(name)
    if named is None:
        raise DocumentRefused(f"no authority `{name}` has taken effect", code="unknown-authority")
    return named


def _time(text: str, from_us: int) -> int:
    """Return a time, or the time one period after `from_us`."""
    if text.startswith("P"):
        return add(from_us, parse_period(text))
    return parse_rfc3339(text)


def _now() -> int:
    return SystemClock().now_us() // 1_000_000 * 1_000_000


# --- acts -------------------------------------------------------------------------------------------------


def review_authority(args: argparse.Namespace) -> Draft:
    """Return a review of the latest version, once its figures and its deadline are printed."""
    at_us = _now()
    known = learn(read_register(args.against))
    authority = known.parsed.authority(_named(known, args.about).versions[-1])
    for line in review_words(args.about, known, at_us):
        print(line)
    bulk = authority.mode == "bulk"
    return draft_review(
        authority,
        id_=_id("review", at_us),
        at_us=at_us,
        findings=_prose(args, "findings"),
        why_not_match=_prose(args, "why-not-match") if bulk else None,
        why_not_search=_prose(args, "why-not-search") if bulk else None,
    )


def suspend_authority(args: argparse.Namespace) -> Draft:
    """Return a suspension."""
    return _stop("suspension", args)


def revoke_authority(args: argparse.Namespace) -> Draft:
    """Return a revocation."""
    return _stop("revocation", args)


def _stop(kind: Literal["suspension", "revocation"], args: argparse.Namespace) -> Draft:
    known, at_us = _known(args), _now()
    if known is not None:
        _named(known, args.about)
    return draft_stop(kind, args.about, id_=_id(kind, at_us), at_us=at_us, reason=_prose(args, "reason"))


def resume_authority(args: argparse.Namespace) -> Draft:
    """Return what lifts the suspension that was named, or the only one that is open."""
    known, at_us = _known(args), _now()
    suspension = args.suspension
    if suspension is None:
        if known is None:
            raise ConfigurationError("give --suspension, or --against to look for it")
        suspension = _only(sorted(_named(known, args.about).suspensions), args.about)
    return draft_resumption(
        args.about, suspension, id_=_id("resumption", at_us), at_us=at_us, reason=_prose(args, "reason")
    )


def _only(suspensions: Sequence[str], name: str) -> str:
    if not suspensions:
        raise DocumentRefused(f"`{name}` has no suspension to lift", code="unknown-suspension")
    if len(suspensions) > 1:
        shown = ", ".join(f"`{one}`" for one in suspensions)
        raise ConfigurationError(f"`{name}` has several suspensions: {shown}; say which with --suspension")
    return suspensions[0]


# --- consultations ----------------------------------------------------------------------------------------


def consult_on(args: argparse.Namespace) -> Draft:
    """Return a consultation on a whole document."""
    at_us = _now()
    proposal = read_document(Path(args.about))
    if proposal.kind not in ("authority", "charter"):
        raise ConfigurationError(f"a {proposal.kind} is not consulted on: an authority is, or a charter")
    opens_us = _time(args.opens, at_us)
    return draft_consultation(
        proposal.payload,
        id_=_id("consultation", at_us),
        title=args.title,
        at_us=at_us,
        opens_us=opens_us,
        closes_us=_time(args.closes, opens_us),
        assessment=_prose(args, "assessment"),
    )


def object_to(args: argparse.Namespace) -> Draft:
    """Return an objection to a consultation or to an authority."""
    at_us = _now()
    return draft_objection(
        "authority" if args.authority else "consultation",
        args.about,
        id_=_id("objection", at_us),
        at_us=at_us,
        organisation=args.organisation,
        reason=_prose(args, "reason"),
        annul=args.annul,
    )


def decide_on(args: argparse.Namespace) -> Draft:
    """Return a decision; every objection that was published is printed, and must be answered."""
    at_us = _now()
    known = learn(read_register(args.against))
    taken = known.regime.consultations.get(args.about)
    if taken is None:
        raise DocumentRefused(f"no consultation `{args.about}` was ever opened", code="unknown-consultation")
    answers = _answers(args.answers)
    print(f"{known.parsed.consultation(taken).title}: closes at {rfc3339(taken.closes_us)}.")
    for one in taken.objections:
        objection = parse_objection(open_document(one.envelope).payload)
        print(f"Objection `{objection.id}` of `{objection.organisation}`: {objection.reason}")
        if objection.id not in answers:
            if not on_terminal():
                raise ConfigurationError(f"--answers has no answer to the objection `{objection.id}`")
            print("Your answer (one line): ", end="", file=sys.stderr, flush=True)
            answers[objection.id] = sys.stdin.readline().strip()
    return draft_decision(
        args.about,
        id_=_id("decision", at_us),
        at_us=at_us,
        reasons=_prose(args, "reasons"),
        answers=answers,
        covered_until_us=None if args.reject else _time(args.approve_until, at_us),
        covered=None if args.covered is None else read_document(args.covered).payload,
    )


def _answers(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    answers = parse_toml(read_file(path))
    if not all(isinstance(answer, str) for answer in answers.values()):
        raise InputError(f'`{path}` is not a list of `id = "answer"`')
    return answers
