"""Drafts of acts and consultations: `review`, `suspend`, `resume`, …

An officer then reads, checks and signs them.
`revoke`, `consult`, `object`, `decide`. docs/officer.md shows them in use. All work without a network.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from wicketgate.base.clock import SystemClock, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError, DocumentRefused, InputError
from wicketgate.base.periods import add, parse_period
from wicketgate.cli.officer import sign_document_to
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import (
    make_file,
    month_asked,
    on_terminal,
    read_document,
    read_file,
    read_prose,
    read_register,
)
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
from wicketgate.clients.officer.from_register import ShownRegister, learn
from wicketgate.clients.officer.reviewing import review_words
from wicketgate.regime.charter import AS_BULK
from wicketgate.regime.documents.binding import bind, log_within
from wicketgate.regime.documents.document import parse_payload, parse_toml
from wicketgate.regime.documents.toml import dump_toml
from wicketgate.regime.fold import Named

_CHANCE_BYTES = 3


def _prose(args: argparse.Namespace, name: str) -> str:
    """Return a text as given, from a file, or typed now."""
    member = name.replace("-", "_")
    text, path = getattr(args, member), getattr(args, f"{member}_file")
    if path is not None:
        return read_prose(path)
    if text is None:
        if not on_terminal():
            raise ConfigurationError(f"give --{name} or --{name}-file")
        say(f"{name.replace('-', ' ').capitalize()} (one line): ", end="", file=sys.stderr, flush=True)
        text = sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError(f"--{name} says nothing")
    return str(text).strip()


def write_draft(args: argparse.Namespace) -> int:
    """Write a command's draft.

    With `--sign` it says what the draft does, asks, and signs it.
    """
    signed = args.out.with_suffix(".dsse.json")
    if args.sign != (args.key is not None):
        raise ConfigurationError("--sign and --key belong together")
    if args.sign and signed.exists():
        raise ConfigurationError(f"`{signed}` exists already; nothing was drafted")
    args.known = (
        None if args.against is None else learn(read_register(args.against), month_asked(args.against))
    )
    draft = _bound(_DRAFTING[args.command](args), args)
    make_file(args.out, dump_toml(draft, "A draft. Read it, `wicketgate check` it, and sign it.").encode())
    document = read_document(args.out)
    parse_payload(document.kind, document.payload)
    say(f"Drafted: {args.out}")
    if not args.sign:
        say(f"Next: wicketgate check {args.out} --against URL|FILE")
        say(f"Then: wicketgate sign {args.out} --key KEY --out {signed}")
        return 0
    args.out = signed
    return sign_document_to(document.envelope, document, args)


def _bound(draft: Draft, args: argparse.Namespace) -> Draft:
    """Return a draft that names the log for which it will be signed.

    It is the one of `--log`, of the register of `--against`, or of the document that is consulted on.
    """
    log = args.log
    known = _known(args)
    if known is not None:
        shown = known.charter.origin
        if log not in (None, shown):
            raise ConfigurationError(f"--log says `{log}`, and what --against shows is of the log `{shown}`")
        log = shown
    if log is None and "draft" in draft:
        log = log_within(draft["draft"])
    if log is None:
        raise ConfigurationError(
            "a document is signed for one log: say which, with --log ORIGIN, or with --against, which shows it"
        )
    return bind(draft, log)


# --- what drafts are made of ------------------------------------------------------------------------------


def _id(kind: str, at_us: int) -> str:
    # By chance: two officers who draft from one saved register must not take the same.
    return new_id(kind, at_us, secrets.token_hex(_CHANCE_BYTES))


def _known(args: argparse.Namespace) -> ShownRegister | None:
    known: ShownRegister | None = args.known
    return known


def _shown(args: argparse.Namespace) -> ShownRegister:
    """Return the register of a command that demands `--against`."""
    known = _known(args)
    assert known is not None
    return known


def _named(known: ShownRegister, name: str) -> Named:
    named = known.regime.authorities.get(name)
    if named is None:
        raise DocumentRefused(f"no authority `{name}` has taken effect", code="unknown-authority")
    return named


def _time(args: argparse.Namespace, option: str, from_us: int) -> int:
    """Return an option's time, or the time one period after `from_us`."""
    text = getattr(args, option.replace("-", "_"))
    try:
        return add(from_us, parse_period(text)) if text.startswith("P") else parse_rfc3339(text)
    except InputError as error:
        raise ConfigurationError(f"--{option}: {error.detail}", code=error.code) from error


def _now() -> int:
    return SystemClock().now_us() // 1_000_000 * 1_000_000


# --- acts -------------------------------------------------------------------------------------------------


def review_authority(args: argparse.Namespace) -> Draft:
    """Print figures and deadline, and return a review of the latest version."""
    at_us = _now()
    known = _shown(args)
    authority = known.parsed.authority(_named(known, args.about).versions[-1])
    for line in review_words(args.about, known, at_us):
        say(line)
    bulk = authority.mode in AS_BULK
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
    """Return the lifting of a suspension.

    It is the one that was named, or the only one that is open.
    """
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
    opens_us = _time(args, "opens", at_us)
    return draft_consultation(
        proposal.payload,
        id_=_id("consultation", at_us),
        title=args.title,
        at_us=at_us,
        opens_us=opens_us,
        closes_us=_time(args, "closes", opens_us),
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
    """Return a decision.

    Every objection that was published is printed, and must be answered.
    """
    at_us = _now()
    known = _shown(args)
    taken = known.regime.consultations.get(args.about)
    if taken is None:
        raise DocumentRefused(f"no consultation `{args.about}` was ever opened", code="unknown-consultation")
    answers = _answers(args.answers)
    say(f"{known.parsed.consultation(taken).title}: closes at {rfc3339(taken.closes_us)}.")
    for one in taken.objections:
        objection = known.parsed.objection(one)
        say(f"Objection `{objection.id}` of `{objection.organisation}`: {objection.reason}")
        if objection.id not in answers:
            if not on_terminal():
                raise ConfigurationError(f"--answers has no answer to the objection `{objection.id}`")
            say("Your answer (one line): ", end="", file=sys.stderr, flush=True)
            answers[objection.id] = sys.stdin.readline().strip()
    return draft_decision(
        args.about,
        id_=_id("decision", at_us),
        at_us=at_us,
        reasons=_prose(args, "reasons"),
        answers=answers,
        covered_until_us=None if args.reject else _time(args, "approve-until", at_us),
        covered=None if args.covered is None else read_document(args.covered).payload,
    )


def _answers(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        answers = parse_toml(read_file(path))
    except InputError as error:
        raise ConfigurationError(f"`{path}`: {error.detail}", code=error.code) from error
    if not all(isinstance(answer, str) for answer in answers.values()):
        raise ConfigurationError(f'`{path}` is not a list of `id = "answer"`')
    return answers


_DRAFTING: Mapping[str, Callable[[argparse.Namespace], Draft]] = {
    "review": review_authority,
    "suspend": suspend_authority,
    "resume": resume_authority,
    "revoke": revoke_authority,
    "consult": consult_on,
    "object": object_to,
    "decide": decide_on,
}
