"""TLS on both sides, with throw-away certificates: STARTTLS, implicit TLS, reload, AUTH to the smarthost."""

import signal
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.builders import CHINA, NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, free_port, until


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def client_context(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def with_tls(china: Installation) -> Installation:
    certificate, key = make_certificate(china.folder / "tls", "first")
    china.set('# certificate = ""', f'"{certificate}"')
    china.set('# private_key = ""', f'"{key}"')
    return china


def test_starttls_is_offered_and_can_be_required(with_tls: Installation, sink: Sink) -> None:
    with_tls.set("# require_starttls = false", "true")
    with_tls.start()
    with smtplib.SMTP("127.0.0.1", with_tls.port) as smtp:
        smtp.ehlo()
        assert smtp.mail(NZ_ADDRESS)[0] == 530
        smtp.starttls(context=client_context(with_tls.folder / "tls/first.pem"))
        smtp.sendmail(NZ_ADDRESS, [CHINA.address], batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)


def test_a_second_port_speaks_tls_from_the_first_octet(with_tls: Installation, sink: Sink) -> None:
    port = free_port()
    with_tls.set("# tls_port = 0", str(port))
    with_tls.start()
    with smtplib.SMTP_SSL("localhost", port, context=client_context(with_tls.folder / "tls/first.pem")) as smtp:
        smtp.sendmail(NZ_ADDRESS, [CHINA.address], batch_mail(certificates_xml("NZ/1")))
    sink.wait_for(1)


def test_a_renewed_certificate_is_taken_up_at_reload(with_tls: Installation) -> None:
    with_tls.start()
    second, second_key = make_certificate(with_tls.folder / "tls", "second")
    second.rename(with_tls.folder / "tls/first.pem")
    second_key.rename(with_tls.folder / "tls/first.key")
    assert with_tls.process is not None
    with_tls.process.send_signal(signal.SIGHUP)
    until(lambda: "reload.done" in with_tls.log)
    with smtplib.SMTP("127.0.0.1", with_tls.port) as smtp:
        smtp.starttls(context=client_context(with_tls.folder / "tls/first.pem"))


@pytest.fixture
def locked_smarthost(china: Installation) -> Iterator[Sink]:
    """A smarthost that wants STARTTLS and a password."""
    certificate, key = make_certificate(china.folder / "tls", "smarthost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    sink = Sink()

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        right = (data.login, data.password) == (b"node", b"open sesame")  # type: ignore[attr-defined]
        return AuthResult(success=right, handled=False)

    controller = Controller(
        sink, hostname="127.0.0.1", port=china.sink_port + 1, tls_context=context, require_starttls=True,
        auth_required=True, authenticator=check,
    )  # fmt: skip
    controller.start()
    china.file.write_text(
        china.file.read_text(encoding="utf-8")
        .replace(f"port = {china.sink_port}\n", f"port = {china.sink_port + 1}\n")
        .replace('starttls = "never"', 'starttls = "required"'),
        encoding="utf-8",
    )
    china.set('# ca_file = ""', f'"{certificate}"')
    china.set('# username = ""', '"node"')
    china.set('# password_file = ""', '"keys/smarthost"')
    (china.folder / "keys/smarthost").write_text("open sesame\n", encoding="ascii")
    yield sink
    china.stop()
    controller.stop()


def test_the_smarthost_gets_the_password_after_starttls(china: Installation, locked_smarthost: Sink) -> None:
    china.start()
    china.send(batch_mail(certificates_xml("NZ/1")))
    locked_smarthost.wait_for(1)
    assert "open sesame" not in china.log


def test_a_wrong_password_keeps_the_receipt_and_is_told(china: Installation, locked_smarthost: Sink) -> None:
    (china.folder / "keys/smarthost").write_text("wrong\n", encoding="ascii")
    china.start()
    china.send(batch_mail(certificates_xml("NZ/1")))
    until(lambda: "delivery.deferred" in china.log)
    assert china.ledger().counts("delivery") == {"deferred": 1}


def test_a_smarthost_with_an_unknown_certificate_gets_nothing(china: Installation, locked_smarthost: Sink) -> None:
    other, _ = make_certificate(china.folder / "tls", "other")
    (china.folder / "tls/smarthost.pem").write_bytes(other.read_bytes())
    china.start()
    china.send(batch_mail(certificates_xml("NZ/1")))
    until(lambda: "delivery.deferred" in china.log)
    assert locked_smarthost.mails == []
