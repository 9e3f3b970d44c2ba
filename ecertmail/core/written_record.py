"""The canonical record of an official's mail: that it came, whose it is, and how sure that is; never what it says."""

from datetime import datetime

from ecertmail.core.record import VERSION, timestamp
from ecertmail.model import Examination
from ecertmail.official import Official
from ecertmail.parties import Assurance


def of_written(
    spool_id: str, examination: Examination, official: Official, assurance: Assurance, now: datetime
) -> dict[str, object]:
    """Describe the mail of an official."""
    return {
        "v": VERSION,
        "kind": "written",
        "at": timestamp(now),
        "spool": spool_id,
        "official": official.id,
        "partner": official.partner,
        "assurance": assurance.value,
        "octets": examination.octets_sha256,
    }
