"""The configuration: what is right loads, what is wrong is told with file, line, key and what would be right."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from ecertmail import config
from ecertmail.errors import ConfigError
from ecertmail.mailbox_section import MailboxSection
from ecertmail.settings import Settings
from tests.installation import Installation


def line_of(file: Path, start: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if line.startswith(start))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# port = 2525", "prot = 2525", "unknown key 'listen.prot'; did you mean 'port'?"),
        ("# port = 2525", "port = 'smtp'", "listen.port: Input should be a valid integer"),
        ("# port = 2525", "port = 70000", "listen.port: Input should be less than or equal to 65535"),
        ('country = "CN"', 'country = "China"', "authority.country: must be a two-letter country code"),
        ('address = "ecert@customs.example"', 'address = "A <a@b.c>"', "authority.address: must be one plain mail"),
        ('# starttls = "when-offered"', 'starttls = "always"', "send.starttls: Input should be 'never'"),
        ("[log]", "[logging]", "unknown key 'logging'; did you mean 'log'?"),
        ("# message_size = 25000000", "message_size = 0", "limits.message_size: Input should be greater than"),
        ('# passes = "token"', 'passes = "sure"', "officials.passes: Input should be 'token', 'token+dkim'"),
        ('# refuses = "token"', 'refuses = "none"', "officials.refuses: Input should be 'token', 'token+dkim'"),
        ("# ticket_days = 30", "ticket_day = 30", "unknown key 'officials.ticket_day'; did you mean 'ticket_days'?"),
        ("# answer_within_hours = 72.0", "answer_within_hours = inf", "inquiries.answer_within_hours: Input should be"),
        (
            "# answer_within_hours = 72.0",
            "answer_within_hours = 1e300",
            "inquiries.answer_within_hours: Input should be",
        ),
        ('# escalate_to = ""', 'escalate_to = "A <a@b.c>"', "inquiries.escalate_to: must be one plain mail"),
    ],
)
def test_a_mistake_is_told_with_its_line(template: Installation, tmp_path: Path, old: str, new: str, says: str) -> None:
    file = tmp_path / "ecertmail.toml"
    text = template.file.read_text(encoding="utf-8")
    assert f"\n{old}" in text
    file.write_text(text.replace(f"\n{old}", f"\n{new}"), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        config.load(file)
    assert f"{file}:{line_of(file, new)}: {says}" in str(error.value)


def test_every_mistake_is_told_at_once(template: Installation, tmp_path: Path) -> None:
    file = tmp_path / "ecertmail.toml"
    text = template.file.read_text(encoding="utf-8").replace("# port = 2525", "port = -1")
    file.write_text(text.replace('country = "CN"', 'country = "cn"'), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        config.load(file)
    assert len(str(error.value).splitlines()) == 2


def test_a_missing_key_file_and_a_file_with_another_key_are_told(china: Installation) -> None:
    key_file = china.folder / "partners/nz.asc"
    key_file.rename(china.folder / "elsewhere.asc")
    missing = china.cli("check-config")
    assert (missing.exit_code, "nz.asc: the key of partner nz cannot be read" in missing.output) == (3, True)
    shutil.copy(china.folder / "keys/node.asc", key_file)
    other = china.cli("check-config")
    assert (other.exit_code, "but partners/nz.toml names" in other.output) == (3, True)


def test_one_address_for_two_partners_is_refused(china: Installation) -> None:
    shutil.copy(china.folder / "partners/nz.toml", china.folder / "partners/zz.toml")
    assert "belongs to partner nz already" in china.cli("check-config").output


@pytest.mark.parametrize(
    ("commented", "value", "says"),
    [
        ('# schemas = ""', '"nowhere"', "this schema file is missing"),
        ('# templates = ""', '"nowhere"', "this folder of templates is missing"),
        ('# certificate = ""', '"nowhere.pem"', "cannot be used as TLS certificate"),
        ("# require_starttls = false", "true", "TLS is asked for, but certificate is not set"),
        ('# ca_file = ""', '"nowhere.pem"', "ca_file cannot be read"),
        ('# passphrase_file = "keys/passphrase"', '"nowhere"', "the key's passphrase cannot be read"),
        ('# password_file = ""', '"nowhere"', "the smarthost's password cannot be read"),
    ],
)
def test_a_missing_file_is_told_by_check_config(china: Installation, commented: str, value: str, says: str) -> None:
    china.set(commented, value)
    result = china.cli("check-config")
    assert (result.exit_code, says in result.output) == (78, True), result.output


def test_a_wrong_passphrase_is_told(china: Installation) -> None:
    (china.folder / "keys/passphrase").write_text("wrong\n")
    result = china.cli("check-config")
    assert result.exit_code == 5
    assert "passphrase" in result.output


def test_the_sample_has_every_key_with_its_default(tmp_path: Path) -> None:
    sample = config.packaged("ecertmail.toml").read_text(encoding="utf-8")
    uncommented = tomllib.loads(re.sub(r"(?m)^# (\w+ = |\[\[\w+\]\])", r"\1", sample))
    uncommented["mailbox"] = uncommented["mailbox"][0]
    for name, section in Settings.model_fields.items():
        kind = MailboxSection if name == "mailbox" else section.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        assert set(uncommented[name]) == set(kind.model_fields), name
        for key, field in kind.model_fields.items():
            if not field.is_required():
                default = list(field.default) if isinstance(field.default, tuple) else field.default
                assert uncommented[name][key] == default, f"{name}.{key}"


def test_a_level_that_nothing_can_reach_is_a_mistake(china: Installation) -> None:
    file = china.folder / "partners/nz.toml"
    file.write_text(file.read_text() + '\n[officials]\nrefuses = "token+dkim"\n')
    wrong = china.cli("check-config")
    assert wrong.exit_code == 78
    assert "partners/nz.toml: [officials] refuses" in wrong.output
    china.set('# dkim = "nobody"', '"ourselves"')
    assert china.cli("check-config").exit_code == 0
