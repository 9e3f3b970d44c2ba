"""A TOML file as a section of settings; every mistake in it is told with file, line, key and what would be right."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ecertmail.errors import ConfigError, unreadable

_T = TypeVar("_T", bound=BaseModel)


def read(file: Path, kind: type[_T]) -> _T:
    """Read a file.

    Raises:
        ConfigError: with one line for each mistake.
        UnreadableError: the file is there and cannot be read now.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return kind.model_validate(tomllib.loads(text))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such file; `ecertmail init DIR` makes one") from error
    except OSError as error:
        raise unreadable(f"{file}: cannot be read", error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from error
    except ValidationError as error:
        lines = [_explain(file, text, kind, mistake["loc"], mistake["msg"]) for mistake in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def _explain(file: Path, text: str, kind: type[BaseModel], place: tuple[int | str, ...], message: str) -> str:
    """Say one mistake: file, line, key and what would be right."""
    names = [str(part) for part in place if isinstance(part, str)]
    line = _line(text, names)
    where = f"{file}:{line}" if line else f"{file}"
    if "Extra inputs" in message:
        known = _known_keys(kind, names[:-1])
        near = difflib.get_close_matches(names[-1], known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"{where}: unknown key {'.'.join(names)!r}; {hint}"
    if message == "Field required":
        return f"{where}: the key {'.'.join(names)!r} is missing"
    return f"{where}: {'.'.join(names)}: {message.removeprefix('Value error, ')}"


def _line(text: str, names: list[str]) -> int:
    """The line of a key, found by reading the file as lines; 0 when it stands nowhere."""
    section, wanted = "", names[-1]
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?([\w.-]+)\]", line)
        section = header[1] if header else section
        at_key = re.match(rf"\s*{re.escape(wanted)}\s*=", line) and section == ".".join(names[:-1])
        if at_key or (header and header[1] == ".".join(names)):
            return number
    return 0


def _known_keys(kind: type[BaseModel], names: list[str]) -> list[str]:
    for name in names:
        annotation = kind.model_fields[name].annotation
        annotation = next(iter(get_args(annotation)), annotation)  # the table of an array of tables
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            kind = annotation
    return sorted(kind.model_fields)


def line_of(file: Path, *names: str) -> int:
    """Return the line of a key such as `paths`, `partners` in a file; 0 where it is not set or cannot be found."""
    try:
        return _line(file.read_text(encoding="utf-8"), list(names))
    except (OSError, UnicodeDecodeError):
        return 0
