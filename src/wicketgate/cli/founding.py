"""The command `new`: ask a few questions, and write a charter, keys and first drafts."""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from typing import Any

import msgspec

from wicketgate.base.clock import MINUTE_US, SystemClock
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.files import keep_private
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import new_passphrase, on_terminal, read_file
from wicketgate.clients.founding.answers import FoundingAnswers, check_answers, offices_of, parse_answers
from wicketgate.clients.founding.folder import make_folder
from wicketgate.regime.documents.toml import dump_toml

_FIGURES = (
    "Public counts of traffic by the hour, day or month? A count below 1,000 is not shown, so choose a time in which "
    "more vehicles pass all your cameras. It can never be changed"
)


def run_new(args: argparse.Namespace) -> int:
    """Write a charter, keys and the first authorities as drafts, and say what to do next."""
    keep_private()
    if args.folder.exists() and (not args.folder.is_dir() or any(args.folder.iterdir())):
        raise ConfigurationError(f"`{args.folder}` holds something already: nothing is overwritten")
    if args.answers is not None:
        answers = parse_answers(read_file(args.answers))
        if args.template is not None and args.template != answers.template:
            raise ConfigurationError(f"the answers are for the template `{answers.template}`")
    elif on_terminal():
        answers = _asked(args.template or "council")
    else:
        raise ConfigurationError(
            "nobody can be asked here: give --answers (docs/first-deployment.md has some)"
        )
    passphrases: list[bytes | None] = []

    def passphrase(office: str) -> bytes | None:
        # One for all that are made here: whoever gets a key changes it (`openssl pkcs8`), or makes a key of their own.
        if not passphrases:
            passphrases.append(new_passphrase(args))
        return passphrases[0]

    at_us = SystemClock().now_us()
    made = make_folder(args.folder, answers, at_us - at_us % MINUTE_US, passphrase)
    kept = msgspec.to_builtins(answers)
    (args.folder / "answers.toml").write_text(
        dump_toml({name: value for name, value in kept.items() if value is not None})
    )
    say(f"Made `{args.folder}` from the template `{answers.template}`:")
    for paper in made.papers:
        say(f"- {paper.name}, to be signed by {', '.join(paper.signers)}")
    say("Read what they say in words (charter.txt, authorities/*.txt). The next steps are in steps.txt:")
    for line in made.steps:
        say(f"  {line}")
    if made.keys:
        say(
            f"Keys were made in `{args.folder / 'keys'}`. Hand each to its officer, and keep none:",
            file=sys.stderr,
        )
        say("whoever has them all can sign anything alone.", file=sys.stderr)
    if made.keys and passphrases == [None]:
        say("WARNING: they are NOT ENCRYPTED. Give --passphrase-file, or a terminal.", file=sys.stderr)
    return 0


# --- questions ---------------------------------------------------------------------------------------------


def _asked(template: str) -> FoundingAnswers:
    """Return the answers of the person at the terminal; a question whose answer cannot be is asked again."""
    home = "council" if template == "council" else "city"
    sources: list[dict[str, str]] = []
    if template == "police-region":
        say("The councils whose cameras are connected, one after the other; an empty name ends the list.")
        while name := _ask(f"Name of council {len(sources) + 1}", needed=not sources):
            sources.append({"id": _ask("its id", _id_of(name)), "name": name})
    else:
        name = _ask(f"Name of the {home}")
        sources.append({"id": _ask("its id, for ever", _id_of(name)), "name": name})
    police = _ask("Name of the police force")
    unit = _ask("Name of its unit that may list vehicles", "Roads policing")
    overseer = _ask("Name of whoever oversees it, and is neither of these")
    given: dict[str, Any] = {
        "template": template,
        "sources": sources,
        "police": {"id": _id_of(police), "name": police, "unit": _id_of(unit), "unit_name": unit},
        "overseer": {"id": _id_of(overseer), "name": overseer},
        "origin": _ask("Host name under which the gateway will be reached, such as gate.example"),
        "cameras": int(_ask("How many cameras at most", "4", pattern=r"\d{1,7}")),
        "retention": _ask(
            "For how long reads are kept for questions to the past (PT0S: not at all)", _kept(template)
        ),
        "figures": _ask(_FIGURES, "hour" if template != "council" else "day", pattern="hour|day|month"),
        "offices": [],
    }
    posts = []
    for office, title in offices_of(msgspec.convert(given, FoundingAnswers)):
        posts.append({"id": office, "holder": _ask(f"Who is {title} ({office})")})
        key = _ask("the public key that they made with `key new`; empty makes one here", needed=False)
        posts[-1] |= {"key": key.removeprefix('key = "').removesuffix('"')} if key else {}
    try:
        answers = msgspec.convert({**given, "offices": posts}, FoundingAnswers)
    except msgspec.ValidationError as error:
        raise InputError(f"the answers: {error}") from error
    check_answers(answers)
    return answers


def _kept(template: str) -> str:
    return "P14D" if template == "city" else "PT0S"


def _ask(question: str, default: str = "", *, pattern: str = ".+", needed: bool = True) -> str:
    while True:
        say(f"{question}{f' [{default}]' if default else ''}: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            raise ConfigurationError("the answers ended before the questions")
        answer = line.strip() or default
        if (not answer and not needed) or re.fullmatch(pattern, answer):
            return answer


def _id_of(name: str) -> str:
    """Return an id made of a name.

    >>> _id_of("Millbrook Town Council"), _id_of("Ärzte & Co.")
    ('millbrook-town-council', 'arzte-co')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:64].strip("-") or "organisation"
