"""The directory of a demonstration.

It has everybody's keys, documents and tokens in one place, as never in life.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.gateway.deployment import Deployment
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.toml import dump_toml
from wicketgate_demo.site.same_day import EXHIBIT
from wicketgate_demo.world import london
from wicketgate_demo.world.asking import ASKED, SIGNERS, question_authority

_PARTS = ("offices", "overseers", "documents", "people", "tokens", "logs", "received", "witnesses")


@dataclass(frozen=True, slots=True)
class Folder:
    """The layout of a demonstration's directory.

    gateway/    the deployment, made by `wicketgate init`      offices/    each office's key, mode 0600
    overseers/  who opens what the ledger hides                documents/  what the officers wrote and signed
    people/     who is meant by the documents of people, and each person's code, mode 0600
    tokens/     one file a token, mode 0600                    logs/       of gateway and cameras
    received/   what the recipients got in a headless run      log.key     the log's key, got from `init`
    register/   invented keepers, and the gateway's key there
    witnesses/  a folder each, of the three that cosign the log
    """

    path: Path

    @property
    def gateway(self) -> Path:
        """The deployment."""
        return self.path / "gateway"

    @property
    def log_key(self) -> Path:
        """The log's verifier key."""
        return self.path / "log.key"

    @property
    def exhibit(self) -> Path:
        """The same day under bulk, match and search, for the page `/why-not-less`."""
        return self.gateway / EXHIBIT

    @property
    def credentials(self) -> Path:
        """The credentials, written once the gateway answers."""
        return self.path / "credentials.json"

    def office_key(self, office: str) -> Path:
        """Return an office's key file."""
        return self.path / "offices" / f"{office}.pem"

    def document(self, name: str) -> Path:
        """Return a document as written."""
        return self.path / "documents" / f"{name}.toml"

    def envelope(self, name: str) -> Path:
        """Return a document as signed."""
        return self.path / "documents" / f"{name}.dsse.json"

    def openings(self, organisation: str) -> Path:
        """Return the file that says who is meant by an organisation's people."""
        return self.path / "people" / f"{organisation}.openings.json"

    def codes(self, organisation: str) -> Path:
        """Return the file with the code of each of them, by name."""
        return self.path / "people" / f"{organisation}.codes.json"

    def token(self, name: str) -> Path:
        """Return the file of a token.

        It has the token's name with `-` for `:` and `/`.
        """
        return self.path / "tokens" / name.replace(":", "-").replace("/", "-")

    @property
    def state(self) -> Path:
        """Where its verifications keep checkpoints."""
        return self.path / "state"

    def log(self, name: str) -> Path:
        """Return a log file."""
        return self.path / "logs" / name

    @property
    def register(self) -> Path:
        """The invented register of keepers, and the key by which the gateway is known there."""
        return self.path / "register"

    def report(self, name: str) -> Path:
        """Return where the report of a verification stands."""
        return self.log(f"verify-{name}.json")

    def received(self, authority: str) -> Path:
        """Return a recipient's batches of a feed in the last headless run."""
        return self.path / "received" / f"{authority}.ndjson"

    def images(self, authority: str) -> Path:
        """Return a recipient's images of the last headless run."""
        return self.path / "received" / f"{authority}-images"

    @property
    def is_made(self) -> bool:
        """Whether a whole demonstration stands here.

        It can then be taken up again.
        """
        return (self.gateway / "keys" / "admin.token").exists()

    def lock(self) -> int:
        """Make the directory if need be, and take its lock.

        The file descriptor holds the lock.

        Raises
        ------
        ConfigurationError
            If another demonstration runs in it, or something else lies there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            strange = [p.name for p in self.path.iterdir() if p.name != ".lock"]
            if strange and not (self.path / ".lock").exists():
                raise ConfigurationError(
                    f"`{self.path}` is not empty and holds no demonstration: give another --dir"
                )
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(f"`{self.path}` cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise ConfigurationError(f"another demonstration runs in `{self.path}`") from None
        return handle

    @property
    def witnesses(self) -> Path:
        """The folders of the witnesses."""
        return self.path / "witnesses"

    def lay(self, at_us: int, witnesses: Callable[[Path], Mapping[str, Any]]) -> None:
        """Make keys and documents, all signed.

        Parameters
        ----------
        witnesses : callable
            Makes the witnesses in a folder, and returns the charter's clause on them.

        What an interrupted making left is removed first.

        A crash here, or before `is_made`, leaves a directory that the next start makes anew: nothing in it was
        ever in force.
        """
        for part in (*_PARTS, "gateway"):
            shutil.rmtree(self.path / part, ignore_errors=True)
        self.log_key.unlink(missing_ok=True)
        for part in _PARTS:
            (self.path / part).mkdir(mode=0o755 if part == "documents" else 0o700)
        offices = london.appoint()
        for office, key in offices.keys.items():
            path = self.office_key(office)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            key.save(path, label=office)
        identity = self.path / "overseers" / f"{london.OVERSEER}.age"
        identity.parent.mkdir(mode=0o700)
        write_secret(identity, f"# {london.OVERSEER}, public key: {offices.opening_key}\n{offices.identity}")
        charter = london.charter_document(offices, at_us)
        charter["witnesses"] = witnesses(self.witnesses)
        self._write("charter", charter, offices, charter["signatures"][0]["offices"])
        for name, paper in london.PAPERS.items():
            self._write(name, paper.draft(at_us), offices, paper.signers)
        self._write(ASKED, question_authority(at_us), offices, SIGNERS)
        revocation = london.revocation(
            london.COUNTER_TERRORISM, "revocation-1", "To see in the demonstration that it stops.", at_us
        )
        self.document("revocation").write_text(
            dump_toml(
                revocation,
                f"Ends {london.COUNTER_TERRORISM}. Not signed yet: any one of its controller's offices",
                "or the Secretary of State can sign it. Each `id` counts once.",
            )
        )

    def _write(
        self, name: str, document: Mapping[str, Any], offices: london.Offices, by: Sequence[str]
    ) -> None:
        text = dump_toml(document, f"Signed by {', '.join(by)}.")
        self.document(name).write_text(text)
        # What is signed is what was written down, and nothing else.
        self.envelope(name).write_bytes(london.signed(parse_toml(text.encode()), offices, tuple(by)) + b"\n")

    def keep_log_key(self) -> None:
        """Write down the log's key.

        An outsider who was there at `init` does so.
        """
        vkey = Deployment(self.gateway).log_signer().vkey
        new = self.log_key.with_name("log.key.new")
        new.write_text(vkey + "\n")
        new.replace(self.log_key)

    def offices(self) -> dict[str, str]:
        """Return each office's key file, relative to the directory."""
        root = self.path / "offices"
        return {
            str(path.relative_to(root).with_suffix("")): str(path.relative_to(self.path))
            for path in sorted(root.glob("*/*.pem"))
        }

    def tokens(self) -> dict[str, str]:
        """Return the tokens with files."""
        names = ("admin", *london.TOKENS)
        return {name: read_secret(self.token(name)) for name in names if self.token(name).exists()}

    def confirmer(self) -> dict[str, str]:
        """Return the header with the session of whoever says what came of a hit; empty where nobody is named."""
        try:
            people = json.loads(self.credentials.read_bytes())["people"]
        except (OSError, ValueError, KeyError):
            return {}
        return {"Authorization": f"Bearer {people['confirmer']['token']}"} if "confirmer" in people else {}

    def write_credentials(
        self,
        base_url: str,
        cameras: Mapping[str, Mapping[str, Sequence[str]]],
        people: Mapping[str, Any],
        keepers: str,
        witnesses: Sequence[str],
    ) -> None:
        """Write `credentials.json`, whole or not at all.

        It is readable by its owner alone.
        """
        value = {
            "base_url": base_url,
            "tokens": self.tokens(),
            "offices": self.offices(),
            "authorities": {
                **{
                    name: {"mode": paper.mode, "reader": paper.reader}
                    for name, paper in london.PAPERS.items()
                },
                **(
                    {ASKED: {"mode": "search", "reader": london.DUTY_DESK}}
                    if self.envelope(ASKED).exists()
                    else {}
                ),
            },
            "cameras": cameras,
            "people": people,
            "keepers": {"url": keepers},
            "witnesses": list(witnesses),
        }
        write_whole(self.credentials, json.dumps(value, indent=1).encode() + b"\n", mode=0o600)


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file aside, sync it and rename it into place."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
