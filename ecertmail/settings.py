"""The shape of the configuration files: every key with its type, its default and what is right for it."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ecertmail.core.profiles import PROFILES
from ecertmail.fields import (
    Address,
    Count,
    Country,
    Days,
    Fingerprint,
    OptionalAddress,
    OptionalFingerprint,
    Port,
    Positive,
    ProfileName,
    Section,
)
from ecertmail.mailbox_section import MailboxSection, different
from ecertmail.official_sections import DemandsSection, InquiriesSection, OfficialsSection


class AuthoritySection(Section):
    """[authority]: who runs this node."""

    name: Annotated[str, Field(min_length=1)]
    country: Country
    address: Address
    mailboxes: tuple[Address, ...] = ()


class ListenSection(Section):
    """[listen]: the SMTP listener."""

    host: str = "127.0.0.1"
    port: Port = 2525
    tls_port: Port = 0
    hostname: str = "localhost"
    certificate: str = ""
    private_key: str = ""
    require_starttls: bool = False
    enabled: bool = True


class LimitsSection(Section):
    """[limits]: what one peer may use."""

    message_size: Count = 25_000_000
    recipients: Count = 100
    connections: Count = 200
    connections_per_address: Count = 50
    connections_kept: Annotated[int, Field(ge=0)] = 20
    messages_per_minute: Count = 600
    octets_at_once: Count = 200_000_000
    commands: Count = 1000
    idle_timeout: Positive = 60.0
    slowest_rate: Count = 100


class PolicySection(Section):
    """[policy]: what is demanded of every message, and how often one address is answered."""

    signature_age_days: Positive = 7.0
    clock_ahead_minutes: Positive = 10.0
    replies_per_hour: Count = 500


class WorkersSection(Section):
    """[workers]: the processes that read what strangers send."""

    count: Count = 2
    seconds: Positive = 5.0
    megabytes: Annotated[int, Field(ge=128)] = 512


class OperatorSection(Section):
    """[operator]: who hears of what needs a person; an empty address means nobody by mail."""

    address: OptionalAddress = ""
    report_at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"


class IssuingSection(Section):
    """[issuing]: the local system whose signed mails issue certificates; empty means that none does."""

    fingerprint: OptionalFingerprint = ""
    key_file: str = ""
    addresses: tuple[Address, ...] = ()

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "IssuingSection":
        if len({bool(self.fingerprint), bool(self.key_file), bool(self.addresses)}) > 1:
            raise ValueError("fingerprint, key_file and addresses go together: set all three or none")
        return self


class SendSection(Section):
    """[send]: the smarthost for outgoing mail."""

    host: str = "127.0.0.1"
    port: Port = 25
    starttls: Literal["never", "when-offered", "required"] = "when-offered"
    implicit_tls: bool = False
    ca_file: str = ""
    username: str = ""
    password_file: str = ""
    oauth2_token_file: str = ""
    oauth2_token_command: tuple[str, ...] = ()
    envelope_sender: OptionalAddress = ""
    timeout: Positive = 60.0
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    per_domain: Annotated[int, Field(ge=1, le=100)] = 2
    retry_minutes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 5, 15, 60, 120, 240)
    give_up_days: Positive = 5.0


class PushSection(Section):
    """[push]: how long an answer to what we sent is waited for, and when an address that bounces is given up."""

    remind_after_hours: Positive = 24.0
    alarm_after_hours: Positive = 48.0
    bounces_to_pause: Count = 3

    @model_validator(mode="after")
    def _reminder_first(self) -> "PushSection":
        if self.alarm_after_hours <= self.remind_after_hours:
            raise ValueError("alarm_after_hours must be more than remind_after_hours")
        return self


class RetentionSection(Section):
    """[retention]: days after which octets are removed; 0 keeps them for ever."""

    sent_days: Days = 0
    archive_days: Days = 0
    quarantine_days: Days = 0


class DkimSection(Section):
    """[dkim]: a signature of the domain on all outgoing mail; without a domain there is none."""

    domain: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)*[a-z0-9-]*$")] = ""
    selector: Annotated[str, Field(pattern=r"^([a-z0-9-]+\.)*[a-z0-9-]*$")] = ""
    key_file: str = "keys/dkim.pem"

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.domain) != bool(self.selector):
            raise ValueError("domain and selector are set together")
        return self


class KeysSection(Section):
    """[keys]: the node's OpenPGP key."""

    fingerprint: Fingerprint
    home: str = "keys/gnupg"
    passphrase_file: str = "keys/passphrase"  # noqa: S105 - the name of a file
    verify_with: tuple[Literal["sequoia", "gnupg"], ...] = ("sequoia",)

    @field_validator("verify_with")
    @classmethod
    def _sequoia_always(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "sequoia" not in value:
            raise ValueError('must hold "sequoia"; "gnupg" is the second verifier')
        return value


class PathsSection(Section):
    """[paths]: where things are; an empty `schemas` or `templates` means those of the package."""

    spool: str = "spool"
    partners: str = "partners"
    schemas: str = ""
    templates: str = ""


class LogSection(Section):
    """[log]: how events are written."""

    format: Literal["auto", "human", "journal", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsSection(Section):
    """[metrics]: numbers for Prometheus, on loopback only; port 0 is off."""

    port: Port = 0


class Settings(Section):
    """The file ecertmail.toml."""

    authority: AuthoritySection
    keys: KeysSection
    listen: ListenSection = ListenSection()
    limits: LimitsSection = LimitsSection()
    policy: PolicySection = PolicySection()
    workers: WorkersSection = WorkersSection()
    operator: OperatorSection = OperatorSection()
    issuing: IssuingSection = IssuingSection()
    send: SendSection = SendSection()
    push: PushSection = PushSection()
    retention: RetentionSection = RetentionSection()
    dkim: DkimSection = DkimSection()
    officials: OfficialsSection = OfficialsSection()
    inquiries: InquiriesSection = InquiriesSection()
    paths: PathsSection = PathsSection()
    log: LogSection = LogSection()
    metrics: MetricsSection = MetricsSection()
    mailbox: Annotated[tuple[MailboxSection, ...], AfterValidator(different)] = ()


class PartnerKey(Section):
    """[[keys]] of a partner file: one key, and the days from and to which it counts."""

    fingerprint: Fingerprint
    file: Annotated[str, Field(min_length=1)]
    not_before: date = date.min
    not_after: date = date.max


class PartnerFile(Section):
    """A file partners/ID.toml."""

    name: Annotated[str, Field(min_length=1)]
    country: Country
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    keys: Annotated[tuple[PartnerKey, ...], Field(min_length=1)]
    issues_for: tuple[Country, ...] = ()
    profiles: tuple[ProfileName, ...] = tuple(profile.name for profile in PROFILES)
    assurance: Literal["signed", "signed+protected"] = "signed"
    encrypt: Literal["required", "when-possible", "never"] = "never"
    officials: DemandsSection = DemandsSection()
