"""A node with nothing but a mailbox: certificates come in by IMAP, receipts leave by submission, no port is open."""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner

from ecertmail.cli import main
from ecertmail.demo.node import free_ports
from ecertmail.store.audit import faults
from tests import courier
from tests.builders import CHINA, batch_mail, certificates_xml, sps_xml
from tests.dovecot import PASSWORD, TOKEN, Account, Dovecot
from tests.imap_proxy import bad_line
from tests.installation import Installation, Sink, until
from tests.test_daemon import said
from tests.test_tls import make_certificate

UNSIGNED = b"From: a@b.example\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def node(china: Installation, account: Account) -> Installation:
    """China's installation, which reads the account and listens nowhere."""
    china.set("# enabled = true", "false")
    china.port = 0
    secret = china.folder / "keys/mailbox-password"
    secret.write_text(PASSWORD + "\n", encoding="ascii")
    secret.chmod(0o600)
    add_mailbox(
        china,
        host="127.0.0.1",
        port=account.server.port,
        tls="starttls",
        ca_file=str(account.server.ca_file),
        username=account.user,
        password_file="keys/mailbox-password",
    )
    return china


def add_mailbox(node: Installation, **values: object) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    with node.file.open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[[mailbox]]", *lines, ""]))


def listening(node: Installation) -> set[int]:
    """The inodes of TCP sockets that the daemon listens on."""
    assert node.process is not None
    here = Path(f"/proc/{node.process.pid}")
    own = {link.stat().st_ino for link in (here / "fd").iterdir() if link.is_socket()}
    lines = (here / "net/tcp").read_text(encoding="ascii").splitlines()[1:]
    everybody = {int(fields[9]) for line in lines if (fields := line.split())[3] == "0A"}
    assert everybody, "the IMAP server, at least, listens"
    return own & everybody


def test_certificates_that_came_by_imap_are_recorded_and_answered_by_submission(
    node: Installation, account: Account, sink: Sink
) -> None:
    node.start()
    account.append(batch_mail(certificates_xml("NZ/1"), sps_xml("NZ 2")))
    receipt = said(sink.wait_for(1)[0])
    assert receipt.outcome == "accepted"
    assert [line.result for line in receipt.certificates] == ["recorded", "recorded"]
    assert node.ledger().lookup("NZ/1")[0].status == "70"
    row = node.spooled()[0]
    assert (row.envelope.source, row.envelope.peer, row.envelope.recipients) == ("imap", "main", (CHINA.address,))
    until(lambda: account.flags() == [(b"\\Seen",)])
    assert "listening=nowhere" in node.log
    assert PASSWORD not in node.log
    assert listening(node) == set(), "no port is open"
    assert node.stop() == 0


def test_what_is_refused_and_what_is_quarantined_goes_to_a_folder_of_its_own(
    node: Installation, account: Account, sink: Sink
) -> None:
    add_to_mailbox(node, 'after = "move"\nmove_to = "Done"\nrefused_to = "Refused"')
    account.append(batch_mail(certificates_xml("NZ/1"), serial="1"), UNSIGNED, batch_mail(b"<invoice/>", serial="2"))
    node.start()
    sink.wait_for(2)
    until(lambda: account.flags() == [])
    assert (len(account.flags("Done")), len(account.flags("Refused"))) == (1, 2)


def add_to_mailbox(node: Installation, lines: str) -> None:
    with node.file.open("a", encoding="utf-8") as file:
        file.write(lines + "\n")


def test_a_refused_login_is_an_alarm_that_status_shows_until_it_is_mended(
    node: Installation, account: Account, sink: Sink
) -> None:
    secret = node.folder / "keys/mailbox-password"
    secret.write_text("wrong\n", encoding="ascii")
    account.append(batch_mail(certificates_xml("NZ/1")))
    node.start()
    until(lambda: "mailbox.login-refused" in node.log)
    assert "seconds=60" in node.log
    assert "login (1 times, again at " in until(lambda: node.cli("status").output)
    row = json.loads(node.cli("mailbox", "list", "--json").output)[0]
    assert (row["health"]["trouble"], row["health"]["failures"], row["fetched"]) == ("login", 1, 0)
    node.stop()
    node.start()
    until(lambda: "alarm=mailbox:main" in node.log)
    assert "mailbox:main mailbox main is not read: " in node.cli("status").output

    node.stop()
    node.start()
    until(lambda: "mailbox.login-waits" in node.log)
    assert node.log.count("mailbox.login-refused") == 1, "a restart is no reason to try again at once"

    secret.write_text(PASSWORD + "\n", encoding="ascii")
    assert node.process is not None
    node.process.send_signal(1)
    sink.wait_for(1)
    until(lambda: "good; last read" in node.cli("status").output)


def test_a_maildir_on_disk_is_read_like_a_mailbox(china: Installation, tmp_path: Path, sink: Sink) -> None:
    maildir = tmp_path / "Maildir"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    delivered = batch_mail(certificates_xml("NZ/1")).replace(b"\r\n", b"\n")
    (maildir / "new/1700000000.M1.test").write_bytes(delivered)
    add_mailbox(china, maildir=str(maildir), after="move", move_to="Done", interval_seconds=0.2)
    china.start()
    assert said(sink.wait_for(1)[0]).outcome == "accepted"
    assert china.spooled()[0].envelope.source == "maildir"
    until(lambda: len(list((maildir / ".Done/cur").iterdir())) == 1)


def test_a_courier_is_read_and_mail_is_moved_to_a_folder_in_its_namespace(china: Installation, sink: Sink) -> None:
    """`UID SEARCH *` finds nothing there, and folders stand under `INBOX.`."""
    secret = china.folder / "keys/mailbox-password"
    secret.write_text(PASSWORD + "\n", encoding="ascii")
    secret.chmod(0o600)
    with courier.running() as server:
        account = server.account("node")
        add_mailbox(
            china, host="127.0.0.1", port=server.port, tls="never", username="node", after="move", move_to="Done",
            password_file="keys/mailbox-password", interval_seconds=1,
        )  # fmt: skip
        account.append(batch_mail(certificates_xml("NZ/1")))
        tested = china.cli("mailbox", "test").output
        assert "✓ main: folder INBOX: 1 messages, one was read" in tested
        assert "✓ main: folder Done: created as INBOX.Done" in tested
        china.start()
        assert said(sink.wait_for(1)[0]).outcome == "accepted"
        until(lambda: len(account.flags("Done")) == 1)
        until(lambda: "good; last read" in china.cli("status").output)
        assert "mailbox.not-done" not in china.log
        china.stop()


def test_a_folder_that_cannot_be_made_is_trouble_that_status_shows(
    node: Installation, account: Account, sink: Sink
) -> None:
    add_to_mailbox(node, 'after = "move"\nmove_to = "a..b"\ninterval_seconds = 0.2')
    account.append(batch_mail(certificates_xml("NZ/1")))
    assert "✗ main: folder a..b: " in node.cli("mailbox", "test").output
    node.start()
    sink.wait_for(1)
    assert "not-done" in until(lambda: next((line for line in node.cli("status").output.splitlines()
                                               if "not-done" in line), ""))  # fmt: skip
    assert node.log.count("mailbox.not-done") == 1


def test_two_mailboxes_and_the_listener_are_read_side_by_side(node: Installation, account: Account, sink: Sink) -> None:
    other = account.server.account(f"other-{account.user}")
    add_mailbox(
        node, name="second", host="127.0.0.1", port=account.server.port, tls="never", username=other.user,
        password_file="keys/mailbox-password",
    )  # fmt: skip
    text = node.file.read_text(encoding="utf-8").replace("enabled = false", "enabled = true")
    node.file.write_text(text, encoding="utf-8")
    node.port = int(text.partition("\nport = ")[2].partition("\n")[0])
    account.append(batch_mail(certificates_xml("NZ/1"), serial="1"))
    other.append(batch_mail(certificates_xml("NZ/2"), serial="2"))
    node.start()
    node.send(batch_mail(certificates_xml("NZ/3"), serial="3"))
    sink.wait_for(3)
    assert {row.envelope.peer for row in node.spooled()} == {"main", "second", "127.0.0.1"}


@contextmanager
def submission(folder: Path) -> Iterator[tuple[Sink, int]]:
    """A provider's submission port: STARTTLS, then AUTH with the mailbox's password."""
    certificate, key = make_certificate(folder, "submission")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    def check(_server: object, _session: object, _envelope: object, _kind: str, login: object) -> AuthResult:
        return AuthResult(success=getattr(login, "password", b"") == PASSWORD.encode())

    sink = Sink()
    controller = Controller(
        sink, hostname="127.0.0.1", port=free_ports(1)[0], tls_context=context, require_starttls=True,
        auth_required=True, authenticator=check,
    )  # fmt: skip
    controller.start()
    yield sink, controller.port
    controller.stop()


def test_init_with_a_mailbox_makes_an_installation_that_works_and_opens_no_port(
    template: Installation, account: Account, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="ascii")
    with submission(tmp_path / "tls") as (sink, port):
        made = CliRunner().invoke(
            main,
            ["init", str(tmp_path / "new"), "--name", CHINA.name, "--country", "CN", "--address", CHINA.address,
             "--mailbox", "--imap-host", "localhost", "--imap-tls", "starttls", "--username", account.user,
             "--password-file", str(password), "--submission-host", "localhost", "--submission-port", str(port)],
        )  # fmt: skip
        assert made.exit_code == 0, made.output
        node = Installation(tmp_path / "new")
        assert (node.folder / "keys/mailbox-password").stat().st_mode & 0o777 == 0o600
        shutil.copytree(template.folder / "partners", node.folder / "partners", dirs_exist_ok=True)
        text = node.file.read_text(encoding="utf-8")
        send, mark, mailbox = text.partition("\n[[mailbox]]\n")
        send = send.replace('# ca_file = ""', f'ca_file = "{tmp_path}/tls/submission.pem"')
        mailbox = mailbox.replace('# ca_file = ""', f'ca_file = "{account.server.ca_file}"')
        mailbox = mailbox.replace("# port = 0", f"port = {account.server.port}")
        node.file.write_text(send + mark + mailbox, encoding="utf-8")
        tested = node.cli("mailbox", "test")
        assert tested.exit_code == 0, tested.output
        assert "✗" not in tested.output
        account.append(batch_mail(certificates_xml("NZ/1")))
        node.start()
        assert said(sink.wait_for(1)[0]).outcome == "accepted"
        node.stop()


def test_the_token_of_a_command_opens_the_mailbox(node: Installation, account: Account, sink: Sink) -> None:
    script = node.folder / "token"
    script.write_text(f"#!/bin/sh\necho run >> {node.folder}/runs\necho {account.user}:{TOKEN}\n", encoding="ascii")
    script.chmod(0o700)
    text = node.file.read_text(encoding="utf-8")
    line = f'oauth2_token_command = ["{script}"]'
    node.file.write_text(text.replace('password_file = "keys/mailbox-password"', line), encoding="utf-8")
    account.append(batch_mail(certificates_xml("NZ/1")))
    node.start()
    sink.wait_for(1)
    assert TOKEN not in node.log


def test_mailbox_test_says_what_works(node: Installation, account: Account) -> None:
    done = node.cli("mailbox", "test")
    assert done.exit_code == 0, done.output
    for line in (
        f"✓ main: connect: 127.0.0.1:{account.server.port}, TLSv1.3, certificate good",
        f"✓ main: login: {account.user}",
        "✓ main: folder INBOX: 0 messages",
        "✓ main: idle: new mail is seen when the server tells of it; the mailbox is polled too",
        "✓ main: move: not needed",
        "✓ main: quota: STORAGE 0 of 102400",
        "✓ [send]: submission: 127.0.0.1:",
    ):
        assert line in done.output


@pytest.mark.parametrize(
    ("old", "new", "says", "advice"),
    [
        ("port = PORT", "port = 1", "connect: 127.0.0.1:1: ", "nobody listens there"),
        ('host = "127.0.0.1"', 'host = "no-such-host.invalid"', "connect: no-such-host", "no such name"),
        ('tls = "starttls"', 'tls = "implicit"', "connect: 127.0.0.1", 'try tls = "starttls"'),
        ('ca_file = "', '# "', "connect: 127.0.0.1", "the certificate is not trusted"),
        ('password_file = "keys/mailbox-password"', 'password_file = "keys/passphrase"', "was refused",
         "check `username` and the password file"),
        ('[[mailbox]]', '[[mailbox]]\nfolders = ["Certs"]', "folder Certs: ", "there are: INBOX"),
    ],
)  # fmt: skip
def test_mailbox_test_says_what_to_change(
    node: Installation, account: Account, old: str, new: str, says: str, advice: str
) -> None:
    head, mark, mailbox = node.file.read_text(encoding="utf-8").rpartition("[[mailbox]]")
    changed = f"{mark}{mailbox}".replace(old.replace("PORT", str(account.server.port)), new)
    assert changed != mark + mailbox
    node.file.write_text(head + changed, encoding="utf-8")
    done = node.cli("mailbox", "test", "main")
    assert done.exit_code == 3, done.output
    wrong = done.output.partition("✗ main: ")[2]
    assert says in wrong, done.output
    assert advice in wrong, done.output
    answer = json.loads(node.cli("mailbox", "test", "--json").output)
    assert answer["good"] is False


def test_mailbox_test_says_that_a_mailbox_is_nearly_full(node: Installation, account: Account) -> None:
    account.fill([b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 12_500] * 97)
    done = node.cli("mailbox", "test")
    assert done.exit_code == 3
    assert "✗ main: quota: STORAGE " in done.output
    assert "the mailbox is nearly full" in done.output


def test_mailbox_test_says_what_a_poor_server_cannot_do(node: Installation, poor_dovecot: Dovecot) -> None:
    account = poor_dovecot.account("tested")
    head, mark, mailbox = node.file.read_text(encoding="utf-8").rpartition("[[mailbox]]")
    values = {"port": poor_dovecot.port, "username": account.user, "tls": "never"}
    for key, value in values.items():
        mailbox = re.sub(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", mailbox)
    node.file.write_text(head + mark + mailbox + 'after = "delete"\n', encoding="utf-8")
    done = node.cli("mailbox", "test")
    assert done.exit_code == 3, done.output
    assert "✓ main: connect: 127.0.0.1:" in done.output
    assert "in clear" in done.output
    assert "✓ main: idle: the server has none; the mailbox is polled" in done.output
    assert "✗ main: move: the server has neither MOVE nor UIDPLUS" in done.output
    assert "✓ main: quota: the server does not tell" in done.output


@pytest.mark.parametrize(("port", "starttls", "implicit"), [(587, "required", False), (465, "never", True)])
def test_init_with_a_token_command_writes_it_for_both_directions(
    tmp_path: Path, port: int, starttls: str, implicit: bool
) -> None:
    arguments = ["init", str(tmp_path / "new"), "--name", CHINA.name, "--country", "CN", "--address", CHINA.address,
                 "--mailbox", "--imap-host", "imap.example.org", "--submission-host", "smtp.example.org",
                 "--submission-port", str(port), "--token-command", "mail-token 'my account'"]  # fmt: skip
    made = CliRunner().invoke(main, arguments)
    assert made.exit_code == 0, made.output
    settings = tomllib.loads((tmp_path / "new/ecertmail.toml").read_text(encoding="utf-8"))
    login = {"username": CHINA.address, "oauth2_token_command": ["mail-token", "my account"]}
    assert settings["mailbox"] == [{"host": "imap.example.org", "tls": "implicit", **login}]
    send = {"host": "smtp.example.org", "port": port, "starttls": starttls, "implicit_tls": implicit, **login}
    assert settings["send"] == send
    assert settings["listen"] == {"enabled": False}
    assert not (tmp_path / "new/keys/mailbox-password").exists()


def test_mailbox_test_says_that_submission_does_not_work(node: Installation) -> None:
    node.file.write_text(
        node.file.read_text(encoding="utf-8").replace(f"port = {node.sink_port}\n", "port = 1\n"), encoding="utf-8"
    )
    done = node.cli("mailbox", "test")
    assert done.exit_code == 3
    assert "✗ [send]: submission: 127.0.0.1:1" in done.output


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('tls = "never"', "for this machine only"),
        ('maildir = "x"', "either host or maildir must be set"),
        ('after = "move"', 'after = "move" and move_to must be set together'),
        ('refused_to = "INBOX"', "must not be among the folders that are read"),
        ('oauth2_token_file = "x"', "username and one of password_file"),
        ('name = "Main Office"', "mailbox.name: String should match pattern"),
        ('folder = "x"', "unknown key 'mailbox.folder'; did you mean 'folders'?"),
    ],
)
def test_a_mistake_in_a_mailbox_is_told_with_its_line(china: Installation, lines: str, says: str) -> None:
    add_mailbox(china, host="imap.example.org", username="x", password_file="keys/passphrase")
    add_to_mailbox(china, lines)
    done = china.cli("check-config")
    assert (done.exit_code, says in done.output) == (78, True), done.output
    assert f"{china.file}:" in done.output


def test_a_node_that_neither_listens_nor_reads_is_told(china: Installation) -> None:
    china.set("# enabled = true", "false")
    done = china.cli("check-config")
    assert (done.exit_code, "no mail can come in" in done.output) == (78, True)


def test_a_password_that_others_can_read_is_told(node: Installation) -> None:
    (node.folder / "keys/mailbox-password").chmod(0o644)
    done = node.cli("check-config")
    assert (done.exit_code, "chmod 600" in done.output) == (78, True)


def test_receipts_go_to_a_real_postfix_sink(node: Installation, account: Account) -> None:
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        if os.environ.get("ECERTMAIL_CI"):
            pytest.fail("smtp-sink is missing; .ci/run installs postfix")
        pytest.skip("smtp-sink is not installed")
    port, folder = free_ports(1)[0], account.server.folder / "home"
    text = node.file.read_text(encoding="utf-8").replace(f"port = {node.sink_port}\n", f"port = {port}\n")
    node.file.write_text(text, encoding="utf-8")
    user = ["-u", account.server.user] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, "-D", f"{folder}/dump.", f"127.0.0.1:{port}", "10"])
    try:
        account.append(batch_mail(certificates_xml("NZ/1")))
        node.start()
        dumped = until(lambda: list(folder.glob("dump.*")))
        until(lambda: b"disposition-notification" in dumped[0].read_bytes())
    finally:
        node.stop()
        process.terminate()
        process.wait()


MAILS, BOTH = 1000, 100


@pytest.mark.slow
def test_of_a_thousand_certificates_none_is_missed_and_none_logged_twice(
    node: Installation, account: Account, sink: Sink
) -> None:
    """The line breaks, the daemon is killed, others expunge, UIDs change, and some mails are in two folders."""
    mails = [batch_mail(certificates_xml(f"NZ/{n}"), serial=f"imap-{n}") for n in range(MAILS)]
    add_to_mailbox(node, 'folders = ["INBOX", "Copies"]\ninterval_seconds = 0.2')
    node.set("# replies_per_hour = 500", "100000")
    account.fill(mails[: MAILS // 2])
    account.fill(mails[:BOTH], folder="Copies")
    with bad_line(account.server.port) as line:
        line.cut_after = 400_000
        text = node.file.read_text(encoding="utf-8").replace(f"port = {account.server.port}", f"port = {line.port}")
        node.file.write_text(text, encoding="utf-8")
        go_through_trouble(node, account, mails[MAILS // 2 :])
        until(lambda: len(node.spooled()) == MAILS and not node.spooled("spooled", "claimed"), 120)
        until(lambda: len(set(sink.mails)) == MAILS, 60)
        node.stop()
        assert line.connections > 4
    ledger = node.ledger()
    assert ledger.counts("certificate") == {"70": MAILS}
    assert all(len(ledger.lookup(f"NZ/{number}")[0].versions) == 1 for number in range(MAILS))
    assert list(faults(ledger)) == []


def go_through_trouble(node: Installation, account: Account, later: list[bytes]) -> None:
    """Kill the daemon three times; each time somebody expunges what was fetched, and once all UIDs change."""
    node.start()
    for step, stored in enumerate((150, 300, 450)):
        until(lambda enough=stored: len(node.spooled()) > enough, 60)  # type: ignore[misc]
        node.stop(signal.SIGKILL)
        account.expunge(*range(1 + step * 100, 20 + step * 100))
        if step == 1:
            account.renumber(777)
            account.fill(later)
        node.start()
