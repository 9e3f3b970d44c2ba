"""Owners and modes: who may read secrets, and who may change what the node trusts."""

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from ecertmail import assemble
from ecertmail.checks import where
from ecertmail.checks.where import Place
from ecertmail.config import Config
from ecertmail.errors import UnreadableError
from ecertmail.fault import Fault, Harm

_OTHERS, _OTHERS_WRITE = 0o007, 0o002
_SPOOL = 0o027  # group may list it: access lists that let an issuing program in show up as rights of the group


def faults(config: Config, _now: datetime) -> Iterator[Fault]:
    """Return what is wrong with owners and modes."""
    yield from _root(config)
    yield from _owners(config)
    yield from _secrets(config)
    yield from _folders(config)
    yield from _changeable(config)


def access(folder: Path) -> Iterator[Fault]:
    """Say whether this user may look into the spool at all."""
    owner = _owner(folder)
    if owner is not None and not os.access(folder, os.R_OK | os.X_OK):
        text = f"{folder} belongs to {_name(owner)}, and {_name(os.geteuid())} runs this command and may not read it"
        yield Fault(code="owner", harm=Harm.STOPS, text=text, remedy=f"sudo -u {_name(owner)} ecertmail …",
                    exit_code=UnreadableError.exit_code)  # fmt: skip


def _root(config: Config) -> Iterator[Fault]:
    if os.geteuid() != 0:
        return
    owner = _owner(config.spool)
    if owner in {0, None}:
        text = "this installation belongs to root, so the daemon runs as root; it needs no right of root"
        remedy = f"useradd --system ecertmail; chown -R ecertmail: {config.file.parent}; run ecertmail as that user"
    else:
        text = f"this command runs as root, but the installation belongs to {_name(owner)}"
        remedy = f"run commands as its owner: sudo -u {_name(owner)} ecertmail …"
    yield Fault(code="root", harm=Harm.LATER, text=text, remedy=remedy, **where.path(config.file.parent))


def _owners(config: Config) -> Iterator[Fault]:
    """Return what does not belong to the daemon's user: this user, or to root's eyes the owner of the keys."""
    home = config.path(config.settings.keys.home)
    user = os.geteuid() or _owner(home)
    if user is None:
        return
    files = [home, config.spool, *sorted(_databases(config.spool))]
    foreign = [path for path in files if _owner(path) not in {user, None}]
    for path in foreign:
        text = f"belongs to {_name(_owner(path))}, and the node's keys to {_name(_owner(home))}"
        if os.geteuid():
            text = f"belongs to {_name(_owner(path))}; {_name(user)}, who runs this, cannot use it"
        yield Fault(code="owner", harm=Harm.MAIL, text=text, remedy=f"chown {_name(user)}: {path}", **where.path(path))


def _databases(spool: Path) -> list[Path]:
    try:
        return [path for path in spool.iterdir() if path.name.endswith((".db", ".db-wal", ".db-shm")) or
                path.name == "lock"]  # fmt: skip
    except OSError:
        return []


def _secrets(config: Config) -> Iterator[Fault]:
    for path, what, place in _secret_files(config):
        if assemble.open_to_others(path):
            text = f"{path}: {what} can be read by others ({_mode(path):04o})"
            yield Fault(code="secret-mode", harm=Harm.SECRET, text=text, remedy=f"chmod 600 {path}", **place)
    key = config.settings.listen.private_key or config.settings.listen.certificate
    path = config.path(key)
    if key and _mode(path) & _OTHERS:
        text = f"{path}: the private key of TLS can be read by everybody ({_mode(path):04o})"
        place = where.setting(config, "listen", "private_key")
        yield Fault(code="secret-mode", harm=Harm.SECRET, text=text, remedy=f"chmod 640 {path}", **place)


def _secret_files(config: Config) -> Iterator[tuple[Path, str, Place]]:
    """Return each file with a secret, what it holds, and where it is configured."""
    settings = config.settings
    named = [
        ("keys", "passphrase_file", settings.keys.passphrase_file, "the key's passphrase"),
        ("send", "password_file", settings.send.password_file, "the smarthost's password"),
        ("send", "oauth2_token_file", settings.send.oauth2_token_file, "the smarthost's token"),
        ("dkim", "key_file", settings.dkim.key_file if settings.dkim.domain else "", "the DKIM key"),
    ]
    for mailbox in settings.mailbox:
        what = f"the secret of mailbox {mailbox.name}"
        named += [("mailbox", "password_file", mailbox.password_file, what),
                  ("mailbox", "oauth2_token_file", mailbox.oauth2_token_file, what)]  # fmt: skip
    for section, key, file, what in named:
        if file:
            yield config.path(file), what, where.setting(config, section, key)


def _folders(config: Config) -> Iterator[Fault]:
    home = config.path(config.settings.keys.home)
    for path, bits, place in (
        (config.spool, _SPOOL, where.setting(config, "paths", "spool")),
        (home, 0o077, where.setting(config, "keys", "home")),
    ):
        if _mode(path) & bits:
            text = f"{path} is open to others ({_mode(path):04o})"
            yield Fault(code="folder-mode", harm=Harm.SECRET, text=text, remedy=f"chmod 700 {path}", **place)


def _changeable(config: Config) -> Iterator[Fault]:
    """Return what everybody can change: who can write a partner file can add a partner."""
    partners = config.path(config.settings.paths.partners)
    trusted: Iterable[Path] = (config.file.parent, config.file, partners, *sorted(partners.glob("*.toml")),
                               *config.key_files.values())  # fmt: skip
    for path in dict.fromkeys(trusted):
        if _mode(path) & _OTHERS_WRITE:
            text = f"everybody can change it ({_mode(path):04o})"
            yield Fault(code="writable", harm=Harm.SECRET, text=text, remedy=f"chmod o-w {path}", **where.path(path))


def _mode(path: Path) -> int:
    """Return the permission bits; none for what cannot be looked at."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid).pw_name if uid is not None else "nobody known"
    except KeyError:
        return f"user {uid}"
