"""The arguments of those commands of `charging` that are about reviews and cases."""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

from wicketgate.cli.arguments import gateway_address, port

_MODULE = "wicketgate.cli.charging_cases"


def add_cases(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands on reviews, penalties and the pages."""
    person = commands.add_parser(
        "person", help="let somebody review and decide, with a passphrase of their own"
    )
    _add_folder(person)
    person.add_argument("name", metavar="NAME", help="who it is")
    person.add_argument(
        "--passphrase-file", type=Path, metavar="F", help="its first line, for its owner alone"
    )
    person.add_argument("--end", action="store_true", help="let them no longer")
    person.set_defaults(run=f"{_MODULE}:run_person")
    issue = commands.add_parser(
        "issue", help="ask for the keepers of what was confirmed, and issue the penalties"
    )
    _add_folder(issue)
    issue.add_argument("--by", required=True, metavar="NAME", help="the person who issues")
    issue.add_argument(
        "--cause", required=True, metavar="C", help="for what keepers are asked, as the authority has it"
    )
    issue.set_defaults(run=f"{_MODULE}:run_issue")
    act = commands.add_parser("act", help="do something in a case, or only show it")
    _add_folder(act)
    act.add_argument("number", metavar="NUMBER", help="the case's")
    act.add_argument(
        "kind", metavar="ACT", nargs="?", help="such as `reject`, as docs/spec/cases.md has them"
    )
    act.add_argument("--by", default="", metavar="NAME", help="the person who does it")
    act.add_argument("--ground", default="", metavar="G", help="of representations, or of a cancellation")
    act.set_defaults(run=f"{_MODULE}:run_act")
    letter = commands.add_parser("letter", help="write the letter of a case, to be printed")
    _add_folder(letter)
    letter.add_argument("number", metavar="NUMBER", help="the case's")
    letter.add_argument("--out", type=Path, required=True, metavar="F", help="the page (HTML)")
    letter.set_defaults(run=f"{_MODULE}:run_letter")
    pack = commands.add_parser("pack", help="put a case and its evidence into one archive")
    _add_folder(pack)
    pack.add_argument("number", metavar="NUMBER", help="the case's")
    pack.add_argument("--out", type=Path, required=True, metavar="F", help="the archive (zip)")
    pack.set_defaults(run=f"{_MODULE}:run_pack")
    clone = commands.add_parser(
        "clone", help="charge nothing to a plate that another vehicle carries, or again"
    )
    _add_folder(clone)
    clone.add_argument("--plate-file", type=Path, required=True, metavar="F", help="the plate, in a file")
    clone.add_argument("--by", required=True, metavar="NAME", help="the person who says so")
    clone.add_argument("--end", action="store_true", help="end that")
    clone.set_defaults(run=f"{_MODULE}:run_clone")
    site = commands.add_parser(
        "site", help="serve the pages for drivers and for reviewers, on this machine alone"
    )
    _add_folder(site)
    site.add_argument(
        "--port", type=port, default=0, metavar="P", help="where it listens (default: a free one)"
    )
    site.add_argument("--provider", type=gateway_address, metavar="URL", help="where drivers are sent to pay")
    site.add_argument("--provider-token-file", type=Path, metavar="F", help="its bearer token")
    site.set_defaults(run=f"{_MODULE}:run_site")


def _add_folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="D", help="the charging folder")
