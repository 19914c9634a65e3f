"""Policies on who must cosign a checkpoint, as C2SP tlog-policy writes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger.cosignatures import Cosigner, cosigned_at_s, parse_cosigner
from wicketgate.ledger.notes import (
    Checkpoint,
    NoteVerifier,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)

MOST_POLICY_BYTES: Final = 256 * 1024
_MOST: Final = 64
_NONE: Final = "none"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_COSIGNED_IN_POLICIES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWitness:
    """A witness of a policy, with the address of its `add-checkpoint` where it is given."""

    name: str
    cosigner: Cosigner
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGroup:
    """A group: it has cosigned where `needed` of its members have."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPolicy:
    """Which logs are meant, and which of the witnesses must cosign.

    Attributes
    ----------
    logs : tuple of NoteVerifier
        Empty where the log is known otherwise.
    witnesses : mapping of str to PolicyWitness
    groups : mapping of str to PolicyGroup
        Each names what stands before it.
    quorum : str
        A witness, a group, or `none`.
    """

    logs: tuple[NoteVerifier, ...]
    witnesses: Mapping[str, PolicyWitness]
    groups: Mapping[str, PolicyGroup]
    quorum: str

    @property
    def cosigners(self) -> tuple[Cosigner, ...]:
        """The keys of all witnesses."""
        return tuple(one.cosigner for one in self.witnesses.values())

    def holds(self, cosigned: Iterable[str]) -> bool:
        """Return whether these witnesses, by name, are as many as it demands."""
        if self.quorum == _NONE:
            return True
        have = set(cosigned)
        for name, group in self.groups.items():
            if sum(member in have for member in group.members) >= group.needed:
                have.add(name)
        return self.quorum in have


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedCheckpoint:
    """A checkpoint that the log signed, and who cosigned it.

    Attributes
    ----------
    at_s : mapping of str to int
        By witness of the policy: when it says that it cosigned, seconds since the epoch. Each of these was verified.
    bad : tuple of str
        Witnesses whose line is not over this text.
    """

    checkpoint: Checkpoint
    note: bytes
    at_s: Mapping[str, int]
    bad: tuple[str, ...] = ()


def parse_policy(data: bytes) -> WitnessPolicy:
    """Return the policy in a text (C2SP tlog-policy).

    Raises
    ------
    InputError
        If it is none, naming the line.
    """
    if len(data) > MOST_POLICY_BYTES:
        raise InputError(f"a policy of more than {MOST_POLICY_BYTES} bytes")
    if _CONTROL.search(data):
        raise InputError("a policy that holds control characters")
    reading = _PolicyReading()
    # Octets beyond ASCII are opaque: names are equal where their bytes are.
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        words = re.split(r"[ \t]+", line.strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            continue
        try:
            reading.take(words)
        except InputError as error:
            raise InputError(f"line {number} of a policy: {error.detail}") from error
    if reading.quorum is None:
        raise InputError("a policy without a line `quorum`")
    return WitnessPolicy(
        logs=tuple(reading.logs), witnesses=reading.witnesses, groups=reading.groups, quorum=reading.quorum
    )


@dataclass(slots=True)
class _PolicyReading:
    """A policy on its way in, line by line."""

    logs: list[NoteVerifier] = field(default_factory=list)
    witnesses: dict[str, PolicyWitness] = field(default_factory=dict)
    groups: dict[str, PolicyGroup] = field(default_factory=dict)
    quorum: str | None = None
    _members: set[str] = field(default_factory=set)

    def take(self, words: Sequence[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) < 2:
                self._log(parse_vkey(vkey))
            case ["witness", name, vkey, *url] if len(url) < 2:
                self._witness(self._new(name), parse_cosigner(vkey), "".join(url))
            case ["group", name, needed, *members] if members:
                self._group(self._new(name), needed, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise InputError("it has another `quorum`")
                if name != _NONE:
                    self._known(name)
                self.quorum = name
            case _:
                raise InputError("it is no `log`, `witness`, `group` or `quorum` with what belongs to it")

    def _log(self, verifier: NoteVerifier) -> None:
        if any(one.public == verifier.public for one in self.logs):
            raise InputError("the log's key stands twice")
        if len(self.logs) == _MOST:
            raise InputError(f"more than {_MOST} logs")
        self.logs.append(verifier)

    def _witness(self, name: str, cosigner: Cosigner, url: str) -> None:
        if any(one.cosigner.public == cosigner.public for one in self.witnesses.values()):
            raise InputError("the witness's key stands twice")
        if len(self.witnesses) == _COSIGNED_IN_POLICIES:
            raise InputError(f"more than {_COSIGNED_IN_POLICIES} witnesses")
        self.witnesses[name] = PolicyWitness(name=name, cosigner=cosigner, url=url)

    def _group(self, name: str, needed: str, members: Sequence[str]) -> None:
        if len(self.groups) == _MOST:
            raise InputError(f"more than {_MOST} groups")
        for member in members:
            self._known(member)
            if member in self._members:
                raise InputError(f"`{_shown(member)}` is a member of two groups, or twice of one")
            self._members.add(member)
        at_least = {"any": 1, "all": len(members)}.get(needed)
        if at_least is None:
            if not _NUMBER.fullmatch(needed) or int(needed) > len(members):
                raise InputError(f"a group of {len(members)} needs `any`, `all`, or a number from 1 to that")
            at_least = int(needed)
        self.groups[name] = PolicyGroup(needed=at_least, members=tuple(members))

    def _new(self, name: str) -> str:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise InputError(f"the name `{_shown(name)}` stands for something already")
        return name

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise InputError(f"no line before it says who `{_shown(name)}` is")


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "replace").decode()


def make_policy(log: str, witnesses: Sequence[tuple[str, str, Sequence[str]]], needed: int) -> bytes:
    """Return the policy in which so many of some witnesses must cosign.

    Parameters
    ----------
    log : str
        The log's verifier key.
    witnesses : sequence of (name, address, verifier keys)
        One with several keys has cosigned where one of them has.
    """
    lines, members = [f"log {log}"], []
    for name, url, keys in witnesses:
        if len(keys) == 1:
            lines.append(f"witness {name} {keys[0]} {url}")
        else:
            named = [(f"{name}.{number}", key) for number, key in enumerate(keys, start=1)]
            lines += [f"witness {one} {key} {url}" for one, key in named]
            lines.append(f"group {name} any {' '.join(one for one, _ in named)}")
        members.append(name)
    lines += [f"group witnesses. {needed} {' '.join(members)}", "quorum witnesses."]
    return "".join(f"{line}\n" for line in lines).encode()


def open_cosigned(note: bytes, log: NoteVerifier, policy: WitnessPolicy) -> CosignedCheckpoint:
    """Return a checkpoint with the cosignatures of a policy's witnesses that are good.

    A line of a witness that is bad is no fault of the log's: it counts for nothing, and is named.

    Raises
    ------
    InputError, VerificationError
        If it is no checkpoint, or not signed by the log.
    """
    own = open_note(note, [log])
    checkpoint, text = parse_checkpoint(own.text), own.text.encode()
    known = {(one.cosigner.name, one.cosigner.key_id): one for one in policy.witnesses.values()}
    at_s: dict[str, int] = {}
    bad = []
    for line in parse_note(note).signatures:
        witness = known.get((line.name, line.key_id))
        if witness is None or witness.name in at_s:
            continue
        if witness.cosigner.verify(text, line.signature):
            at_s[witness.name] = cosigned_at_s(line.signature)
        else:
            bad.append(witness.name)
    return CosignedCheckpoint(checkpoint=checkpoint, note=note, at_s=at_s, bad=tuple(bad))


def demand_policy(cosigned: CosignedCheckpoint, log: NoteVerifier, policy: WitnessPolicy) -> None:
    """Refuse a checkpoint that a policy does not hold of.

    Raises
    ------
    VerificationError
        Saying who cosigned it.
    """
    if policy.logs and log not in policy.logs:
        raise VerificationError("the policy is about other logs")
    if not policy.holds(cosigned.at_s):
        who = ", ".join(f"`{_shown(name)}`" for name in cosigned.at_s) or "nobody"
        raise VerificationError(
            f"the checkpoint of {cosigned.checkpoint.size} entries is cosigned by {who} of the policy's witnesses, and "
            "that is not as many as it demands"
        )
