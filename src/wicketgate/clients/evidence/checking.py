"""Check an evidence pack, offline: the archive, its key, its checkpoint, all that is under it, and its page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.errors import InputError, VerificationError, WicketgateError
from wicketgate.base.signing import parse_canonical
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.clients.evidence.guide import render_guide
from wicketgate.clients.evidence.members import (
    CHECKPOINT,
    GUIDE,
    KEY,
    LATEST,
    MANIFEST,
    PAGE,
    SUMS,
    Manifest,
    changed_members,
    decode,
    demand_sizes,
    with_manifest,
)
from wicketgate.clients.evidence.page import render_page
from wicketgate.clients.evidence.proved import PackEvidence
from wicketgate.clients.evidence.proving import Proving
from wicketgate.clients.verify.report import Check, Findings, Report
from wicketgate.ledger.notes import Checkpoint, NoteVerifier, open_checkpoint, parse_vkey

_FOLDERS = ("documents/", "rows/", "facts/", "images/", "answer/")
_ALONE = frozenset({KEY, CHECKPOINT, PAGE, GUIDE, MANIFEST, SUMS})
_NOT_CHECKED = (
    "that no look, fact or act was left out of the pack: an overseer opens the log's facts, and `verify URL` reads all "
    "of its documents",
    "that nobody was shown another log under the same key: compare the checkpoint with what others kept",
    "whether the authority widened anything, and was consulted on: `verify URL` compares it with all documents",
    "whether the camera's clock was right, and whether it read the plate rightly: look at the image",
)


def check_pack(data: bytes, key: NoteVerifier | None = None) -> Report:
    """Check the bytes of a pack.

    Parameters
    ----------
    key : NoteVerifier, optional
        The log's key, got another way. Without it that of the pack is taken, and the report says so.

    Raises
    ------
    InputError
        If they are no pack at all, or one of a later form.
    """
    archive = read_archive(data)
    members = archive.members
    demand_sizes(members)
    findings = Findings("archive")
    for fault in archive.faults:
        findings.add(fault)
    manifest = _manifest(members, findings)
    for name in members:
        if name not in _ALONE and not name.startswith(_FOLDERS):
            findings.add(f"`{name}` is a file that no pack has")
    if manifest is not None and not archive.faults:
        for fault in changed_members(manifest, members):
            findings.add(fault)
    whole = findings.close(f"{len(members)} files, each as it was put in: {len(data)} bytes")
    run = _RunOfPack(members, [whole])
    return run.report() if manifest is None else run.check(manifest, key)


def _manifest(members: Mapping[str, bytes], findings: Findings) -> Manifest | None:
    """Return the manifest; None where it cannot be read, which is a finding."""
    data = members.get(MANIFEST)
    if data is None or SUMS not in members:
        raise InputError(f"no evidence pack: `{MANIFEST}` or `{SUMS}` is missing")
    try:
        form = parse_canonical(data).get("form")
        if isinstance(form, int) and form > LATEST:
            raise InputError(
                f"a pack of form {form}; this version reads up to form {LATEST}: use a later one",
                code="later-form",
            )
        return decode(data, Manifest)
    except InputError as error:
        if error.code == "later-form":
            raise
        findings.add(f"`{MANIFEST}`: {error.detail}")
        return None


class _RunOfPack:
    def __init__(self, members: Mapping[str, bytes], checks: list[Check]) -> None:
        self._members = members
        self._checks = checks
        self._trusted = "nothing: no key was found"
        self._evidence: PackEvidence | None = None

    def check(self, manifest: Manifest, key: NoteVerifier | None) -> Report:
        """Check what a manifest lists."""
        try:
            verifier = self._key(manifest, key)
            checkpoint = self._checkpoint(manifest, verifier)
        except WicketgateError as error:
            self._checks.append(Check(name="key", ok=False, words=error.detail))
            return self.report()
        proving = Proving(self._members, manifest, verifier, checkpoint)
        self._checks += proving.checks()
        self._evidence = proving.evidence()
        self._checks.append(self._pages(self._evidence))
        return self.report()

    def _key(self, manifest: Manifest, key: NoteVerifier | None) -> NoteVerifier:
        try:
            within = parse_vkey(self._members.get(KEY, b"").decode("ascii", "replace").removesuffix("\n"))
        except InputError as error:
            if key is None:
                raise VerificationError(f"`{KEY}`: {error.detail}") from error
            within = None
        if key is None:
            assert within is not None
            self._trusted = (
                f"the log's key {within.vkey}, WHICH THE PACK ITSELF NAMES. Whoever made it chose it: compare it with "
                "the key that was published another way, and give that with --key"
            )
        else:
            self._trusted = f"the log's key {key.vkey}, as given"
        if (
            within is None
            or manifest.key != within.vkey
            or self._members[KEY] != within.vkey.encode() + b"\n"
        ):
            raise VerificationError(f"`{KEY}` does not name the key that `{MANIFEST}` names")
        if key is not None:
            if within != key:
                raise VerificationError(f"`{KEY}` names another key than the one given: {within.vkey}")
            self._checks.append(Check(name="key", ok=True, words="the key in the pack is the key given"))
        return within

    def _checkpoint(self, manifest: Manifest, verifier: NoteVerifier) -> Checkpoint:
        note = self._members.get(CHECKPOINT, b"")
        try:
            checkpoint = open_checkpoint(note, [verifier])
        except WicketgateError as error:
            raise VerificationError(f"`{CHECKPOINT}`: {error.detail}") from error
        if not checkpoint.origin == manifest.log == verifier.name:
            raise VerificationError(
                f"`{CHECKPOINT}` is of the log `{checkpoint.origin}`, not `{manifest.log}`"
            )
        self._checks.append(
            Check(
                name="checkpoint",
                ok=True,
                words=f"{checkpoint.size} entries of `{checkpoint.origin}`, signed",
            )
        )
        return checkpoint

    def _pages(self, evidence: PackEvidence) -> Check:
        findings = Findings("page")
        for name, render in ((PAGE, render_page), (GUIDE, render_guide)):
            try:
                made = render(evidence)
            except (KeyError, TypeError, AttributeError) as error:
                findings.add(f"`{name}` cannot be made again ({type(error).__name__})")
                continue
            if self._members.get(name) != made:
                findings.add(f"`{name}` is not what the pack's proofs make of it")
        return findings.close("the page and the guide say what was proved, and nothing else")

    def report(self) -> Report:
        """Return what came of it."""
        failed = any(not check.ok for check in self._checks)
        missing = (
            () if self._evidence is not None else ("anything else: what does not hold so far proves nothing",)
        )
        counts = {"files": len(self._members)}
        if self._evidence is not None:
            counts |= {
                "documents": len(self._evidence.documents),
                "rows": len(self._evidence.rows) + len(self._evidence.answer),
                "facts": len(self._evidence.facts),
                "images": len(self._evidence.images),
            }
        return Report(
            trusted=self._trusted,
            checked=tuple(self._checks),
            not_checked=missing if failed and missing else _NOT_CHECKED,
            counts=counts,
        )


def make_pack(members: Mapping[str, bytes], about: Mapping[str, Any]) -> bytes:
    """Return a pack of proved members, with its page, its guide and its manifest.

    Parameters
    ----------
    members : mapping
        Key, checkpoint, documents, rows, facts, images.
    about : mapping
        What the manifest says besides its members.

    Raises
    ------
    InputError, VerificationError
        If they prove nothing: what could not be checked here is not handed out as evidence.
    """
    manifest = Manifest(members={}, **about)
    verifier = parse_vkey(members[KEY].decode("ascii").removesuffix("\n"))
    proving = Proving(members, manifest, verifier, open_checkpoint(members[CHECKPOINT], [verifier]))
    for check in proving.checks():
        if not check.ok:
            raise VerificationError(f"the gateway's evidence does not hold: {check.name}: {check.words}")
    evidence = proving.evidence()
    pages = {PAGE: render_page(evidence), GUIDE: render_guide(evidence)}
    whole = with_manifest({**members, **pages}, about)
    demand_sizes(whole)
    return write_archive(whole)
