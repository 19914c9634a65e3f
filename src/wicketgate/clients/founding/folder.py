"""The folder that `wicketgate new` makes: papers, keys, and the steps from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.signing import PrivateKey, format_public
from wicketgate.clients.founding.answers import FoundingAnswers, is_overseers, offices_of
from wicketgate.clients.founding.papers import FoundingPaper, papers_of
from wicketgate.clients.founding.templates import TRAFFIC, OfficeKeys
from wicketgate.ledger.sealing import new_identity

CAMERAS = "id,name,groups,latitude,longitude,heading,zone,aliases\n"
"""The first line of a list of cameras, as `camera import` reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made.

    Attributes
    ----------
    keys : sequence of Path
        The private keys that were made here.
    steps : sequence of str
        What to do next, a line each.
    """

    papers: Sequence[FoundingPaper]
    keys: Sequence[Path]
    steps: Sequence[str]


def make_folder(
    folder: Path, answers: FoundingAnswers, at_us: int, passphrase: Callable[[str], bytes | None]
) -> Made:
    """Write charter, drafts and keys into a new folder.

    A crash here leaves a part of it: remove it and begin again, for nobody has signed anything.

    Parameters
    ----------
    passphrase : callable
        Returns the passphrase for the key of an office, or None for a key that is not encrypted.

    Raises
    ------
    ConfigurationError
        If the folder holds something, or cannot be written.
    DocumentRefused, InputError
        If what the answers come to would be refused.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"`{folder}` holds something already: nothing is overwritten")
    private = {one.id: PrivateKey.generate() for one in answers.offices if not one.key}
    opening = {
        one.id: new_identity()
        for one in answers.offices
        if is_overseers(answers, one.id) and not one.opening_key
    }
    keys = {
        one.id: OfficeKeys(
            public=one.key or format_public(private[one.id].public),
            opening=one.opening_key or (opening[one.id][1] if one.id in opening else ""),
        )
        for one in answers.offices
    }
    papers = papers_of(answers, keys, at_us)
    try:
        (folder / "keys").mkdir(parents=True, mode=0o700)
        (folder / "authorities").mkdir()
        made = []
        for office, key in private.items():
            made.append(_key_file(folder, office))
            key.save(made[-1], label=office, passphrase=passphrase(office))
        for office, (identity, _) in opening.items():
            made.append(_key_file(folder, office).with_suffix(".age"))
            write_secret(made[-1], identity)
        for paper in papers:
            path = _paper_file(folder, paper)
            path.write_text(paper.toml)
            path.with_suffix(".txt").write_text("".join(f"{line}\n" for line in paper.words))
        (folder / "cameras.csv").write_text(CAMERAS)
        steps = tuple(_steps(answers, papers))
        (folder / "steps.txt").write_text("".join(f"{line}\n" for line in steps))
    except OSError as error:
        raise ConfigurationError(f"cannot write `{folder}`: {error.strerror}") from error
    return Made(papers=papers, keys=tuple(made), steps=steps)


def _key_file(folder: Path, office: str) -> Path:
    return folder / "keys" / f"{office.replace('/', '.')}.pem"


def _paper_file(folder: Path, paper: FoundingPaper) -> Path:
    return (
        folder / "charter.toml" if paper.name == "charter" else folder / "authorities" / f"{paper.name}.toml"
    )


def _steps(answers: FoundingAnswers, papers: Sequence[FoundingPaper]) -> Iterator[str]:
    """Yield the commands from here to the first row, in their order, below the folder."""
    charter, *drafts = papers
    titles = dict(offices_of(answers))
    yield "# Each officer signs on their own machine, with their own key, and hands the envelope on."
    for office in charter.signers:
        yield f"# {titles[office]}: {answers.post(office).holder}"
        yield _sign("charter", "charter", office)
    yield "# The operator, on the machine of the gateway. The log's key is then in gateway/log.key: publish it."
    yield "wicketgate init gateway --charter charter.dsse.json"
    yield "wicketgate serve gateway"
    yield "GATE=http://127.0.0.1:8080"
    for name in _machines(answers):
        yield (
            f"wicketgate token new {name} --from $GATE --token-file gateway/keys/admin.token "
            f"--out {name.replace(':', '.').replace('/', '.')}.token"
        )
    for source in _sources(answers):
        yield f"wicketgate camera import cameras.csv --from $GATE --token-file source.{source}.token"
    for draft in drafts:
        for office in draft.signers:
            yield f"# {titles[office]}: {answers.post(office).holder}"
            yield f"{_sign(f'authorities/{draft.name}', draft.name, office)} --against $GATE"
        yield (
            f"wicketgate submit {draft.name}.dsse.json --to $GATE "
            f"--token-file source.{_sources(answers)[0]}.token"
        )
    yield f"wicketgate doctor gateway --from $GATE --token-file source.{_sources(answers)[0]}.token"
    yield "wicketgate verify $GATE --key gateway/log.key"


def _sign(document: str, envelope: str, office: str) -> str:
    key = office.replace("/", ".")
    return f"wicketgate sign {document}.toml --key keys/{key}.pem --out {envelope}.dsse.json"


def _sources(answers: FoundingAnswers) -> list[str]:
    region = [answers.police.id] if answers.template == "police-region" else []
    return [*region, *(one.id for one in answers.sources)]


def _machines(answers: FoundingAnswers) -> Iterator[str]:
    """Yield the names for which programs need a token."""
    for source in _sources(answers):
        yield f"source:{source}"
    if answers.template != "police-region":
        for one in answers.sources:
            yield f"recipient:{one.id}/{TRAFFIC}"
    yield f"recipient:{answers.police.id}/{answers.police.unit}"
