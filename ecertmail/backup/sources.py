"""Which files a node is made of: the configuration, what it names, and the folders that hold keys and partners.

Both databases and the files that wait in `issue/` are copied in an order of their own (`make`) and are not listed here.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from ecertmail.config import Config
from ecertmail.edge import systemd
from ecertmail.errors import ConfigError

_NOT_KEPT = ("S.", ".#lk", "gpg-agent-info-")
"""GnuPG's sockets and locks, by the beginnings of their names."""
_OUTSIDE = {"certificate", "private_key"}
_REMADE = {"oauth2_token_file"}
"""An access token lives for an hour, and another program writes it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that belongs in the backup; `octets` is set for a secret that is a systemd credential and no file."""

    path: Path
    octets: bytes | None = field(default=None, repr=False)


def names_a_file(key: str) -> bool:
    """Say whether a key of ecertmail.toml names a file that a node cannot do without."""
    return (key.endswith("_file") or key in _OUTSIDE) and key not in _REMADE


def sources(config: Config) -> list[Source]:
    """List every file of a node but databases and `issue/`; each stands there once.

    Raises:
        ConfigError: a secret or another file that the configuration names cannot be read, so the backup would be
            worth nothing.
    """
    walked = (path for folder in folders(config) for path in _files(folder))
    found = [Source(path) for path in (config.file, *walked, *config.key_files.values())]
    found += [_readable(path) for path in _named(config)]  # last, so that a credential goes before its file
    return list({os.path.normpath(source.path): source for source in found}.values())


def folders(config: Config) -> list[Path]:
    """Return the folders that are copied as they are."""
    paths, keys = config.settings.paths, config.settings.keys
    named = (keys.home, "keys", paths.partners, paths.templates, paths.schemas)
    return [config.path(name) for name in named if name]


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(_NOT_KEPT) and not name.endswith((".lock", ".tmp", "~")) and path.is_file():
                yield path


def _named(config: Config) -> Iterator[Path]:
    sections = [section for _, section in config.settings if isinstance(section, BaseModel)]
    for section in (*sections, *config.settings.mailbox):
        if section is config.settings.dkim and not config.settings.dkim.domain:
            continue  # its key is named by default, and is used by a node that signs only
        values: Mapping[str, object] = dict(section)
        yield from (config.path(str(value)) for key, value in values.items() if value and names_a_file(key))


def _readable(path: Path) -> Source:
    octets = systemd.credential(path.name)
    if octets is not None:
        return Source(path, octets)
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}), and without it the backup would be worth nothing; where it is "
            "a credential of the service, run `systemctl start ecertmail-backup.service` instead"
        ) from error
    return Source(path)
