"""`wicketgate oversee`: an overseer's daily work.

docs/overseer.md shows it in use.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import asking
from wicketgate.clients.officer.keyfiles import open_signer
from wicketgate.clients.oversight.folder import VERDICTS, OverseerFolder
from wicketgate.clients.oversight.run import Overseen, oversee
from wicketgate.clients.oversight.sampling import SAMPLED
from wicketgate.clients.verify import read_key
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.openings import read_identity
from wicketgate.clients.verify.remote import Remote


def run_oversee(args: argparse.Namespace) -> int:
    """Do a day's work of an overseer, or record what was found of a fact that was drawn.

    It ends with 0 only if the log holds and nothing is disputed.
    """
    folder = OverseerFolder(args.state)
    if args.found is not None:
        number, verdict, words = args.found
        if verdict not in VERDICTS:
            raise ConfigurationError(f"the verdict is one of {', '.join(VERDICTS)}")
        folder.review(number, verdict, words, SystemClock().now_us())
        say("Recorded. The next statement counts it.")
        return 0
    if args.identity is None or args.token_file is None:
        raise ConfigurationError("give --identity and --token-file")
    if args.key is None:
        with Remote(args.url) as remote:
            key = shown_key(remote)
        say(
            f"NOTE: the log's key is taken from {args.url} itself: {key.vkey}. Give the one that was published "
            "another way with --key.",
            file=sys.stderr,
        )
    else:
        key = read_key(args.key)
    found = oversee(
        args.url,
        read_secret(args.token_file),
        folder,
        read_identity(args.identity),
        key=key,
        signer=None if args.sign_with is None else open_signer(args.sign_with, asking(args)),
        days=args.days,
        each=args.draw,
    )
    if args.json:
        print(json.dumps(_overseen_json(found), indent=2))
    else:
        for line in _overseen_lines(found, folder):
            say(line)
    if found.ok:
        return 0
    return 3 if found.report.unreached and not found.found else 1


def _overseen_json(found: Overseen) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "fetched": found.fetched,
        "counts": dict(found.counts),
        "found": [
            {"code": one.name, "of": one.of, "at": rfc3339(one.at_us), "words": one.words}
            for one in found.found
        ],
        "odd": [
            {"code": one.name, "of": one.of, "count": one.count, "words": one.words} for one in found.odd
        ],
        "drawn": [
            {"id": one.id, "second": rfc3339(one.second_us), "fact": dict(one.fact)} for one in found.drawn
        ],
        "to_review": found.to_review,
        "statement": found.note.decode() or None,
        "verify": found.report.to_json(),
    }


def _overseen_lines(found: Overseen, folder: OverseerFolder) -> list[str]:
    counts = found.counts
    lines = [
        *found.report.lines(),
        "",
        f"Fetched {found.fetched:,} openings that were new. Held against each other: {counts['opened']:,} seconds, "
        f"{counts['questions']:,} questions, {counts['answers']:,} answers, {counts['links']:,} links to keepers, "
        f"{counts['batches']:,} batches.",
    ]
    lines += [f"DISPUTED {one.name}, {rfc3339(one.at_us)}, {one.of}: {one.words}" for one in found.found]
    if not found.found:
        lines.append("They agree.")
    lines += [f"odd: {one.name}, {one.of}: {one.words}" for one in found.odd]
    lines += [
        f"look closely: {one.id[:16]}, {rfc3339(one.second_us)}, {SAMPLED[one.kind]}: {json.dumps(dict(one.fact))}"
        for one in found.drawn
    ]
    if found.to_review:
        lines.append(
            f"{found.to_review} facts that were drawn have no finding of yours yet: --found ID good|not-good WORDS."
        )
    if found.statement is None:
        lines.append(
            "Nothing was drawn and nothing is said publicly: that takes your office's key, with --sign-with."
        )
    else:
        word = "agrees" if found.statement.agrees else "DISPUTES"
        lines.append(
            f"Your statement {word}; it is signed, in {folder.root / 'statements'}: show it to anybody."
        )
    return lines
