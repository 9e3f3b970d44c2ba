"""The command line: reads arguments, calls the rooms below, prints what came of it.

Exit codes stand in one table, `errors.EXIT_CODES`.
"""

from typing import ClassVar

import click

from ecertmail import __version__
from ecertmail.cli.lazy_group import LazyGroup, Place

_EPILOG = """\b
Examples:
  ecertmail init /srv/ecertmail --name "Example Authority" --country NZ --address ecert@example.org
  ecertmail -C /srv/ecertmail/ecertmail.toml serve
  ecertmail lookup NZL2009/0001/26
\b
Exit codes: 0 done, 2 wrong usage, 3 a check failed, 4 not found, 5 key trouble,
6 database trouble, 75 try again later, 78 wrong configuration, 1 anything else.
\b
Shell completion: eval "$(_ECERTMAIL_COMPLETE=bash_source ecertmail)"  (also zsh_source, fish_source)
"""


class Commands(LazyGroup):
    """Every command of `ecertmail`."""

    places: ClassVar[dict[str, Place]] = {
        "alarm": Place("alarm", "Look at open alarms, and close them."),
        "backup": Place("backup", "Copy everything that this node is made of."),
        "check-config": Place("checking", "Check configuration, partners, keys and TLS files."),
        "command": Place("mail", "Make a mail that manages your subscriptions."),
        "delivery": Place("delivery", "Look at outgoing mails; send again or cancel."),
        "doctor": Place("doctor", "Say what is wrong and what mends it."),
        "init": Place("install", "Make a working installation in a folder."),
        "inquiry": Place("inquiry", "Look at conversations about certificates."),
        "issue": Place("issue", "Record certificates of your own authority."),
        "ledger": Place("ledger", "Look at the log and prove that it is whole."),
        "lookup": Place("ledger", "Show a certificate with its whole history."),
        "mailbox": Place("mailbox", "Test the mailboxes that are read."),
        "offer-key": Place("mail", "Make a mail that offers a partner your new key."),
        "official": Place("official", "Add, approve and suspend officials."),
        "partner": Place("partner", "Add partners, and look at their keys."),
        "report": Place("report", "Show the numbers of a month."),
        "restore": Place("backup", "Put a backup back on an empty machine."),
        "serve": Place("service", "Run the daemon."),
        "sign": Place("mail", "Make a signed batch mail from certificate files."),
        "spool": Place("spool", "Look at received mails and the quarantine."),
        "status": Place("service", "Show what runs, what waits, what is wrong."),
        "subscriber": Place("subscriber", "Add, approve and pause subscribers."),
        "verify-receipt": Place("mail", "Verify a receipt without a network."),
    }


@click.group(cls=Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "--config",
    type=click.Path(dir_okay=False),
    envvar="ECERTMAIL_CONFIG",
    help="The installation's ecertmail.toml. Default: ./ecertmail.toml, then /etc/ecertmail/ecertmail.toml.",
)
@click.version_option(__version__, prog_name="ecertmail")
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """Exchange signed electronic export certificates by e-mail."""
    context.obj = config
