"""The file manifest.json of a backup: whose it is, when it was made, and the hash of every file in it.

A backup holds a file of the installation's folder under `folder/`, and a file from elsewhere under `elsewhere/` with
its whole path. So every file has one name in the backup and one place where it belongs.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

from ecertmail.errors import NotFoundError, StoreError

NAME = "manifest.json"
FORMAT = 1
_INSIDE, _ELSEWHERE = "folder", "elsewhere"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file: its name in the backup, its permission bits, its length and its SHA-256."""

    path: str
    mode: int
    octets: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    `configuration` is where ecertmail.toml was, `owner` the user who owned the databases, `entries` and `root` what
    `ecertmail ledger verify` shows of the ledger.
    """

    ecertmail: str
    made_at: datetime
    node: str
    configuration: str
    owner: str
    entries: int
    root: str
    files: tuple[Entry, ...]

    @property
    def octets(self) -> int:
        """The length of all files."""
        return sum(entry.octets for entry in self.files)

    def to_json(self) -> bytes:
        """Return the octets of manifest.json."""
        values = {"format": FORMAT, **asdict(self), "made_at": self.made_at.isoformat()}
        return json.dumps(values, indent=1, ensure_ascii=False).encode() + b"\n"


def read(backup: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        NotFoundError: the folder is no backup.
        StoreError: the manifest is damaged, or of a newer ecertmail.
    """
    file = backup / NAME
    try:
        values = json.loads(file.read_bytes())
        if values.pop("format") != FORMAT:
            raise StoreError(f"{file}: was made by ecertmail {values.get('ecertmail')}; restore it with that version")
        made_at = datetime.fromisoformat(values.pop("made_at"))
        files = tuple(Entry(**entry) for entry in values.pop("files"))
        manifest = Manifest(**values, made_at=made_at, files=files)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{backup}: is no backup of ecertmail: there is no {NAME} in it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{file}: is damaged ({error}); take another backup") from error
    if any(".." in PurePosixPath(entry.path).parts for entry in files):
        raise StoreError(f"{file}: names a file outside the backup; it was not made by ecertmail")
    return manifest


def name_of(path: Path, folder: Path) -> str:
    """Return the name in the backup of a file of an installation in this folder."""
    plain = Path(os.path.normpath(path))  # a configured path may go up: ../secrets/passphrase
    if plain.is_relative_to(folder):
        return str(PurePosixPath(_INSIDE, plain.relative_to(folder)))
    return str(PurePosixPath(_ELSEWHERE, plain.relative_to("/")))


def place_of(name: str, folder: Path, elsewhere: Path) -> Path:
    """Return where a file of a backup belongs.

    Args:
        name: its name in the backup.
        folder: the installation's folder.
        elsewhere: `/`, or the folder that takes the files which were elsewhere.
    """
    room, _, rest = name.partition("/")
    return (folder if room == _INSIDE else elsewhere) / rest


def digest(file: Path) -> str:
    """Return the SHA-256 of a file as hex digits; it may be larger than the memory."""
    hashed = sha256()
    with file.open("rb") as octets:
        while block := octets.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()
