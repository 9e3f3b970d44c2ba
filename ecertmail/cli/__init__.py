"""The command line: reads arguments, calls the rooms below, prints what came of it.

Exit codes stand in one table, `errors.EXIT_CODES`.
"""

import click

from ecertmail import __version__
from ecertmail.cli import (
    alarm,
    checking,
    delivery,
    doctor,
    inquiry,
    install,
    issue,
    keys,
    ledger,
    mail,
    mailbox,
    official,
    partner,
    report,
    service,
    spool,
    subscriber,
)
from ecertmail.cli.common import Group

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


@click.group(cls=Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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


for command in (
    *install.COMMANDS,
    *checking.COMMANDS,
    *service.COMMANDS,
    doctor.doctor,
    issue.issue,
    *ledger.COMMANDS,
    *mail.COMMANDS,
    partner.partner,
    spool.spool,
    delivery.delivery,
    alarm.alarm,
    inquiry.inquiry,
    mailbox.mailbox,
    subscriber.subscriber,
    official.official,
    report.report,
):
    main.add_command(command)
partner.partner.add_command(keys.keys)
