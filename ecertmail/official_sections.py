"""The shape of the configuration about officials: what is demanded of their mails, and how inquiries go."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ecertmail.fields import Count, OptionalAddress, Positive, Section
from ecertmail.parties import Assurance, Demands, Partner

Level = Literal["none", "token", "token+dkim", "signed", "signed+protected"]
_Decisive = Literal["token", "token+dkim", "signed", "signed+protected"]


class DemandsSection(Section):
    """[officials] of a partner file: how sure this node must be of the word of that partner's officials."""

    passes: _Decisive = "token"
    refuses: _Decisive = "token"
    requests: _Decisive = "token"
    answers: _Decisive = "token"
    looks_up: Level = "none"


class OfficialsSection(DemandsSection):
    """[officials]: what is demanded of our own officials, and what holds for all."""

    ticket_days: Annotated[int, Field(ge=1, le=366)] = 30
    misses_to_alarm: Count = 5
    remark_length: Annotated[int, Field(ge=100, le=100_000)] = 4000
    dkim: Literal["nobody", "ourselves", "mail-server"] = "nobody"
    authserv_id: str = ""

    @model_validator(mode="after")
    def _named(self) -> "OfficialsSection":
        if (self.dkim == "mail-server") != bool(self.authserv_id):
            raise ValueError('authserv_id is set with dkim = "mail-server", and only then')
        return self


class InquiriesSection(Section):
    """[inquiries]: deadlines of conversations."""

    answer_within_hours: Positive = 72.0
    remind_after_hours: Positive = 24.0
    escalate_after_hours: Positive = 48.0
    escalate_to: OptionalAddress = ""
    file_octets: Count = 5_000_000

    @model_validator(mode="after")
    def _in_order(self) -> "InquiriesSection":
        if not self.remind_after_hours < self.escalate_after_hours <= self.answer_within_hours:
            raise ValueError("remind_after_hours < escalate_after_hours <= answer_within_hours must hold")
        return self


def demands(section: DemandsSection) -> Demands:
    """Return what a section demands of officials' mails."""
    return Demands(**{name: Assurance(getattr(section, name)) for name in DemandsSection.model_fields})


def unreachable(own: OfficialsSection, partners: Iterable[Partner]) -> list[str]:
    """Say which levels nothing can reach: they would turn every decision down, and nobody would know why."""
    asked = {"ecertmail.toml: [officials]": demands(own)}
    asked |= {f"partners/{partner.id}.toml: [officials]": partner.demands for partner in partners}
    return [
        f'{place} {name} = "token+dkim", but nobody looks at DKIM signatures; '
        'set [officials] dkim in ecertmail.toml to "ourselves" or "mail-server"'
        for place, one in asked.items()
        for name in DemandsSection.model_fields
        if own.dkim == "nobody" and getattr(one, name) is Assurance.TOKEN_DKIM
    ]
