"""From configuration to mailboxes that are read: accounts, secrets, TLS, plans, and a thread for each mailbox."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial

from ecertmail import assemble
from ecertmail.config import Config
from ecertmail.core.mailbox import Deed, Plan
from ecertmail.edge.imap.account import Account
from ecertmail.edge.imap.mailbox import ImapMailbox
from ecertmail.edge.maildir import Maildir
from ecertmail.errors import ConfigError
from ecertmail.flow.collect import Collector
from ecertmail.flow.intake import Intake
from ecertmail.flow.poll import Poller
from ecertmail.mailbox_section import MailboxSection
from ecertmail.message import Envelope
from ecertmail.ports import EventLog, OpenMailbox
from ecertmail.store.outcomes import Outcomes
from ecertmail.store.spool import SqliteSpool


def account(config: Config, mailbox: MailboxSection) -> Account:
    """Describe where a mailbox is and who opens it; secrets are read at each login, so that they can be changed."""
    what = f"the secret of mailbox {mailbox.name}"
    return Account(
        host=mailbox.host,
        port=mailbox.server_port,
        tls=mailbox.tls,
        context=assemble.client_tls(config, mailbox.ca_file, f"[[mailbox]] {mailbox.name}"),
        username=mailbox.username,
        password=partial(assemble.own_secret, config, mailbox.password_file, what) if mailbox.password_file else None,
        token=assemble.token(config, mailbox.oauth2_token_file, mailbox.oauth2_token_command, what),
    )


def plan(config: Config, mailbox: MailboxSection) -> Plan:
    """Describe how a mailbox is read."""
    return Plan(
        mailbox=mailbox.name,
        source="maildir" if mailbox.maildir else "imap",
        address=config.settings.authority.address,
        folders=mailbox.folders,
        message_size=config.settings.limits.message_size,
        deed=Deed(after=mailbox.after, folder=mailbox.move_to),
        refused_to=mailbox.refused_to,
    )


def opener(config: Config, mailbox: MailboxSection, log: EventLog) -> Callable[[], OpenMailbox]:
    """Return how to open a mailbox."""
    if mailbox.maildir:
        return partial(Maildir, config.path(mailbox.maildir))
    return partial(ImapMailbox.open, account(config, mailbox), idle=mailbox.idle, log=log)


def check(config: Config) -> None:
    """Look whether mail can come in at all, and whether the secrets of mailboxes are there.

    Raises:
        ConfigError: what is wrong, and what would be right.
    """
    if not config.settings.mailbox and not config.settings.listen.enabled:
        raise ConfigError(f"{config.file}: no mail can come in: set [listen] enabled = true, or add a [[mailbox]]")
    for mailbox in config.settings.mailbox:
        if not mailbox.maildir and (password := account(config, mailbox).password) is not None:
            password()
        command = mailbox.oauth2_token_command
        if command and shutil.which(command[0]) is None:
            raise ConfigError(f"{config.file}: mailbox {mailbox.name}: oauth2_token_command: there is no {command[0]}")


class Readers:
    """All mailboxes of a node, each read in a thread of its own."""

    def __init__(
        self, config: Config, spool: SqliteSpool, intake: Intake, clock: Callable[[], datetime], log: EventLog
    ) -> None:
        """Put together what reads each mailbox; nothing is opened yet.

        Raises:
            ConfigError: no mail can come in so, or a secret is missing.
        """
        check(config)
        self._intake = intake
        self._outcomes = Outcomes(config.spool / "spool.db", config.spool / "ledger.db")
        self._pollers = [
            Poller(
                name=mailbox.name,
                open=opener(config, mailbox, log),
                collector=Collector(plan(config, mailbox), spool.fetched, self._accept, self._outcomes.of, clock, log),
                fetched=spool.fetched,
                interval=mailbox.interval_seconds,
                clock=clock,
                log=log,
            )
            for mailbox in config.settings.mailbox
        ]

    async def run(self) -> None:
        """Read until cancelled; what was accepted by then is durable."""
        self._loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(max(len(self._pollers), 1), "mailbox")
        try:
            await asyncio.gather(*(self._loop.run_in_executor(pool, poller.run) for poller in self._pollers))
            await asyncio.Event().wait()  # without a mailbox there is nothing to do, and that is no reason to stop
        finally:
            for poller in self._pollers:
                poller.stop()
            await asyncio.to_thread(pool.shutdown)
            self._outcomes.close()

    def ring(self) -> None:
        """Look into every mailbox now: an operator may have mended something."""
        for poller in self._pollers:
            poller.ring()

    def _accept(self, envelope: Envelope, octets: bytes) -> Future[str]:
        return asyncio.run_coroutine_threadsafe(self._intake.accept(envelope, octets), self._loop)
