"""`ecertmail backup` and `ecertmail restore`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from ecertmail import clock
from ecertmail.backup.make import length, make
from ecertmail.backup.restore import Plan, owner, plan, put_back, verify
from ecertmail.cli.common import CHECK_FAILED, fail, json_option, load, pairs, show_json
from ecertmail.errors import ConfigError, StoreBusyError


@click.command(epilog="\b\nExamples:\n  ecertmail backup /var/backups/ecertmail\n"
               "  ecertmail backup --keep 30 --json /mnt/usb")  # fmt: skip
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), default=7, show_default=True,
              help="How many backups of this node stay in DIR; older ones are removed.")  # fmt: skip
@json_option
@click.pass_context
def backup(context: click.Context, folder: Path, keep: int, as_json: bool) -> None:
    """Copy everything that this node is made of into a new folder in DIR, while the daemon runs or not.

    It holds both databases, keys and their passphrase, configuration, partners, and texts and schemas of your own. It
    is for its owner only, and as secret as the node itself.
    """
    config = load(context)
    begun = time.monotonic()
    with click.progressbar(length=length(config), label="Copying", file=sys.stderr, hidden=_hidden()) as bar:
        made = make(config, folder, keep, clock.now(), bar.update)
    facts: dict[str, object] = {
        "path": made.path,
        "made_at": made.manifest.made_at.isoformat(timespec="seconds"),
        "files": len(made.manifest.files),
        "octets": made.manifest.octets,
        "seconds": round(time.monotonic() - begun, 1),
        "size": made.manifest.entries,
        "root": made.manifest.root,
        "removed": made.removed,
    }
    if as_json:
        show_json(facts)
        return
    pairs([*(facts | {"removed": ", ".join(made.removed) or "no older backup"}).items()])
    click.secho("The backup is whole.", fg="green")


@click.command(epilog="\b\nExamples:\n  ecertmail restore /var/backups/ecertmail/ecertmail-20261128T150000Z\n"
               "  ecertmail restore --to /srv/ecertmail ecertmail-20261128T150000Z")  # fmt: skip
@click.argument("folder", metavar="BACKUP", type=click.Path(file_okay=False, path_type=Path))
@click.option("--to", type=click.Path(file_okay=False, path_type=Path),
              help="The folder that the installation gets; by default every file goes where it was.")  # fmt: skip
@json_option
def restore(folder: Path, to: Path | None, as_json: bool) -> None:
    """Put one backup back, on a machine where there is no installation yet, and check it.

    Nothing is ever overwritten. With --to, files that were outside the installation's folder go into `elsewhere` in the
    new one, and the configuration names them there.
    """
    planned = plan(folder, to)
    octets = planned.manifest.octets
    with click.progressbar(length=octets, label="Checking", file=sys.stderr, hidden=_hidden()) as bar:
        faults = verify(planned, bar.update)
    if faults:
        fail("\n".join([*faults, "nothing was restored; take another backup"]), CHECK_FAILED)
    with click.progressbar(length=octets, label="Copying", file=sys.stderr, hidden=_hidden()) as bar:
        try:
            put_back(planned, bar.update)
        except OSError as error:
            raise StoreBusyError(f"{error.filename}: cannot be written ({error.strerror}); restore again") from error
    good = _check(planned)
    facts: dict[str, object] = {
        "configuration": planned.file,
        "made_at": planned.manifest.made_at.isoformat(timespec="seconds"),
        "files": len(planned.places),
        "size": planned.manifest.entries,
        "root": planned.manifest.root,
    }
    if as_json:
        show_json(facts)
        return
    pairs([*facts.items()])
    _tell(planned, good)


def _check(restored: Plan) -> bool:
    """Run `check-config` as the node's user and say whether it found no error; end if the node cannot start.

    Root would leave files in the keyring that the node cannot use.
    """
    user = owner(restored)
    command = [sys.executable, "-m", "ecertmail", "-C", str(restored.file), "check-config"]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            env={**os.environ, "HOME": user.pw_dir} if user else None,
        )
    except PermissionError:
        raise ConfigError(
            f"everything is back, but user {restored.manifest.owner} may not run {sys.executable}"
        ) from None
    if done.returncode not in {0, CHECK_FAILED}:
        click.echo(done.stderr, err=True, nl=False)
        fail(f"{restored.file}: everything is back, but must be mended before it can start", done.returncode)
    return done.returncode == 0


def _tell(restored: Plan, good: bool) -> None:
    moment = restored.manifest.made_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    click.secho("Everything is back, and the node can start.", fg="green")
    if not good:
        click.secho(f"check-config found errors: ecertmail -C {restored.file} check-config", fg="yellow")
    if os.geteuid() == 0 and owner(restored) is None:
        click.echo(f"This machine has no user {restored.manifest.owner}: the files belong to root.")
    click.echo(f"""
What this node received, decided and sent after {moment} is not here. Next:
  - Tell your partners this time, and ask them to send again what they sent since then. What is here already is
    recognised, and recorded once.
  - Start the node. Mails that waited to be sent at that time go out, so some arrive for a second time, with the same
    Message-ID.
  - The passphrase is in its file again. If your service gets it as a credential, look at the operator guide.""")


def _hidden() -> bool:
    return not sys.stderr.isatty()
