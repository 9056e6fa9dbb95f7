"""How long something takes: a fixed number of seconds, or one drawn anew each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping


class Duration:
    """Seconds, given as text or number.

    ``3`` always takes three, ``2..5`` anything in between, ``normal 4 1`` is spread around four by one,
    ``exponential 3`` takes three on average. Never less than none. Raises ValueError for other texts.
    """

    __slots__ = ("_sample", "text")

    def __init__(self, value: str | float = 0.0) -> None:
        self.text = str(value).strip()
        self._sample = _sampler(self.text)

    def sample(self, rng: random.Random) -> float:
        """Seconds for one time."""
        return max(0.0, self._sample(rng))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Duration({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _sampler(text: str) -> Callable[[random.Random], float]:
    kind, *numbers = text.split()
    first, dots, last = kind.partition("..")
    if dots and not numbers:
        kind, numbers = "uniform", [first, last]
    elif not numbers:
        kind, numbers = "constant", [kind]
    if kind not in _KINDS or len(numbers) != _KINDS[kind][0]:
        raise ValueError(f"{text!r} is no duration; write 3, 2..5, normal 4 1 or exponential 3")
    given = [float(number) for number in numbers]
    if min(given) < 0:
        raise ValueError(f"{text!r} is no duration: nothing takes less than no time")
    draw = _KINDS[kind][1]
    return lambda rng: draw(rng, given)


_KINDS: Mapping[str, tuple[int, Callable[[random.Random, list[float]], float]]] = {
    "constant": (1, lambda rng, given: given[0]),
    "uniform": (2, lambda rng, given: rng.uniform(*given)),
    "normal": (2, lambda rng, given: rng.gauss(*given)),
    "exponential": (1, lambda rng, given: rng.expovariate(1 / given[0]) if given[0] else 0.0),
}
