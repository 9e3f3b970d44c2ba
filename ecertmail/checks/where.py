"""Where a fault is configured: file, line and key of a setting, of a partner file, of any file."""

from pathlib import Path
from typing import TypedDict

from ecertmail.config import Config, whereabouts
from ecertmail.parties import OWN, Partner
from ecertmail.toml_file import line_of


class Place(TypedDict, total=False):
    """What a `Fault` says about its place."""

    file: str
    line: int
    key: str


def setting(config: Config, section: str, key: str) -> Place:
    """Return the place of a key in ecertmail.toml."""
    return Place(file=str(config.file), line=line_of(config.file, section, key), key=f"[{section}] {key}")


def partner_key(config: Config, partner: Partner, key: str) -> Place:
    """Return the place of a key in a partner file; of the issuing system, its section in ecertmail.toml."""
    if partner.id == OWN:
        return setting(config, "issuing", key)
    file = partner_file(config, partner)
    return Place(file=str(file), line=line_of(file, key), key=key)


def partner_file(config: Config, partner: Partner) -> Path:
    """Return the file of a partner."""
    return config.path(config.settings.paths.partners) / Path(whereabouts(partner)).name


def path(file: Path) -> Place:
    """Return the place of what is wrong with a file itself."""
    return Place(file=str(file))
