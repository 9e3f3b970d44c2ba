"""A maildir on this machine, into which the site's MTA delivers: read like a mailbox, without a server.

A file's name up to the colon is unique and stays when flags change (https://cr.yp.to/proto/maildir.html). Folders are
those of Maildir++: `INBOX` is the maildir itself, any other one the subfolder with a dot before its name.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from urllib.parse import quote

from ecertmail.core.mailbox import After, Deed, Found, Plan, Step, with_crlf
from ecertmail.errors import MailboxAwayError, MailboxRefusedError

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Maildir:
    """A maildir, open in so far as it is there."""

    path: Path

    def folder(self, name: str) -> "MaildirFolder":
        """Open a folder.

        Raises:
            MailboxRefusedError: it is no maildir, or not now.
        """
        folder = MaildirFolder(self.path, name)
        for part in ("new", "cur"):
            if not (folder.path / part).is_dir():
                raise MailboxRefusedError(f"{folder.path}: is no maildir: it has no folder `{part}`")
        return folder

    def wait(self, bell: Event, seconds: float) -> None:
        """Return when the bell rang, or after some seconds."""
        bell.wait(seconds)

    def interrupt(self) -> None:
        """Do nothing: nobody is waited for here."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


@dataclass(frozen=True, slots=True)
class MaildirFolder:
    """One folder of a maildir; its validity is always 0, for names are never used again."""

    root: Path
    name: str
    validity: int = 0

    @property
    def path(self) -> Path:
        """Where its files are."""
        return _path(self.root, self.name)

    def uids(self, _mark: str) -> Iterator[list[str]]:
        """Yield the unique names of all messages, some at a time; they come in no order, so there is no mark."""
        for part in ("new", "cur"):
            with _trouble(self.path), os.scandir(self.path / part) as entries:
                names = (_unique(entry.name) for entry in entries if _is_mail(entry))
                while some := list(islice(names, _AT_ONCE)):
                    yield some

    def sizes(self, uids: Sequence[str]) -> list[Found]:
        """Ask the file system how large messages are; what is gone is left out."""
        files = self._files(uids)
        found = []
        for uid, file in files.items():
            with _trouble(file), contextlib.suppress(FileNotFoundError):
                found.append(Found(uid=uid, size=file.stat().st_size))
        return found

    def read(self, found: Sequence[Found], limit: int) -> dict[str, bytes]:
        """Return the octets of messages as they travelled, of none much more than `limit`."""
        read = {}
        for uid, file in self._files([message.uid for message in found]).items():
            with _trouble(file), contextlib.suppress(FileNotFoundError), file.open("rb") as octets:
                read[uid] = with_crlf(octets.read(limit + 1))
        return read

    def do(self, uids: Sequence[str], deed: Deed) -> None:
        """Flag, move or delete messages; those that are gone are passed over."""
        target = _path(self.root, deed.folder) if deed.after is After.MOVE else self.path
        for file in self._files(uids).values():
            with _trouble(file), contextlib.suppress(FileNotFoundError):
                if deed.after is After.DELETE:
                    file.unlink()
                else:
                    _make(target)
                    file.rename(target / "cur" / _seen(file.name))

    def _files(self, uids: Sequence[str]) -> dict[str, Path]:
        """Find the files of messages: most are in `new` under their unique name, the others are looked for."""
        new = {uid: self.path / "new" / uid for uid in uids}
        files = {uid: file for uid, file in new.items() if file.exists()}
        missing = new.keys() - files.keys()
        for part in ("new", "cur") if missing else ():
            with _trouble(self.path), os.scandir(self.path / part) as entries:
                files |= {uid: Path(entry.path) for entry in entries if (uid := _unique(entry.name)) in missing}
        return files


def _path(root: Path, folder: str) -> Path:
    return root if folder == "INBOX" else root / f".{folder}"


def _make(path: Path) -> None:
    for part in ("new", "cur", "tmp"):
        (path / part).mkdir(mode=0o700, parents=True, exist_ok=True)


def _is_mail(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_file(follow_symlinks=False)


def _unique(name: str) -> str:
    """The part of a file's name that stays, as text that can be stored, whatever octets somebody put there."""
    base = name.partition(":")[0]
    return base if base.isascii() else quote(os.fsencode(base))


def _seen(name: str) -> str:
    """Add the flag S to a name; flags stand in the order of their letters."""
    base, _, flags = name.partition(":2,")
    return f"{base}:2,{''.join(sorted({*flags, 'S'}))}"


@contextlib.contextmanager
def _trouble(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise MailboxRefusedError(f"{path}: {error.strerror}; the daemon's user must own the maildir") from error
    except OSError as error:
        raise MailboxAwayError(f"{path}: {error.strerror}") from error


def steps(root: Path, plan: Plan) -> Iterator[Step]:
    """Look whether the folders of a maildir can be read and changed."""
    for name in plan.folders:
        try:
            path = Maildir(root).folder(name).path
        except MailboxRefusedError as error:
            yield Step(name=f"folder {name}", good=False, text=str(error), advice="check `maildir` and `folders`")
            continue
        good = all(os.access(path / part, os.R_OK | os.W_OK | os.X_OK) for part in ("new", "cur"))
        advice = "" if good else "let the daemon's user own the maildir, or run the delivery as that user"
        text = f"{path}, " + ("can be read and changed" if good else "cannot be read and changed by this user")
        yield Step(name=f"folder {name}", good=good, text=text, advice=advice)
