"""How events are written: one line each, for a person, for the journal, or for a program."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import TextIO

import structlog

from ecertmail.ports import EventLog

_JOURNAL_LEVEL = {"debug": 7, "info": 6, "warning": 4, "error": 3}


def make(form: str, level: str, stream: TextIO = sys.stderr) -> EventLog:
    """Return an event log.

    Args:
        form: human, journal, json, or auto (human on a terminal or elsewhere, journal under systemd).
        level: the lowest level that is written.
        stream: where lines go.
    """
    if form == "auto":
        form = "journal" if os.environ.get("JOURNAL_STREAM") else "human"
    add_time = structlog.processors.TimeStamper(fmt="iso", utc=True)
    processors: dict[str, list[structlog.types.Processor]] = {
        "human": [add_time, structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=24)],
        "json": [add_time, structlog.processors.JSONRenderer(ensure_ascii=False)],
        "journal": [_journal],
    }
    logger: EventLog = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[structlog.processors.add_log_level, _without_none, *processors[form]],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )
    return logger


def bridge(log: EventLog) -> None:
    """Bring warnings of the libraries into our log, one line each."""

    class Bridge(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.warning("library", name=record.name, message=record.getMessage()[:300])

    root = logging.getLogger()
    root.handlers = [Bridge(level=logging.WARNING)]
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it guesses at strangers' mails and tells of each


def _without_none(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    return {key: value for key, value in event.items() if value is not None}


def _journal(_logger: object, _method: str, event: MutableMapping[str, object]) -> str:
    """One line with the priority prefix of sd-daemon(3), `key=value`, values quoted where needed."""
    level = _JOURNAL_LEVEL.get(str(event.pop("level")), 6)
    name = event.pop("event")
    return f"<{level}>{name} " + " ".join(f"{key}={_quoted(str(value))}" for key, value in event.items())


def _quoted(value: str) -> str:
    plain = value and all(c.isprintable() and c not in ' "=' for c in value)
    return value if plain else '"' + value.encode("unicode_escape").decode().replace('"', '\\"') + '"'
