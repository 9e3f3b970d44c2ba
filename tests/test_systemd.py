"""The unit files, and what the daemon tells the service manager and takes from it."""

import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecertmail.edge import systemd
from ecertmail.errors import EXIT_CODES, TemporaryError
from tests.builders import batch_mail, certificates_xml
from tests.installation import Installation, Sink, until

UNITS = Path(__file__).resolve().parents[1] / "systemd"
SERVICE = UNITS / "ecertmail.service"


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None and os.environ.get("ECERTMAIL_CI"):
        pytest.fail("systemd-analyze is missing; .ci/run installs it")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return str(program)


def test_the_units_have_no_misspelt_key(analyze: str, tmp_path: Path) -> None:
    """`verify` ends with 0 on misspelt keys, so its stderr must be empty; only the program's path is made to exist."""
    for unit in UNITS.glob("ecertmail*"):
        text = unit.read_text(encoding="utf-8").replace("/opt/ecertmail/bin/ecertmail", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    done = subprocess.run([analyze, "verify", *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("service", ["ecertmail.service", "ecertmail-backup.service"])
def test_the_exposure_is_at_most_one_and_a_half(analyze: str, service: str) -> None:
    command = [analyze, "security", "--offline=yes", str(UNITS / service)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    level = re.search(rf"Overall exposure level for {service}: ([\d.]+)", done.stdout)
    assert level
    assert float(level[1]) <= 1.5


def test_the_service_is_watched_reloaded_and_not_restarted_on_wrong_configuration() -> None:
    text = SERVICE.read_text(encoding="utf-8")
    for line in (
        "Type=notify",
        "WatchdogSec=120",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
    ):
        assert f"\n{line}\n" in text
    assert "\nLoadCredential=passphrase:" in text


def test_the_service_is_not_restarted_for_what_a_restart_cannot_mend() -> None:
    """What may pass by itself, such as a full disk, must stay out: systemd would never start the node again."""
    [codes] = re.findall(r"^RestartPreventExitStatus=(.+)$", SERVICE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code) for code in codes.split()} == {one.code for one in EXIT_CODES if not one.restart_helps}
    assert TemporaryError.exit_code not in {one.code for one in EXIT_CODES if not one.restart_helps}


def test_the_socket_is_port_25_under_the_name_of_mail_in_clear() -> None:
    lines = (UNITS / "ecertmail.socket").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("ListenStream")] == ["ListenStream=25"]
    assert "FileDescriptorName=smtp" in lines


def test_the_socket_is_required_where_it_is_enabled_and_nowhere_else() -> None:
    """A node that only reads a mailbox must not bind port 25; one that listens must not fall back to another port."""
    assert "\nRequiredBy=ecertmail.service\n" in (UNITS / "ecertmail.socket").read_text(encoding="utf-8")
    service = SERVICE.read_text(encoding="utf-8")
    assert "Requires=" not in service
    assert "Also=" not in service


def test_whoever_stops_the_service_stops_the_port_too() -> None:
    """Else the next mail starts the old version again in the middle of an upgrade."""
    assert "\nPartOf=ecertmail.service\n" in (UNITS / "ecertmail.socket").read_text(encoding="utf-8")


def test_the_backup_has_the_secrets_of_the_service_and_runs_without_it() -> None:
    service, backup = (
        SERVICE.read_text(encoding="utf-8"),
        (UNITS / "ecertmail-backup.service").read_text(encoding="utf-8"),
    )
    for text in (service, backup):
        assert "\nLoadCredential=passphrase:/etc/ecertmail/passphrase\n" in text
        assert "\nUser=ecertmail\n" in text
    assert "Requires=" not in backup
    assert "Type=oneshot" in backup


def test_the_backup_is_made_every_night_and_made_up_for() -> None:
    text = (UNITS / "ecertmail-backup.timer").read_text(encoding="utf-8")
    assert "\nPersistent=yes\n" in text
    assert "\nWantedBy=timers.target\n" in text


def test_a_manager_that_is_away_does_not_end_the_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.notify("WATCHDOG=1")


class Manager:
    """What systemd is for the daemon: a datagram socket, a listening socket, a credential."""

    def __init__(self, china: Installation, folder: Path) -> None:
        self.china = china
        self.address = folder / "notify"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.address))
        self.notify.settimeout(20)
        self.listening = socket.create_server(("127.0.0.1", china.port))
        self.credentials = folder / "credentials"
        self.credentials.mkdir()

    def start(self) -> None:
        """Start the daemon as systemd does: the listening socket is descriptor 3, and LISTEN_PID is its own."""
        command = [sys.executable, "-m", "ecertmail", "-C", str(self.china.file), "serve"]
        steps = [
            f"import os; os.dup2({self.listening.fileno()}, 3)",
            "os.environ['LISTEN_PID'] = str(os.getpid())",
            f"os.execv({sys.executable!r}, {command!r})",
        ]
        environment = {
            **os.environ, "NOTIFY_SOCKET": str(self.address), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "smtp",
            "WATCHDOG_USEC": "400000", "CREDENTIALS_DIRECTORY": str(self.credentials), "NO_COLOR": "1",
        }  # fmt: skip
        program = [sys.executable, "-c", "; ".join(steps)]
        passed = (self.listening.fileno(), 3)
        with (self.china.folder / "daemon.log").open("ab") as log:
            self.china.process = subprocess.Popen(program, stderr=log, env=environment, pass_fds=passed)

    def told(self, state: str) -> None:
        """Wait for a state; what came before is passed over."""
        while self.notify.recv(1000).decode() != state:
            pass

    def close(self) -> None:
        self.notify.close()
        self.listening.close()


@pytest.fixture
def manager(china: Installation, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(china, tmp_path)
    yield made
    made.close()


def test_it_serves_on_the_passed_socket_and_tells_the_manager_all_along(manager: Manager, sink: Sink) -> None:
    china = manager.china
    (china.folder / "keys/passphrase").rename(manager.credentials / "passphrase")  # only the credential is left
    manager.start()
    manager.told("READY=1")
    manager.told("WATCHDOG=1")
    with smtplib.SMTP("127.0.0.1", china.port) as open_connection:
        open_connection.ehlo()
        assert china.process is not None
        china.process.send_signal(signal.SIGHUP)
        manager.told("RELOADING=1")
        manager.told("READY=1")
        open_connection.sendmail("ecert@mpi.example", ["ecert@customs.example"], batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
    china.process.send_signal(signal.SIGTERM)
    manager.told("STOPPING=1")
    assert china.stop() == 0


def test_a_mistake_at_reload_is_told_and_what_runs_goes_on(daemon: Installation, sink: Sink) -> None:
    good = daemon.file.read_text(encoding="utf-8")
    daemon.file.write_text(good.replace("[log]", "[lag]"), encoding="utf-8")
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "reload.failed" in daemon.log)
    daemon.send(batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)
