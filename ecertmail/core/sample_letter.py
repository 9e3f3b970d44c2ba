"""A letter with everything in it that a letter can have, to find out at start what a template cannot write."""

from datetime import UTC, datetime

from ecertmail.letter import Choice, Confirmed, Event, Letter, LetterKind, Paper, Reason, Refused, Shown, Unknown
from ecertmail.model import CertificateStatus
from ecertmail.official import Decision, Language
from ecertmail.parties import Assurance

_AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
_NUMBER, _PERSON, _REMARK = "NZ 1/2", "Li Wei, Shanghai", "A remark.\n\nIn two paragraphs."


def letter(kind: LetterKind, language: Language) -> Letter:
    """Return the letter of this kind in this language; every state, decision and reason stands in it."""
    said = [Event(at=_AT, decision=decision, by=_PERSON, remark=_REMARK) for decision in Decision]
    return Letter(
        kind=kind, language=language, authority="Authority", address="ecert@node.example", reader="Li Wei", now=_AT,
        reply_to="ecert+d1.aaaaaaaaaaaa@node.example", shown=_shown(said), unknown=(Unknown(number="X", near=("Y",)),),
        confirmed=_confirmed(said), refused=_refused(), text=_REMARK, files=("seal.jpg",), inquiry="Q1",
        operator=_PERSON, asked_at=_AT, due_at=_AT, overdue=True, subscription="border", leave="UNSUBSCRIBE border",
    )  # fmt: skip


def _shown(said: list[Event]) -> tuple[Shown, ...]:
    """Certificates in every state; each paper copy compares in another way."""
    papers = list(Paper)
    return tuple(
        Shown(
            number=_NUMBER, status=status.value, issuer="Issuer", title="Lamb", type="851", exporting="NZ",
            importing="CN", issued_at="2026-01-01", sha256="0" * 64, entry=place, recorded_at=_AT, replaced_by="NZ 3",
            paper=papers[place % len(papers)], history=(Event(at=_AT, status=status.value, by="Issuer"), *said),
            choices=tuple(Choice(decision=decision, link="mailto:x@y.example") for decision in Decision),
        )
        for place, status in enumerate(CertificateStatus)
    )  # fmt: skip


def _confirmed(said: list[Event]) -> tuple[Confirmed, ...]:
    return tuple(
        Confirmed(
            number=_NUMBER, decision=decision, remark=_REMARK, assurance=Assurance.TOKEN, entry=1, at=_AT,
            told="Issuer", cut=True, again=place > 0, superseded=said[0], inquiry="Q1", due_at=_AT,
        )
        for place, decision in enumerate(Decision)
    )  # fmt: skip


def _refused() -> tuple[Refused, ...]:
    return tuple(
        Refused(number=_NUMBER, reason=reason, decision=Decision.PASS, needed=Assurance.SIGNED, successor="NZ 3",
                since=_AT)
        for reason in Reason
    )  # fmt: skip
