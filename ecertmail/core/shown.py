"""A certificate as a person is shown it: the ledger's facts, its history in the order of time, and the printed copy."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from ecertmail.core.states import ENDED
from ecertmail.letter import Event, Paper, Shown
from ecertmail.looked_up import Held
from ecertmail.model import CertificateStatus
from ecertmail.official import Decided

_OVER = frozenset({*ENDED, CertificateStatus.REPLACED, CertificateStatus.REJECTED})


def is_alive(status: str) -> bool:
    """Say whether a certificate with this status can still be decided on."""
    return CertificateStatus(status) not in _OVER


def shown(held: Held, decisions: Iterable[Decided], name: Callable[[str], str], paper: Paper) -> Shown:
    """Say what is known of one certificate.

    Args:
        held: the certificate, with its versions.
        decisions: all decisions on it.
        name: what people call the authority with an ID.
        paper: how a printed copy compares.
    """
    return Shown(
        number=held.number,
        status=held.status,
        issuer=name(held.issuer),
        title=held.title,
        type=held.type,
        exporting=held.exporting,
        importing=held.importing,
        issued_at=held.issued_at,
        sha256=held.sha256,
        entry=held.entry,
        recorded_at=held.recorded_at,
        replaced_by=held.replaced_by,
        paper=paper,
        history=tuple(sorted(_history(held, decisions, name), key=attrgetter("at"))),
    )


def paper(sha256: str, held: Held) -> Paper:
    """Compare the hash on a printed copy, if there is one, with what is recorded."""
    if not sha256:
        return Paper.NOT_ASKED
    if sha256 == held.sha256:
        return Paper.SAME
    return Paper.OLDER if sha256 in {version.sha256 for version in held.versions} else Paper.DIFFERENT


def _history(held: Held, decisions: Iterable[Decided], name: Callable[[str], str]) -> Iterator[Event]:
    for version in held.versions:
        yield Event(at=version.at, status=version.status, by=name(held.issuer))
    for decided in decisions:
        by = decided.operator or name(decided.partner)
        yield Event(at=decided.at, decision=decided.decision, by=by, remark=decided.remark)
