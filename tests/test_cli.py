"""The command line as a sysadmin and a partner use it."""

import json
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ecertmail.cli import main
from tests.builders import CHINA, DATA, NZ_ADDRESS, SHARED, batch_mail, certificates_xml, key_of, make_key
from tests.installation import Installation, Sink, until

NZ_XML = str(DATA / "certificates-nz.xml")


def all_commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(command, click.Group):
        return [path, *(p for name, sub in command.commands.items() for p in all_commands(sub, (*path, name)))]
    return [path]


@pytest.mark.parametrize("path", all_commands(main), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_init_makes_an_installation_with_the_right_modes(template: Installation) -> None:
    modes = {name: stat.S_IMODE((template.folder / name).stat().st_mode) for name in
             (".", "keys", "keys/gnupg", "keys/passphrase", "spool", "partners")}  # fmt: skip
    assert modes == {".": 0o700, "keys": 0o700, "keys/gnupg": 0o700, "keys/passphrase": 0o600, "spool": 0o700,
                     "partners": 0o700}  # fmt: skip
    assert "BEGIN PGP PUBLIC KEY" in (template.folder / "keys/node.asc").read_text()
    checked = template.cli("check-config", "--json")
    assert json.loads(checked.stdout)["ok"] is True


def test_init_never_overwrites(template: Installation) -> None:
    again = CliRunner().invoke(
        main, ["init", str(template.folder), "--name", "X", "--country", "CN", "--address", CHINA.address]
    )
    assert again.exit_code == 78
    assert "exists already; nothing was changed" in again.output


def test_init_in_a_folder_too_deep_for_sockets_says_so_and_makes_nothing(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / "node"
    told = CliRunner().invoke(main, ["init", str(deep), "--name", "X", "--country", "CN", "--address", CHINA.address])
    assert told.exit_code == 78
    assert "the path is too long for the socket" in told.output
    assert not deep.exists()


def test_a_spool_too_deep_for_a_socket_is_told_by_check_config_and_by_the_daemon(china: Installation) -> None:
    deep = "deep" * 20
    (china.folder / deep).mkdir(mode=0o700)
    china.set('# spool = "spool"', f'"{deep}"')
    for command in ("check-config", "serve"):
        told = china.cli(command)
        assert (told.exit_code, "107 octets" in told.output) == (78, True), told.output


def test_without_a_configuration_the_error_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecertmail", "status"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 78
    assert "name one with -C, or run `ecertmail init DIR`" in done.stderr


def test_a_partner_is_added_only_after_its_fingerprint_was_confirmed(china: Installation) -> None:
    fiji = make_key("ecert@fiji.example")
    key_file = china.folder / "fj.asc"
    key_file.write_text(str(fiji.tsk.extract_certificate()))
    command = ("partner", "add", "fj", str(key_file), "--name", "Fiji", "--country", "FJ", "--address", fiji.address)
    refused = china.cli(*command, stdin="n\n")
    assert refused.exit_code == 1
    assert " ".join(fiji.fingerprint[i : i + 4] for i in range(0, 40, 4)) in refused.output
    assert china.cli(*command, "--fingerprint", "0" * 40).exit_code == 5
    assert not (china.folder / "partners/fj.toml").exists()
    assert china.cli(*command, stdin="y\n").exit_code == 0
    assert [p["id"] for p in json.loads(china.cli("partner", "list", "--json").stdout)] == ["fj", "nz"]
    assert "receipts go to  ecert@fiji.example" in china.cli("partner", "show", "fj").output
    assert china.cli("partner", "show", "xx").exit_code == 4


def test_a_secret_key_is_not_taken_as_a_partners(china: Installation) -> None:
    key_file = china.folder / "secret.asc"
    key_file.write_bytes(bytes(make_key("x@y.example").tsk))
    added = china.cli(
        "partner", "add", "xx", str(key_file), "--name", "X", "--country", "XX", "--address", "x@y.example"
    )
    assert added.exit_code == 5
    assert "SECRET key" in added.output


def test_status_lookup_and_ledger_show_what_was_recorded(daemon: Installation, sink: Sink) -> None:
    daemon.send(batch_mail(certificates_xml("NZ/1", title="Lamb")))
    sink.wait_for(1)
    until(lambda: daemon.ledger().counts("delivery") == {"delivered": 1})
    status = json.loads(daemon.cli("status", "--json").stdout)
    assert (status["daemon"], status["certificates"], status["ledger_size"]) == ("running", {"70": 1}, 2)
    assert "issued (70)" in daemon.cli("lookup", "NZ/1").output
    found = json.loads(daemon.cli("lookup", "NZ/1", "--json").stdout)[0]
    entry = found["versions"][0]["entry"]
    assert found["qr"] == f"ECERT:NZ:NZ/1:{found['versions'][0]['sha256']}"
    assert 'certificate id="NZ/1"' in daemon.cli("lookup", "--xml", str(entry), "NZ/1").output
    assert daemon.cli("lookup", "NZ/2").exit_code == 4
    tail = json.loads(daemon.cli("ledger", "tail", "--json").stdout)
    assert [record["kind"] for record in tail] == ["message", "certificate"]


def test_ledger_verify_finds_a_rewritten_ledger(daemon: Installation, sink: Sink) -> None:
    daemon.send(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    noted = json.loads(daemon.cli("ledger", "verify", "--json").stdout)
    daemon.stop()
    assert daemon.cli("ledger", "verify", "--size", "2", "--root", noted["root"]).exit_code == 0
    db = sqlite3.connect(daemon.folder / "spool/ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("UPDATE entry SET record=x'00'")
    db.execute("DROP TRIGGER entry_no_update")
    db.execute("UPDATE entry SET record=CAST(replace(CAST(record AS TEXT),'NZ/1','NZ/7') AS BLOB) WHERE idx=1")
    db.commit()
    db.close()
    verified = daemon.cli("ledger", "verify")
    assert verified.exit_code == 3
    assert "entry 1: the record does not match its leaf hash" in verified.output


def test_spool_commands_work_with_and_without_the_daemon(daemon: Installation) -> None:
    for serial in range(2):
        daemon.send(b"From: x@y.example\r\nSubject: unsigned %d\r\n\r\nhello\r\n" % serial)
    until(lambda: len(daemon.spooled("quarantined")) == 2)
    ids = [row.id for row in daemon.spooled("quarantined")]
    listed = json.loads(daemon.cli("spool", "list", "--json").stdout)
    assert {row["reason"] for row in listed} == {"not-signed"}
    assert "not-signed: The mail is not signed" in daemon.cli("spool", "show", ids[0]).output
    assert "hello\r\n" in daemon.cli("spool", "export", ids[0]).stdout_bytes.decode()
    assert daemon.cli("spool", "drop", "--yes", ids[0]).exit_code == 0
    assert daemon.cli("spool", "drop", "--yes", ids[0]).exit_code == 4
    daemon.stop()
    assert daemon.cli("spool", "release", ids[1]).exit_code == 0
    assert [row.state for row in daemon.spooled()] == ["spooled"]
    assert daemon.cli("spool", "release", ids[1]).exit_code == 4


def test_what_sign_makes_is_accepted_and_its_receipt_verifies_offline(daemon: Installation, sink: Sink) -> None:
    """The partner's side, with nothing but GnuPG: its key lives in a GnuPG home of its own."""
    home, batch, receipt = daemon.folder / "gpg", daemon.folder / "batch.eml", daemon.folder / "receipt.eml"
    home.mkdir(mode=0o700)
    secret = bytes(key_of(NZ_ADDRESS).tsk)
    subprocess.run(
        ["gpg", "--homedir", home, "--batch", "--quiet", "--import"], input=secret, check=True, capture_output=True
    )
    signed = CliRunner().invoke(
        main, ["sign", NZ_XML, "--to", CHINA.address, "--from", NZ_ADDRESS, "--key", key_of(NZ_ADDRESS).fingerprint,
               "--home", str(home), "-o", str(batch)],
    )  # fmt: skip
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    assert signed.exit_code == 0, signed.output
    daemon.send(batch.read_bytes())
    receipt.write_bytes(sink.wait_for(1)[0].replace(b"\r\n", b"\n"))  # as a mail program saves it
    command = ["verify-receipt", str(receipt), "--key", str(daemon.folder / "keys/node.asc")]
    verified = CliRunner().invoke(main, [*command, "--sent", str(batch), "--json"])
    assert verified.exit_code == 0, verified.output
    facts = json.loads(verified.stdout)
    assert (facts["receipt"]["outcome"], facts["sent_matches"]) == ("accepted", True)

    batch.write_bytes(batch_mail(certificates_xml("NZ/2")))
    other = CliRunner().invoke(main, [*command, "--sent", str(batch)])
    assert (other.exit_code, "is about other octets" in other.output) == (3, True)
    receipt.write_bytes(receipt.read_bytes().replace(b"recorded", b"Recorded", 1))
    forged = CliRunner().invoke(main, command)
    assert (forged.exit_code, "the signature is bad" in forged.output) == (3, True)
    wrong_key = ["verify-receipt", str(receipt), "--key", str(daemon.folder / "partners/nz.asc")]
    assert CliRunner().invoke(main, wrong_key).exit_code == 3


def test_sign_tells_now_what_the_partner_would_refuse_later(china: Installation) -> None:
    bad = china.folder / "bad.xml"
    bad.write_bytes(certificates_xml("NZ/1", status="Nonsense"))
    refused = china.cli("sign", str(bad), "--to", "x@y.example")
    assert refused.exit_code == 3
    assert "does not conform to its schema" in refused.output
    assert "nothing was signed" in refused.output
    assert china.cli("sign", "--no-check", str(bad), "--to", "x@y.example").stdout_bytes.startswith(b"From: ")


def test_a_port_in_use_is_told(daemon: Installation) -> None:
    taken = daemon.port
    daemon.stop()
    with socket.create_server(("127.0.0.1", taken)):
        serve = daemon.cli("serve")
    assert serve.exit_code == 78
    assert f"port = {taken}: cannot listen on 127.0.0.1 (Address already in use)" in serve.output


def test_a_ledger_of_a_newer_version_is_refused_and_not_touched(daemon: Installation) -> None:
    daemon.stop()
    db = sqlite3.connect(daemon.folder / "spool/ledger.db")
    with db:
        db.execute(
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at) VALUES ('ecertmail.ledger','m999_new','x')"
        )
    db.close()
    serve = daemon.cli("serve")
    assert serve.exit_code == 6
    assert "was written by a newer ecertmail (it has m999_new)" in serve.output


def test_completion_is_offered_for_the_usual_shells() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [sys.executable, "-c", "from ecertmail.cli import main; main(prog_name='ecertmail')"],
            env={"_ECERTMAIL_COMPLETE": f"{shell}_source", "PATH": "/usr/bin:/bin"}, capture_output=True, check=False,
        )  # fmt: skip
        assert b"ecertmail" in done.stdout


def test_the_shared_samples_can_be_signed(china: Installation) -> None:
    if not SHARED.exists():
        pytest.skip("../shared/data is not here")
    sample = SHARED / "samples/851-issued.xml"
    assert china.cli("sign", str(sample), "--to", "x@y.example").exit_code == 0
