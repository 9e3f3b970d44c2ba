"""`ecertmail check-config --online`: real servers on loopback that refuse in each way, and what it says of each."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.installation import Installation, Sink, free_port
from tests.test_check_config import replace


class Server(Sink):
    """A smarthost that may refuse the envelope sender."""

    def __init__(self, refusal: str = "") -> None:
        super().__init__()
        self.refusal = refusal
        self.named: list[str] = []

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        self.named.append(address.strip("<>"))
        if self.refusal and self.named[-1]:
            return self.refusal
        envelope.mail_from = address
        return "250 OK"


def wrong_password(*_: object) -> AuthResult:
    return AuthResult(success=False, handled=False)


@contextmanager
def running(server: Server, **options: Any) -> Iterator[int]:
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    yield controller.port
    controller.stop()


def check(installation: Installation) -> tuple[int, list[dict[str, Any]]]:
    done = installation.cli("check-config", "--online", "--json")
    return done.exit_code, [one for one in json.loads(done.stdout)["findings"] if one["severity"] == "error"]


def send_to(installation: Installation, port: int) -> None:
    replace("ecertmail.toml", f"port = {installation.sink_port}", f"port = {port}")(installation)


def with_password(installation: Installation) -> None:
    (installation.folder / "keys/smarthost").write_text("secret\n")
    (installation.folder / "keys/smarthost").chmod(0o600)
    text, mark, rest = installation.file.read_text().partition("[send]")
    rest = rest.replace('# username = ""', 'username = "us"', 1)
    rest = rest.replace('# password_file = ""', 'password_file = "keys/smarthost"', 1)
    installation.file.write_text(text + mark + rest)


def require_starttls(installation: Installation) -> None:
    replace("ecertmail.toml", 'starttls = "never"', 'starttls = "required"')(installation)


def implicit_tls(installation: Installation) -> None:
    replace("ecertmail.toml", "# implicit_tls = false", "implicit_tls = true")(installation)


def unchanged(_installation: Installation) -> None:
    pass


REFUSALS: dict[str, tuple[Server, dict[str, Any], Callable[[Installation], None], str, str]] = {
    "a sender that is not the login": (
        Server("553 5.7.1 sender must be the login"), {}, unchanged, "[send] username", "553 5.7.1"),
    "TLS first": (Server("530 5.7.0 must issue STARTTLS"), {}, unchanged, "[send] starttls", "530 5.7.0"),
    "a wrong password": (
        Server(), {"authenticator": wrong_password, "auth_require_tls": False}, with_password, "[send] password_file",
        "535"),
    "no STARTTLS": (Server(), {}, require_starttls, "[send] starttls", "STARTTLS"),
    "no TLS from the first octet": (Server(), {}, implicit_tls, "[send] implicit_tls", "SSL"),
}  # fmt: skip


@pytest.mark.parametrize(("server", "options", "change", "key", "says"), REFUSALS.values(), ids=REFUSALS.keys())
def test_each_refusal_names_its_key(
    china: Installation, server: Server, options: dict[str, Any], change: Callable[[Installation], None], key: str,
    says: str,
) -> None:  # fmt: skip
    with running(server, **options) as port:
        send_to(china, port)
        change(china)
        exit_code, [finding] = check(china)
    assert exit_code == 3
    assert (finding["code"], finding["key"]) == ("smarthost-refuses", key), finding
    assert says in finding["text"], finding
    assert server.mails == []


def test_a_smarthost_that_takes_our_mail_is_told_both_envelope_senders_and_gets_no_mail(china: Installation) -> None:
    server = Server()
    with running(server) as port:
        send_to(china, port)
        assert check(china) == (0, [])
    assert [bool(address) for address in server.named] == [False, True]
    assert server.mails == []


def test_a_smarthost_that_is_away_is_an_error_where_it_was_asked(china: Installation) -> None:
    send_to(china, free_port())
    exit_code, [finding] = check(china)
    assert (exit_code, finding["key"], "nobody listens there" in finding["remedy"]) == (3, "[send] port", True)


def test_a_mailbox_that_cannot_be_read_is_told(china: Installation, sink: Sink) -> None:
    (china.folder / "keys/mailbox").write_text("secret\n")
    (china.folder / "keys/mailbox").chmod(0o600)
    lines = ["", "[[mailbox]]", 'host = "127.0.0.1"', f"port = {free_port()}", 'tls = "never"', 'username = "us"',
             'password_file = "keys/mailbox"', ""]  # fmt: skip
    china.file.write_text(china.file.read_text() + "\n".join(lines))
    exit_code, [finding] = check(china)
    assert (exit_code, finding["code"], finding["key"]) == (3, "mailbox", "[mailbox] host")
    assert "mailbox main: connect" in finding["text"]
    assert finding["line"] > 0
    assert "nobody listens there" in finding["remedy"]
