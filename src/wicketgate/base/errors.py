"""The tree of Wicketgate's exceptions.

    WicketgateError
    ├── InputError            what somebody sent cannot be read (400)
    │   └── HotlistRefused    a hotlist with lines that cannot be taken, with a code of docs/spec/hotlist.md
    ├── DocumentRefused       a signed document may not take effect (422), with a code of docs/spec/documents.md
    ├── NotEntitled           a known caller asked for what is not theirs (403)
    ├── HitRefused            an outcome that may not be recorded for a hit, or evidence of it that is not there
    ├── ShapeError            a caller inside the program broke a stated precondition
    ├── ConfigurationError    settings, a deployment's directory or a key file are not usable
    ├── Unreachable           the other side of a command does not answer, or what it should look at is not there
    ├── SignerError           a private key did not open, or whatever holds it did not sign
    ├── StreamError           the streams did not answer, or answered no
    │   ├── FencedError       somebody else wrote to a stream that this gateway owns: it must stop
    │   └── NoAnswer          the sequencer said nothing in time: what it was asked may or may not have been done
    ├── HistoryError          the history does not answer, or its engine failed
    ├── LedgerError           the log on disk or on the net does not verify
    └── VerificationError     something received is not what was committed

A refusal to release reads is a value (`gate.decide.Refusal`), never an exception. No message holds a plate.
"""

from __future__ import annotations

from collections.abc import Iterable

_POWERS_SHOWN = 20


class WicketgateError(Exception):
    """The root of all errors.

    `code` is stable and documented; `str()` is for people.

    Parameters
    ----------
    detail : str
        What was wrong, where, and what to do; lower case, no full stop, values in backticks, never a plate.
    code : str, optional
        The stable code; each class has a default.
    """

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InputError(WicketgateError):
    """Bytes in another form than expected: nothing of them was taken."""

    code = "malformed"


class HotlistRefused(InputError):
    """A hotlist, or a change of one, refused as a whole.

    Parameters
    ----------
    detail : str
        As with every error: it holds nothing of what the lines say.
    code : str
        The code of the first faulty line; one of docs/spec/hotlist.md, section 3.
    lines : tuple of int
        The lines of the body, from 1, that have this code; empty where the body as a whole has it.
    faults : tuple of (line, code, what is wrong)
        The first faulty lines, of whatever code.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        lines: tuple[int, ...] = (),
        faults: tuple[tuple[int, str, str], ...] = (),
    ) -> None:
        super().__init__(detail, code=code)
        self.lines = lines
        self.faults = faults


class DocumentRefused(WicketgateError):
    """A document refused: it does not take effect.

    Parameters
    ----------
    code : str
        One of docs/spec/documents.md.
    powers : tuple of str
        Where it is refused for what it widens: the powers, in words.
    """

    code = "malformed"

    def __init__(self, detail: str, *, code: str | None = None, powers: tuple[str, ...] = ()) -> None:
        super().__init__(detail, code=code)
        self.powers = powers

    @classmethod
    def naming(cls, why: str, words: Iterable[str], *, code: str) -> DocumentRefused:
        """Return a refusal for powers.

        The first of them stand in its detail, all of them in `powers`.
        """
        powers = tuple(words)
        shown = "; ".join(powers[:_POWERS_SHOWN])
        if len(powers) > _POWERS_SHOWN:
            shown += f"; and {len(powers) - _POWERS_SHOWN} more"
        return cls(f"{why}: {shown}", code=code, powers=powers)


class NotEntitled(WicketgateError):
    """A known caller's request for something of somebody else's.

    A caller that is stopped gets it too.
    """

    code = "not-entitled"


class HitRefused(WicketgateError):
    """An outcome refused for a hit, or its evidence.

    `code` is one of docs/spec/hits.md, or of docs/spec/evidence.md.
    """

    code = "unknown-hit"


class ShapeError(WicketgateError):
    """Arrays whose shapes or order break a documented precondition."""

    code = "shape"


class ConfigurationError(WicketgateError):
    """An unusable setting, directory or key file."""

    code = "configuration"


class Unreachable(WicketgateError):
    """No answer from the other side of a command: nothing was looked at.

    It is raised too where the command finds nothing to look at.
    """

    code = "no-answer"


class SignerError(WicketgateError):
    """A failed opening of a private key, or a failed signing: nothing was signed."""

    code = "signer-failed"


class StreamError(WicketgateError):
    """A late acknowledgement of the streams, or their refusal."""

    code = "streams-unavailable"


class FencedError(StreamError):
    """Another writer's message in a stream of this gateway alone."""

    code = "fenced"


class NoAnswer(StreamError):
    """An ask of the sequencer without its word: it may or may not have done what it was asked."""

    code = "no-answer"


class HistoryError(WicketgateError):
    """A history that does not answer, or whose engine failed."""

    code = "history-unavailable"


class LedgerError(WicketgateError):
    """Contradicting tiles, checkpoints or proofs."""

    code = "ledger-invalid"


class VerificationError(WicketgateError):
    """Something received without a proof, or unlike the commitment.

    It differs from what was committed, or its proof is missing.
    """

    code = "verification-failed"
