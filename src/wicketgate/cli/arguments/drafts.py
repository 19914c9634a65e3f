"""The arguments of `review`, `suspend`, `resume`, `revoke`, `consult`, `object` and `decide`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_against, add_signing


def add_review(parser: ArgumentParser) -> None:
    """Add the arguments of `review`."""
    _add_draft(parser, "review", "NAME", "the authority", needs_register=True)
    _add_prose(parser, "findings", "what the review found")
    _add_prose(parser, "why-not-match", "of bulk: why match would still not do")
    _add_prose(parser, "why-not-search", "of bulk: why search would still not do")


def add_suspend(parser: ArgumentParser) -> None:
    """Add the arguments of `suspend`."""
    _add_draft(parser, "suspend", "NAME", "the authority")
    _add_prose(parser, "reason", "why")


def add_resume(parser: ArgumentParser) -> None:
    """Add the arguments of `resume`."""
    _add_draft(parser, "resume", "NAME", "the authority")
    _add_prose(parser, "reason", "why")
    parser.add_argument(
        "--suspension",
        metavar="ID",
        help="which suspension (default: with --against, the only open one)",
    )


def add_revoke(parser: ArgumentParser) -> None:
    """Add the arguments of `revoke`."""
    _add_draft(parser, "revoke", "NAME", "the authority")
    _add_prose(parser, "reason", "why")


def add_consult(parser: ArgumentParser) -> None:
    """Add the arguments of `consult`."""
    _add_draft(parser, "consult", "DOC.toml", "the authority or charter that is proposed")
    parser.add_argument("--title", required=True, help="of the consultation, for its page")
    parser.add_argument(
        "--opens",
        metavar="TIME|PERIOD",
        default="P7D",
        help="default: a week from now, to be signed and published",
    )
    parser.add_argument(
        "--closes",
        metavar="TIME|PERIOD",
        required=True,
        help="RFC 3339, or how long it is open, such as P12W",
    )
    _add_prose(parser, "assessment", "what it would mean for people")


def add_object(parser: ArgumentParser) -> None:
    """Add the arguments of `object`."""
    _add_draft(parser, "object", "NAME|ID", "the consultation, or with --authority the authority")
    parser.add_argument("--organisation", required=True, metavar="ORG", help="who objects")
    parser.add_argument(
        "--authority", action="store_true", help="to an authority (default: to a consultation)"
    )
    parser.add_argument(
        "--annul", action="store_true", help="it ends the authority; the charter says who may"
    )
    _add_prose(parser, "reason", "why")


def add_decide(parser: ArgumentParser) -> None:
    """Add the arguments of `decide`."""
    _add_draft(parser, "decide", "ID", "the consultation", needs_register=True)
    outcome = parser.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--approve-until",
        metavar="TIME|PERIOD",
        help="until when the powers are covered, such as P2Y from now",
    )
    outcome.add_argument("--reject", action="store_true", help="cover nothing")
    parser.add_argument(
        "--answers", type=Path, metavar="F.toml", help='an answer to each objection: `id = "answer"`'
    )
    parser.add_argument(
        "--covered", type=Path, metavar="DOC.toml", help="an authority narrower than the proposal"
    )
    _add_prose(parser, "reasons", "why it is decided so")


def _add_draft(
    parser: ArgumentParser, command: str, about: str, what: str, *, needs_register: bool = False
) -> None:
    parser.add_argument("about", metavar=about, help=what)
    parser.add_argument(
        "--out", required=True, type=Path, metavar="F.toml", help="the draft; it must not exist"
    )
    parser.add_argument(
        "--log",
        metavar="ORIGIN",
        help="the log for which it is signed (default: the one that --against shows)",
    )
    add_against(parser, required=needs_register)
    parser.add_argument(
        "--sign", action="store_true", help="sign it too, with --key, into the same name with .dsse.json"
    )
    add_signing(parser)
    parser.set_defaults(run="wicketgate.cli.drafts:write_draft", command=command, cameras=None)


def _add_prose(parser: ArgumentParser, name: str, what: str) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(f"--{name}", metavar="TEXT", help=what)
    group.add_argument(f"--{name}-file", type=Path, metavar="F", help="the same, from a file")
