"""What the daemon loads at its start is loaded here, and each failure is a fault.

A partner's key that cannot be used stops the mail of that partner only; everything else keeps the daemon from starting.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ecertmail import assemble, examining, mailboxes, pinned_keys
from ecertmail import config as configuration
from ecertmail.config import Config
from ecertmail.core.reply import quote
from ecertmail.edge.templates import JinjaTemplates
from ecertmail.errors import (
    EcertmailError,
    KeyringError,
    NotFoundError,
    StoreError,
    TemporaryError,
    UnreadableError,
)
from ecertmail.fault import Fault, Harm
from ecertmail.parties import OWN
from ecertmail.store import schemas

_PLACE = re.compile(r"(?P<file>/.+?)(?::(?P<line>\d+))?: (?:(?P<key>[a-z_]+(?:\.[a-z_]+)*): )?(?P<text>.+)")
_KINDS: tuple[tuple[type[EcertmailError], str, str], ...] = (
    (KeyringError, "key", "see `ecertmail partner keys --help`, and the chapter on keys in the operator guide"),
    (NotFoundError, "not-started", "systemctl start ecertmail, or `ecertmail serve`: it makes what is missing"),
    (StoreError, "database", "see `ecertmail status` and the chapter on backup in the operator guide"),
    (TemporaryError, "unreadable", "look at permissions, owner and free space; it may pass by itself"),
    (EcertmailError, "configuration", "change what the line names, then `ecertmail check-config` again"),
)


def config_or_faults(file: Path) -> tuple[Config | None, list[Fault]]:
    """Load the configuration; if that fails, return every mistake in its files."""
    try:
        return configuration.load(file), []
    except EcertmailError as error:
        return None, faults_of(error)


def faults(config: Config) -> Iterator[Fault]:
    """Load all that the daemon loads at its start, each part by itself, so that one failure hides no other."""
    for trouble in pinned_keys.read(config).troubles:
        remedy = f"ask for another key, then `ecertmail partner keys add {trouble.partner} KEYFILE`"
        if trouble.partner == OWN:
            remedy = "let [issuing] fingerprint and key_file name a key that can sign"
        yield _placed(Fault(code="key", harm=Harm.MAIL, text=trouble.text, remedy=remedy))
    for part in _parts(config):
        try:
            part()
        except (EcertmailError, OSError) as error:
            yield from faults_of(error)


def faults_of(error: EcertmailError | OSError) -> list[Fault]:
    """Return a fault for each line of an error; one of the operating system names the file that it is about."""
    if isinstance(error, OSError):
        return faults_of(UnreadableError(f"{error.filename}: cannot be used now ({error.strerror})"))
    code, remedy = next((code, remedy) for kind, code, remedy in _KINDS if isinstance(error, kind))
    made = Fault(code=code, harm=Harm.STOPS, text="", remedy=remedy, exit_code=error.exit_code)
    return [_placed(replace(made, text=line)) for line in str(error).splitlines()]


def _parts(config: Config) -> Iterator[Callable[[], object]]:
    yield partial(assemble.refuse_newer, config)
    yield partial(examining.prove_own_key, config)
    yield partial(schemas.load, config.schemas)
    yield partial(assemble.listener_tls, config)
    for mailbox in config.settings.mailbox or (None,):
        sections = () if mailbox is None else (mailbox,)
        settings = config.settings.model_copy(update={"mailbox": sections})
        yield partial(mailboxes.check, config.model_copy(update={"settings": settings}))
    yield partial(JinjaTemplates, quote.ABOVE, config.templates)
    yield partial(assemble.outgoing, config)


def _placed(fault: Fault) -> Fault:
    """Take file, line and key, which our errors begin with, out of the text."""
    found = _PLACE.fullmatch(fault.text)
    if found is None:
        return fault
    return replace(fault, file=found["file"], line=int(found["line"] or 0), key=found["key"] or "", text=found["text"])
