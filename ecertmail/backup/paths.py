"""Configuration files that are moved: absolute paths in them name the new places, relative ones stay as they are."""

import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit

from ecertmail.backup.sources import names_a_file

_PATHS = {"home", "spool", "partners", "schemas", "templates", "file"}
"""Keys of ecertmail.toml and of partner files that name a folder or a key file."""


def partners_folder(configuration: bytes) -> str:
    """Return where an ecertmail.toml says that the partner files are."""
    return str(tomlkit.parse(configuration.decode()).get("paths", {}).get("partners", "partners"))


def moved(octets: bytes, base: Path, new_place: Callable[[Path], Path]) -> bytes:
    """Return a configuration or partner file in which every path that does not move with the file is replaced.

    Args:
        octets: the file as it was, with its comments, which stay.
        base: the folder in which it was.
        new_place: says where a file or folder is now.
    """
    document = tomlkit.parse(octets.decode())
    _replace(document, lambda value: _new(value, base, new_place))
    return tomlkit.dumps(document).encode()


def _new(value: str, base: Path, new_place: Callable[[Path], Path]) -> str:
    was = Path(os.path.normpath(base / value))
    stays = not os.path.isabs(value) and was.is_relative_to(base)  # noqa: PTH117 - a word of the file, not a path yet
    return value if stays else str(new_place(was))


def _replace(table: MutableMapping[str, Any], new: Callable[[str], str]) -> None:
    for key, value in table.items():
        if isinstance(value, MutableMapping):
            _replace(value, new)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, MutableMapping):
                    _replace(one, new)
        elif isinstance(value, str) and value and (key in _PATHS or names_a_file(key)):
            table[key] = new(value)
