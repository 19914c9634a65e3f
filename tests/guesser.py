"""A guesser who learns from labelled trials whatever differs in public bytes, and then guesses on fresh ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")

Features = dict[str, float]


def features_of(snapshots: Sequence[Mapping[str, bytes]]) -> Features:
    """Return everything countable in what was public at several moments: lengths, numbers, and what there is at all.

    What changed from each moment to the next is countable too.
    """
    found: Features = {}
    before: Features = {}
    for moment, public in enumerate(snapshots):
        now = _seen(public)
        found |= {f"{moment}:{name}": value for name, value in now.items()}
        if moment:
            found |= {
                f"{moment}-{moment - 1}:{name}": value - before.get(name, -1.0) for name, value in now.items()
            }
        before = now
    return found


def _seen(public: Mapping[str, bytes]) -> Features:
    found: Features = {}
    for path, data in public.items():
        found[f"{path}:length"] = len(data)
        try:
            _leaves(json.loads(data), path, found)
        except ValueError:
            text = re.sub(r"<[^>]+>", " ", data.decode("utf-8", "replace"))
            numbers = _NUMBER.findall(text)
            found[f"{path}:numbers"] = len(numbers)
            found |= {
                f"{path}:{place}": float(number.replace(",", "")) for place, number in enumerate(numbers)
            }
    return found


def _leaves(value: Any, where: str, found: Features) -> None:
    if isinstance(value, dict):
        found[f"{where}:members"] = len(value)
        for key, item in value.items():
            _leaves(item, f"{where}.{key}", found)
    elif isinstance(value, list):
        found[f"{where}:items"] = len(value)
        for place, item in enumerate(value):
            _leaves(item, f"{where}.{place}", found)
    elif value is None:
        found[f"{where}:null"] = 1.0
    elif isinstance(value, bool | int | float):
        found[where] = float(value)
    else:
        found[f"{where}:text"] = len(str(value))


class Guesser:
    """The numbers, and the thresholds on them, that told the trials apart best.

    A number that a trial has not counts as below every other.
    """

    def __init__(self, trials: Sequence[Features], labels: Sequence[bool]) -> None:
        self.names = sorted(set().union(*trials))
        table = self._table(trials)
        truth = np.array(labels)
        self.found: list[tuple[float, str, float, bool]] = []
        for column, name in enumerate(self.names):
            values = table[:, column]
            cuts = np.unique(values)
            for cut in (cuts[1:] + cuts[:-1]) / 2 if len(cuts) > 1 else ():
                right = float(np.mean((values > cut) == truth))
                self.found.append((max(right, 1 - right), name, float(cut), right >= 0.5))
        self.found.sort(reverse=True)

    def _table(self, trials: Sequence[Features]) -> Any:
        return np.array([[trial.get(name, -1.0) for name in self.names] for trial in trials])

    def guesses(self, trials: Sequence[Features]) -> list[bool]:
        """Return a guess on each trial: the vote of the rules that were right most often in what it learnt from."""
        best = [rule for rule in self.found if rule[0] == self.found[0][0]]
        if not best:
            return [False] * len(trials)
        return [
            sum((trial.get(name, -1.0) > cut) == above for _, name, cut, above in best) * 2 > len(best)
            for trial in trials
        ]


def most_by_chance(trials: int, once_in: float = 1e-4) -> int:
    """Return how many of so many coin tosses are guessed right, but once in so many runs."""
    ways, right, share = 1.0, trials, 0.0
    for number in range(trials + 1):
        share += ways / 2**trials
        if share > once_in:
            break
        ways = ways * (trials - number) / (number + 1)
        right = trials - number - 1
    return right
