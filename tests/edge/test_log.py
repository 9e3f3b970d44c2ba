"""Three renderings of one event."""

import io
import json
import logging

import pytest

from ecertmail.edge import log


def line(form: str, level: str = "info") -> str:
    stream = io.StringIO()
    log.make(form, level, stream).warning("mail.refused", id="1", partner=None, subject='a "b"\n<3>forged line', n=2)
    return stream.getvalue()


def test_the_journal_gets_one_line_with_priority_whatever_is_in_it() -> None:
    assert line("journal") == '<4>mail.refused id=1 subject="a \\"b\\"\\n<3>forged line" n=2\n'


def test_a_program_gets_json_on_one_line() -> None:
    text = line("json")
    event = json.loads(text)
    assert text.count("\n") == 1
    assert (event["event"], event["level"], event["n"], "partner" in event) == ("mail.refused", "warning", 2, False)


def test_a_person_gets_one_line_without_colours_into_a_file() -> None:
    text = line("human")
    assert text.count("\n") == 1
    assert "mail.refused" in text
    assert "\x1b[" not in text


def test_levels_below_the_configured_one_are_not_written() -> None:
    assert line("json", "error") == ""


def test_auto_is_the_journal_under_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert line("auto").startswith("<4>")


def test_warnings_of_libraries_come_in_as_events() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers
    log.bridge(log.make("json", "info", stream))
    logging.getLogger("mail.log").warning("odd %s", "thing")
    logging.getLogger().handlers = before
    assert json.loads(stream.getvalue())["message"] == "odd thing"


def test_what_is_guessed_at_a_bounce_in_prose_is_no_warning() -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers
    log.bridge(log.make("json", "info", stream))
    logging.getLogger("flufl.bounce").error("cannot parse")
    logging.getLogger().handlers = before
    assert stream.getvalue() == ""
