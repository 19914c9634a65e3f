"""Bytes and numbers under way, within one sum and the shares of each."""

from __future__ import annotations

from collections import Counter


class Budget:
    """A sum that is taken up and given back.

    Parameters
    ----------
    total : int
        The most that may be taken at once.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0
        self.refused: Counter[str] = Counter()
        self._by_key: Counter[str] = Counter()

    def take(self, size: int, *shares: tuple[str, int]) -> str | None:
        """Take a size, or return whose share it does not fit: a key, or `all`.

        Then nothing was taken.

        Parameters
        ----------
        shares : tuple of (str, int)
            Keys, each with the most that it may have at once.
        """
        for key, most in shares:
            if self._by_key[key] + size > most:
                self.refused["own"] += 1
                return key
        if self.taken + size > self.total:
            self.refused["all"] += 1
            return "all"
        self.taken += size
        for key, _ in shares:
            self._by_key[key] += size
        return None

    def give(self, size: int, *shares: tuple[str, int]) -> None:
        """Give a size back, with the shares that it was taken by."""
        self.taken -= size
        for key, _ in shares:
            self._by_key[key] -= size
            if not self._by_key[key]:
                del self._by_key[key]

    def taken_by(self, key: str) -> int:
        """Return what a key has at once."""
        return self._by_key.get(key, 0)
