"""How an evidence pack is checked, as it says it itself: with this program, and without. Pure.

What this file writes never changes: another text is another form beside it.
"""

from __future__ import annotations

from wicketgate.clients.evidence.proved import PackEvidence

_GUIDE = """How to check this pack
======================

It is of {of}, from the log {origin}.

1. With wicketgate, on any machine, without a network:

       wicketgate verify --evidence PACK.zip --key KEY

   KEY is a file with the log's key, got another way than with this pack: from the
   charter's publication, from a newspaper, from somebody who kept it. The pack says
   that it is

       {key}

   The command ends with 0 if all of it holds, with 1 if anything does not, and names
   the file that was changed.

2. Without wicketgate, file by file. Unpack it; then

       sha256sum -c sha256sums.txt

   says whether a file differs from its sum. That proves nothing against whoever made
   the sums anew. What does:

   checkpoint.txt   a signed note (C2SP signed-note, tlog-checkpoint): the log's key
                    signs how many entries it has, and the root over all of them.
   documents/*      "text" is an entry of the log. Its leaf hash is SHA-256(00 || text);
                    "proof" leads from it, at place "entry", to the root (RFC 9162,
                    section 2.1.3.2). "envelope" in it is DSSE: the offices' Ed25519
                    signatures over the document. The first document is the charter,
                    which says whose keys those are, and who must sign what.
   rows/*           "row" is what the unit was given. "path" leads from its leaf hash,
                    at place "index", to the "root" of the batch's header. That header
                    without its promise, with "kind":"release" and the promise's salt,
                    as canonical JSON (RFC 8785), is the fact of the release.
   facts/*          "fact" is what happened, with a salt. "second" leads from its leaf
                    hash to the root of its second; the entry of that second is
                    {{"at":second,"kind":"second","root":root}}, and "proof" leads from
                    it, at place "second"."entry", to the root of the checkpoint.
   images/*         each has the SHA-256 that its row names.
   answer/*         of an answer: its rows, whose tree hash is the "root" in the fact
                    "search-run"; and the question with its reason and salt, whose hash
                    is in the fact "search-asked".

   The commands, step by step, stand in the project's docs/spec/evidence.md.

3. What no pack can prove: that no look and no document was left out, and that nobody
   was shown another log under the same key. `wicketgate verify URL` reads a whole log;
   an overseer opens its facts.
"""


def render_guide(evidence: PackEvidence) -> bytes:
    """Return the text of how to check a pack."""
    of = f"the hit {evidence.id}" if evidence.kind == "hit" else f"the answer to the search {evidence.id}"
    return _GUIDE.format(of=of, origin=evidence.origin, key=evidence.key).encode()
