"""The keys that an officer's page may sign with, and the one that was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.base.errors import ConfigurationError
from wicketgate.clients.officer.keyfiles import KeyGlimpse, glimpse

_NONE = KeyGlimpse(name="", opened_by="", made_for="", public=None)


class Keyring:
    """Keys by number. One that is alone needs no choice.

    Parameters
    ----------
    specs : sequence of str
        Signers, as `keyfiles.open_signer` takes them.

    Raises
    ------
    ConfigurationError
        Where there is one alone, and it is no key.
    """

    def __init__(self, specs: Sequence[str]) -> None:
        self._keys: list[tuple[str, KeyGlimpse]] = []
        for spec in specs:
            try:
                self._keys.append((spec, glimpse(spec)))
            except ConfigurationError:
                if len(specs) == 1:
                    raise  # of a folder's files some are of another kind
        self._chosen = 0 if len(self._keys) == 1 else -1

    @property
    def names(self) -> list[tuple[str, str]]:
        """The names of the keys, and the offices that they were made for, by number."""
        return [(known.name, known.made_for) for _, known in self._keys]

    @property
    def chosen(self) -> int:
        """The number of the key that was chosen; -1 where none was."""
        return self._chosen

    @property
    def spec(self) -> str:
        """The signer that was chosen; empty where none was."""
        return "" if self._chosen < 0 else self._keys[self._chosen][0]

    @property
    def known(self) -> KeyGlimpse:
        """What can be told of it without opening it."""
        return _NONE if self._chosen < 0 else self._keys[self._chosen][1]

    def choose(self, number: str) -> bool:
        """Choose a key by its number, and say whether there is such a key."""
        if number not in map(str, range(len(self._keys))):
            return False
        self._chosen = int(number)
        return True
