"""Keys that no longer count: expired, revoked, or outside the days agreed on."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ecertmail.checks import where
from ecertmail.config import Config
from ecertmail.edge import openpgp
from ecertmail.edge.keyring import GnupgKeyring
from ecertmail.edge.openpgp import PublicKey
from ecertmail.errors import EcertmailError, KeyringError
from ecertmail.fault import Fault, Harm
from ecertmail.parties import Partner


def faults(config: Config, now: datetime) -> Iterator[Fault]:
    """Return what is wrong with this node's key and its partners' keys; unreadable ones are found by loading them."""
    yield from _own(config, now)
    for partner in config.signers:
        yield from _partner(config, partner, now)


def _own(config: Config, now: datetime) -> Iterator[Fault]:
    section = config.settings.keys
    try:
        if not config.path(section.home).is_dir():
            return
        octets = GnupgKeyring(config.path(section.home)).public_key(section.fingerprint).encode()
        key = openpgp.read_public_key(octets)
    except (EcertmailError, OSError):
        return  # loading it says why
    if why := _ended(key, now):
        text = f"this node's key {why}: partners refuse what it signs"
        remedy = f"gpg --homedir {config.path(section.home)} --quick-set-expire {section.fingerprint} 3y, then give "
        remedy += "partners the public key again"
        yield Fault(code="own-key-ended", harm=Harm.MAIL, text=text, remedy=remedy,
                    **where.setting(config, "keys", "fingerprint"))  # fmt: skip


def _partner(config: Config, partner: Partner, now: datetime) -> Iterator[Fault]:
    """Return the keys of a partner that do not count; it is an error only if no other one does."""
    reasons: dict[str, str] = {}
    for pinned in partner.keys:
        key = _read(config.key_files[pinned.fingerprint])
        if key is None:
            continue
        agreed = "" if pinned.in_force(now) else "is outside its days (not_before, not_after)"
        reasons[pinned.fingerprint] = _ended(key, now) or agreed
    good = not all(reasons.values())  # a key for later, or one that was replaced, is as it should be
    for fingerprint, why in reasons.items():
        if why:
            text = f"the key {fingerprint} of partner {partner.id} {why}"
            text += "" if good else ", and it has no other: its mails are refused"
            remedy = f"ask for its new key, then `ecertmail partner keys add {partner.id} KEY_FILE`"
            place = where.partner_key(config, partner, "fingerprint" if len(partner.keys) > 1 else "keys")
            yield Fault(code="partner-key-ended", harm=Harm.ADVICE if good else Harm.MAIL, text=text, remedy=remedy,
                        **place)  # fmt: skip


def _read(file: Path) -> PublicKey | None:
    try:
        return openpgp.read_public_key(file.read_bytes())
    except (OSError, KeyringError):
        return None


def _ended(key: PublicKey, now: datetime) -> str:
    if key.revoked:
        return "is revoked"
    return f"expired on {_day(key)}" if key.expires_at is not None and key.expires_at <= now else ""


def _day(key: PublicKey) -> str:
    return f"{key.expires_at:%Y-%m-%d}"
