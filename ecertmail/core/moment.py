"""The dates of UN/CEFACT documents, in every way that they are written (DOMAIN.md section 2)."""

import re
from datetime import UTC, datetime

_EDIFACT = {"102": "%Y%m%d", "203": "%Y%m%d%H%M", "205": "%Y%m%d%H%M%z"}
_DIGITS = {8: "102", 12: "203"}
_YEARS = range(1900, 2200)


def read(text: str, code: str = "") -> datetime | None:
    """Return a date as a moment in UTC, in whole seconds; None if it is none. What has no time zone is UTC.

    Args:
        text: ISO 8601, or a format of UN/EDIFACT.
        code: the `format` attribute, if there is one.
    """
    clean = "".join(text.split())
    pattern = _EDIFACT.get(code) or (_EDIFACT.get(_DIGITS.get(len(clean), "")) if clean.isdecimal() else None)
    try:
        moment = datetime.strptime(clean, pattern) if pattern else datetime.fromisoformat(_iso(clean))  # noqa: DTZ007
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        exact = zoned.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None
    return exact if exact.year in _YEARS else None


def _iso(text: str) -> str:
    """Python reads at most six digits of a second's fraction, and none is kept."""
    return re.sub(r"[.,][0-9]+", "", text, count=1)
