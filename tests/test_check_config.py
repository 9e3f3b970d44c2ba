"""`ecertmail check-config`: a table of broken installations, each through the real command line."""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ecertmail.core.countries import COUNTRIES
from tests.builders import NZ_ADDRESS, key_of, make_key
from tests.installation import Installation, free_port, until
from tests.scenery import Past
from tests.small_disk import small_disk_at
from tests.test_systemd import UNITS
from tests.test_tls import make_certificate

EVERYWHERE = "0.0.0.0"  # noqa: S104 - written into a file; nothing is started
Findings = list[dict[str, Any]]
Break = Callable[[Installation], None]


def check(installation: Installation, *options: str) -> tuple[int, Findings]:
    """Run the command; return its exit code and its findings."""
    done = installation.cli("check-config", "--json", *options)
    shown = json.loads(done.stdout)
    assert shown["ok"] is (done.exit_code == 0)
    return done.exit_code, shown["findings"]


def setting(commented: str, value: str) -> Break:
    return lambda node: node.set(commented, value)


def mode(name: str, bits: int) -> Break:
    return lambda node: (node.folder / name).chmod(bits)


def replace(name: str, old: str, new: str) -> Break:
    """Change a file of the installation; the old text must stand there."""

    def change(node: Installation) -> None:
        file = node.folder / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    return change


def together(*breaks: Break) -> Break:
    def change(node: Installation) -> None:
        for one in breaks:
            one(node)

    return change


def smarthost(host: str, listen: str = "127.0.0.1") -> Break:
    """Send to the port that the node listens on itself."""

    def change(node: Installation) -> None:
        replace("ecertmail.toml", f"port = {node.sink_port}", f"port = {node.port}")(node)
        text = node.file.read_text(encoding="utf-8")
        listening, mark, sending = text.partition("[send]")
        listening = listening.replace('# host = "127.0.0.1"', f'host = "{listen}"')
        sending = sending.replace('# host = "127.0.0.1"', f'host = "{host}"')
        node.file.write_text(listening + mark + sending, encoding="utf-8")

    return change


def closed_smarthost(node: Installation) -> None:
    replace("ecertmail.toml", f"port = {node.sink_port}", f"port = {free_port()}")(node)


def partner_key(node: Installation, key: Any) -> None:
    """Give New Zealand another key."""
    (node.folder / "partners/nz.asc").write_text(str(key.tsk.extract_certificate()), encoding="ascii")
    replace("partners/nz.toml", key_of(NZ_ADDRESS).fingerprint, key.fingerprint)(node)


def expired_key(node: Installation) -> None:
    node.cli("partner", "keys", "end", "nz", key_of(NZ_ADDRESS).fingerprint, "2026-01-31")


def own_key_expired(node: Installation) -> None:
    home, passphrase = node.folder / "keys/gnupg", node.folder / "keys/passphrase"
    fingerprint = re.findall(r'^fingerprint = "(\w+)"', node.file.read_text(), re.MULTILINE)[0]
    command = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase-file",
               str(passphrase), "--quick-set-expire", fingerprint, "seconds=1"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    time.sleep(1.5)  # until then it is good


def tls(node: Installation, days: str = "2", key_of_other: bool = False) -> None:
    certificate, key = make_certificate(node.folder / "tls", "first")
    if key_of_other:
        key = make_certificate(node.folder / "tls", "second")[1]
    if days.startswith("-"):
        request = ["openssl", "x509", "-in", str(certificate), "-signkey", str(key), "-days", days, "-out",
                   str(certificate)]  # fmt: skip
        subprocess.run(request, check=True, capture_output=True)
    node.set('# certificate = ""', f'"{certificate}"')
    node.set('# private_key = ""', f'"{key}"')


def no_partner(node: Installation) -> None:
    (node.folder / "partners/nz.toml").unlink()


def newer_ledger(node: Installation) -> None:
    Past(node.folder / "spool").close()
    with sqlite3.connect(node.folder / "spool/ledger.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations(migration_set, name, applied_at) VALUES ('ecertmail.ledger','m999_new','x')"
        )
    db.close()


def strange_time_zone(node: Installation) -> None:
    past = Past(node.folder / "spool")
    past.subscribe(datetime.now(UTC), "post", schedule="0 6 * * *", time_zone="Mars/Base")
    past.close()


def foreign_spool(node: Installation) -> None:
    os.chown(node.folder / "spool", 65534, 65534)


BROKEN: dict[str, tuple[Break, str, str, int]] = {
    "partners misspelt": (setting('# partners = "partners"', '"partnres"'), "partners-folder", "[paths] partners", 3),
    "no partner": (no_partner, "no-partner", "", 0),
    "own country": (replace("ecertmail.toml", 'country = "CN"', 'country = "QQ"'), "country-unknown",
                    "[authority] country", 3),
    "partner's country": (replace("partners/nz.toml", 'country = "NZ"', 'country = "QQ"'), "country-unknown",
                          "country", 3),
    "expired key of a partner": (expired_key, "partner-key-ended", "keys", 3),
    "revoked or missing key file": (lambda node: (node.folder / "partners/nz.asc").unlink(), "key", "", 3),
    "expired own key": (own_key_expired, "own-key-ended", "[keys] fingerprint", 5),
    "passphrase 0644": (mode("keys/passphrase", 0o644), "secret-mode", "[keys] passphrase_file", 3),
    "spool 0777": (mode("spool", 0o777), "folder-mode", "[paths] spool", 3),
    "GnuPG's home 0755": (mode("keys/gnupg", 0o755), "folder-mode", "[keys] home", 3),
    "a partner file that everybody can change": (mode("partners/nz.toml", 0o666), "writable", "", 3),
    "unreachable smarthost": (closed_smarthost, "smarthost-away", "[send] host", 0),
    "smarthost is this node": (smarthost("127.0.0.1"), "sends-to-itself", "[send] host", 3),
    "smarthost is this node, by name": (smarthost("localhost", EVERYWHERE), "sends-to-itself", "[send] host", 3),
    "smarthost is this node, by its host name": (smarthost(socket.gethostname(), ""), "sends-to-itself",
                                                 "[send] host", 3),
    "a username without a password": (setting('# username = ""', '"us"'), "smarthost", "[send] username", 3),
    "port 587 with TLS from the first octet": (
        together(setting("# implicit_tls = false", "true"),
                 lambda node: replace("ecertmail.toml", f"port = {node.sink_port}", "port = 587")(node)),
        "smarthost", "[send] implicit_tls", 3),
    "two uses of a port": (lambda node: node.set("# tls_port = 0", str(node.port)), "port-twice", "[listen] port", 78),
    "expired certificate": (lambda node: tls(node, "-1"), "tls-expired", "[listen] certificate", 3),
    "certificate and key of two pairs": (lambda node: tls(node, key_of_other=True), "configuration", "", 78),
    "certificate for another name": (
        together(tls, setting('# hostname = "localhost"', '"mail.example.org"')), "tls-name", "[listen] hostname", 0),
    "open to the world without TLS": (
        replace("ecertmail.toml", "[listen]\n", f'[listen]\nhost = "{EVERYWHERE}"\n'),
        "no-tls", "[listen] certificate", 0),
    "nobody is told": (lambda _: None, "no-operator", "[operator] address", 0),
    "a program is told": (setting('# address = ""', f'"{NZ_ADDRESS}"'), "operator-is-node", "[operator] address", 3),
    "a partner issues for us": (
        replace("partners/nz.toml", 'issues_for = ["NZ"]', 'issues_for = ["NZ", "CN"]'),
        "issues-for-us", "issues_for", 0),
    "a ledger of a newer version": (newer_ledger, "database", "", 6),
    "an unknown time zone": (strange_time_zone, "schedule", "", 3),
    "a spool of somebody else": (foreign_spool, "owner", "", 3),
}  # fmt: skip


@pytest.mark.parametrize(("break_it", "code", "key", "ends"), BROKEN.values(), ids=BROKEN.keys())
def test_each_mistake_is_found(china: Installation, break_it: Break, code: str, key: str, ends: int) -> None:
    if code == "owner" and os.geteuid():
        pytest.skip("only root can give a folder away")
    break_it(china)
    exit_code, findings = check(china)
    found = [finding for finding in findings if finding["code"] == code and finding["key"] == key]
    assert found, findings
    assert exit_code == ends, findings
    assert all(finding["text"] and finding["remedy"] for finding in found)


def test_all_mistakes_are_told_at_once_the_worst_first(china: Installation) -> None:
    for name in ("own country", "passphrase 0644", "spool 0777", "smarthost is this node"):
        BROKEN[name][0](china)
    shutil.copy(china.folder / "partners/nz.asc", china.folder / "partners/au.asc")
    partner_key(china, make_key("other@mpi.example"))
    china.set("# count = 2", '"two"')
    (china.folder / "partners/zz.toml").write_text('name = "Z"\n')
    exit_code, findings = check(china)
    assert exit_code == 78
    assert [finding["line"] > 0 for finding in findings if "workers.count" in finding["key"]] == [True]
    china.file.write_text(china.file.read_text().replace('count = "two"', "count = 2"))
    assert {finding["file"].rpartition("/")[2] for finding in check(china)[1]} == {"zz.toml"}
    (china.folder / "partners/zz.toml").unlink()
    exit_code, findings = check(china)
    codes = [finding["code"] for finding in findings]
    assert exit_code == 3
    assert {"country-unknown", "sends-to-itself", "secret-mode", "folder-mode", "no-operator"} <= set(codes)
    severities = [finding["severity"] for finding in findings]
    assert severities == sorted(severities, key=["error", "warning", "notice"].index)


def test_people_read_file_line_key_and_what_would_be_right(china: Installation) -> None:
    china.set('# partners = "partners"', '"partnres"')
    lines = china.cli("check-config").output.splitlines()
    line = next(n for n, text in enumerate(china.file.read_text().splitlines(), 1) if text.startswith("partners ="))
    [at] = [n for n, text in enumerate(lines) if f"{china.file}:{line}: [paths] partners: the folder" in text]
    assert lines[at + 1] == '    → set partners = "partners"'
    assert lines[-1].startswith("The configuration has 1 error")


def test_a_node_whose_socket_unit_has_port_25_does_not_send_there(
    china: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The documented installation: systemd listens on port 25, and the smarthost is 127.0.0.1:25 by default."""
    replace("ecertmail.toml", f"port = {china.sink_port}", "port = 25")(china)
    folder = tmp_path / "systemd"
    (folder / "sockets.target.wants").mkdir(parents=True)
    (folder / "sockets.target.wants/ecertmail.socket").symlink_to(folder / "ecertmail.socket")
    shutil.copy(UNITS / "ecertmail.socket", folder)
    service = (UNITS / "ecertmail.service").read_text().replace("/var/lib/ecertmail/ecertmail.toml", str(china.file))
    (folder / "ecertmail.service").write_text(service)
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", str(folder))
    exit_code, findings = check(china)
    assert (exit_code, [f["code"] for f in findings if f["severity"] == "error"]) == (3, ["sends-to-itself"])
    (folder / "sockets.target.wants/ecertmail.socket").unlink()
    assert "sends-to-itself" not in [finding["code"] for finding in check(china)[1]]


@contextmanager
def greeting(line: bytes) -> Iterator[int]:
    """A server on loopback that only greets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(line)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_smarthost_that_greets_as_an_ecertmail_node_is_none(china: Installation) -> None:
    with greeting(b"220 node.example ESMTP ecertmail\r\n") as port:
        replace("ecertmail.toml", f"port = {china.sink_port}", f"port = {port}")(china)
        assert "sends-to-itself" in [finding["code"] for finding in check(china)[1]]


def test_a_disk_that_fills_is_told(china: Installation) -> None:
    with small_disk_at(china.folder / "spool", "500m"):
        assert "disk-low" in [finding["code"] for finding in check(china)[1]]
    with small_disk_at(china.folder / "spool", "50m"):
        exit_code, findings = check(china)
    assert (exit_code, "disk-full" in [finding["code"] for finding in findings]) == (3, True)


def test_the_daemon_starts_all_the_same_and_logs_each_mistake_once(china: Installation) -> None:
    """What a node tolerated until now stops nobody's upgrade."""
    for name in ("own country", "passphrase 0644", "spool 0777", "expired key of a partner"):
        BROKEN[name][0](china)
    china.start()
    until(lambda: "of partner nz is outside" in china.log)
    warned = [line for line in china.log.splitlines() if "config.fault" in line]
    for words in ("QQ is no assigned", "passphrase can be read", "spool is open", "of partner nz is outside its days"):
        assert len([line for line in warned if words in line]) == 1, china.log


def test_country_codes_are_those_of_iso_3166_and_three_more() -> None:
    assert len(COUNTRIES) == 249 + 3
    assert {"CN", "NZ", "XI", "XK", "EU"} <= COUNTRIES
    assert not {"QQ", "UK", "AA", "ZZ", "SU"} & COUNTRIES


def test_an_expiry_that_comes_is_a_warning(china: Installation) -> None:
    key = make_key(NZ_ADDRESS)
    partner_key(china, key)
    assert check(china)[0] == 0
    soon = datetime.now(UTC) + timedelta(days=3)
    tls(china)
    [finding] = [finding for finding in check(china)[1] if finding["code"] == "tls-ends"]
    assert (finding["severity"], f"{soon:%Y}" in finding["text"]) == ("warning", True)
