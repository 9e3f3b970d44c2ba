"""Numbers that a person may have meant: one slip of the finger, the eye or the separators away.

They are made from the number and then looked for, so that the cost does not depend on how many are recorded.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise

MOST = 1000

_DIGITS = "0123456789"
_ALIKE = {"O": "0", "0": "O", "I": "1", "l": "1", "L": "1", "1": "I", "S": "5", "5": "S", "B": "8", "8": "B"}
_BETWEEN = ("", "/", "-", " ", ".")
_SEPARATORS = re.compile(r"[\s/._-]+")
_CHANGE = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


def near(number: str) -> Iterator[str]:
    """Yield at most `MOST` numbers that differ in one place, each once, the likeliest slips first."""
    seen = dict.fromkeys([number])
    for candidate in _candidates(number):
        if candidate and candidate not in seen:
            seen[candidate] = None
        if len(seen) > MOST:
            break
    return islice(iter(seen), 1, None)


def _candidates(number: str) -> Iterator[str]:
    yield from (number.upper(), number.lower())
    yield from _separated(number)
    for at, c in enumerate(number):
        if c in _ALIKE:
            yield f"{number[:at]}{_ALIKE[c]}{number[at + 1 :]}"
    for at, (one, other) in enumerate(pairwise(number)):
        yield f"{number[:at]}{other}{one}{number[at + 2 :]}"
    for at, c in enumerate(number):
        if c in _DIGITS:
            yield from (f"{number[:at]}{digit}{number[at + 1 :]}" for digit in _DIGITS)
    for at in range(len(number)):
        yield number[:at] + number[at + 1 :]
    for at in range(len(number) + 1):
        yield from (f"{number[:at]}{digit}{number[at:]}" for digit in _DIGITS)


def _separated(number: str) -> Iterator[str]:
    """The number with other separators: all of them, then one at a time, then one more where letters meet digits."""
    for between in _BETWEEN:
        yield _SEPARATORS.sub(between, number)
    for pattern in (_SEPARATORS, _CHANGE):
        for match in pattern.finditer(number):
            yield from (f"{number[: match.start()]}{between}{number[match.end() :]}" for between in _BETWEEN)
