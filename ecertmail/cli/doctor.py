"""`ecertmail doctor`: one page of everything that is wrong, in order of harm, with what mends it."""

import sys

import click

from ecertmail import checks, clock
from ecertmail.checks import loading, units
from ecertmail.checks.problems import KEY_ENDED, problems
from ecertmail.checks.standing import look
from ecertmail.cli.checking import show
from ecertmail.cli.common import CHECK_FAILED, config_file, json_option, show_json
from ecertmail.fault import by_harm, good, heading


@click.command(
    epilog="\b\nExamples:\n  ecertmail doctor\n  ecertmail doctor --json\n  sudo -u ecertmail ecertmail doctor"
)
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Say what is wrong with this node, in order of harm, and for each what mends it: a command or a key to set.

    It looks at the configuration, keys, permissions, the disk, the databases, alarms, mailboxes, the daemon and its
    systemd units; nothing is changed and no other machine is asked. Ends with 0 when nothing is wrong (notices are
    only advice), else with 3.
    """
    config, faults = loading.config_or_faults(config_file(context).resolve())
    if config is not None:
        now = clock.now()
        stands = [one for one in problems(config, look(config, now), now) if one.code != KEY_ENDED]
        # That a key ended is found by the checks of the configuration, which also know of revoked ones.
        faults = by_harm([*checks.configuration(config, now), *units.faults(config), *stands])
    if as_json:
        show_json({"good": good(faults), "faults": [fault.as_json() for fault in faults]})
    else:
        click.secho("Nothing is wrong." if good(faults) else f"{heading(faults)}, the worst first:", bold=True)
        show(faults)
    sys.exit(0 if good(faults) else CHECK_FAILED)
