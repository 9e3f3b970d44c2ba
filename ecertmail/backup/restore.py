"""Put a backup back on a machine that has no installation in that place; nothing that is there is overwritten.

ecertmail.toml comes last: a machine that loses power before that has no installation that could start, and restoring
once more goes on where it stopped, for every file is whole or not there.
"""

import os
import pwd
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Migrations

from ecertmail import assemble, durable
from ecertmail.backup import paths
from ecertmail.backup.manifest import Entry, Manifest, digest, name_of, place_of, read
from ecertmail.errors import ConfigError, StoreError
from ecertmail.store import database, ledger_schema, online_backup, spool

_BLOCK = 1 << 20
_DATABASES: dict[str, Migrations] = {"spool.db": spool.migrations, "ledger.db": ledger_schema.migrations}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is put where: `file` is the new ecertmail.toml, the last of all places.

    Without `moved` every file goes where it was. Else those that were outside the installation's folder go into
    `elsewhere` in the new one.
    """

    backup: Path
    manifest: Manifest
    file: Path
    moved: bool
    places: tuple[tuple[Entry, Path], ...]

    @property
    def spool(self) -> Path:
        """The folder of the databases; a node that never ran has none in its backup."""
        found = (place.parent for entry, place in self.places if Path(entry.path).name in _DATABASES)
        return next(found, self.file.parent / "spool")

    @property
    def partners(self) -> Path:
        """The folder of the partner files."""
        old = Path(self.manifest.configuration)
        configuration = self.backup / name_of(old, old.parent)
        return self.new_place(old.parent / paths.partners_folder(configuration.read_bytes()))

    def new_place(self, was: Path) -> Path:
        """Return where a file or folder is put that was there."""
        return _place(name_of(was, Path(self.manifest.configuration).parent), self.file.parent, self.moved)


def plan(backup: Path, to: Path | None) -> Plan:
    """Say what restoring would put where; nothing is written.

    Args:
        backup: the folder of one backup.
        to: the folder that the installation gets; None for where it was.

    Raises:
        NotFoundError, StoreError: this is no backup, or its manifest cannot be read.
        ConfigError: there is something in one of the places.
    """
    made = read(backup)
    was = Path(made.configuration)
    folder = was.parent if to is None else to.absolute()
    file = folder / was.name
    places = [(entry, _place(entry.path, folder, to is not None)) for entry in made.files]
    places.sort(key=lambda pair: pair[1] == file)
    found = Plan(backup=backup, manifest=made, file=file, moved=to is not None, places=tuple(places))
    _refuse_existing(found)
    return found


def verify(plan: Plan, progress: Callable[[int], object]) -> list[str]:
    """Compare every file of a backup with the manifest; return a sentence for each fault."""
    faults = []
    for entry, _ in plan.places:
        file = plan.backup / entry.path
        if not file.is_file():
            faults.append(f"{file}: is missing")
        elif digest(file) != entry.sha256:
            faults.append(f"{file}: is damaged: it has another hash than the manifest says")
        progress(entry.octets)
    return faults


def put_back(plan: Plan, progress: Callable[[int], object]) -> None:
    """Put every file of a verified backup into its place, durably.

    Raises:
        StoreError: a database is of a newer ecertmail, a daemon runs there, or the ledger is not the manifest's.
        OSError: a file cannot be written; restoring once more goes on from there.
    """
    _refuse_newer(plan)
    made: list[Path] = []
    _make_folder(plan.spool, made)
    with assemble.holding(plan.spool):
        _make_folder(plan.partners, made)  # there even without partners
        for entry, place in plan.places:
            if place == plan.file:
                _check_ledger(plan)
            _make_folder(place.parent, made)
            _put(plan, entry, place)
            progress(entry.octets)
        _give(plan, [*made, *(place for _, place in plan.places), plan.spool / "lock"])


def owner(plan: Plan) -> pwd.struct_passwd | None:
    """Return the user to whom the node belongs, when root restores it and this machine knows the user."""
    try:
        return pwd.getpwnam(plan.manifest.owner) if os.geteuid() == 0 else None
    except KeyError:
        return None


def _place(name: str, folder: Path, moved: bool) -> Path:
    return place_of(name, folder, folder / "elsewhere" if moved else Path("/"))


def _refuse_existing(plan: Plan) -> None:
    """Refuse to restore over an installation; whole files of a restore that was cut off are no obstacle."""
    if plan.file.exists():
        raise ConfigError(
            f"{plan.file}: exists already, and nothing is overwritten; stop the service and move that folder away, or "
            "restore into another folder with --to; nothing was changed"
        )
    for entry, place in plan.places:
        rewritten = plan.moved and place.suffix == ".toml"
        if not rewritten and place.exists() and (not place.is_file() or digest(place) != entry.sha256):
            raise ConfigError(f"{place}: exists already with other content; move it away; nothing was changed")


def _refuse_newer(plan: Plan) -> None:
    for entry, _ in plan.places:
        file, migrations = plan.backup / entry.path, _DATABASES.get(Path(entry.path).name)
        if migrations is not None and file.is_file():
            database.refuse_newer(file, migrations)


def _put(plan: Plan, entry: Entry, place: Path) -> None:
    source = plan.backup / entry.path
    if plan.moved and (place == plan.file or (place.parent == plan.partners and place.suffix == ".toml")):
        was = _place(entry.path, Path(plan.manifest.configuration).parent, moved=False)
        durable.write(place, paths.moved(source.read_bytes(), was.parent, plan.new_place), entry.mode)
    elif not place.exists():
        with source.open("rb") as octets, durable.writing(place, entry.mode) as out:
            shutil.copyfileobj(octets, out, _BLOCK)


def _check_ledger(plan: Plan) -> None:
    ledger = plan.spool / "ledger.db"
    if ledger.exists() and online_backup.log(ledger) != (plan.manifest.entries, plan.manifest.root):
        raise StoreError(f"{ledger}: is not the ledger of the backup; move it away and restore again")


def _make_folder(folder: Path, made: list[Path]) -> None:
    made.extend(path for path in (folder, *folder.parents) if not path.exists())
    durable.make_folder(folder)


def _give(plan: Plan, made: list[Path]) -> None:
    """Let what was put back belong to the node's user, where root did it."""
    if user := owner(plan):
        for path in made:
            os.chown(path, user.pw_uid, user.pw_gid)
