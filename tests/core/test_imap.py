"""What IMAP servers say: which refused logins are about the credentials, and where folders are."""

import pytest

from ecertmail.core.imap import Namespace, Refusal, login_refusal, namespace, on_server

CREDENTIALS, PASSING, UNEXPLAINED = Refusal


@pytest.mark.parametrize(
    ("server", "text", "why"),
    [
        ("Dovecot", "[AUTHENTICATIONFAILED] Authentication failed.", CREDENTIALS),
        ("Dovecot", "[AUTHORIZATIONFAILED] Authorization failed", CREDENTIALS),
        ("Dovecot", "[UNAVAILABLE] Temporary authentication failure. [host:2026-11-28 10:00:00]", PASSING),
        ("Dovecot", "[UNAVAILABLE] Maximum number of connections from user+IP exceeded", PASSING),
        ("Dovecot", "[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections.", CREDENTIALS),
        ("Cyrus", "Login failed: authentication failure", CREDENTIALS),
        ("Courier", "Login failed.", UNEXPLAINED),
        ("Courier", "Temporary problem, please try again later", PASSING),
        ("Gmail", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", CREDENTIALS),
        ("Gmail", "[ALERT] Too many simultaneous connections. (Failure)", PASSING),
        ("Gmail", "[ALERT] Application-specific password required: https://example.org (Failure)", CREDENTIALS),
        ("Gmail", "[ALERT] Please log in via your web browser (Failure)", UNEXPLAINED),
        ("Gmail", "[OVERQUOTA] Account exceeded command or bandwidth limits", PASSING),
        ("Exchange", "LOGIN failed.", UNEXPLAINED),
        ("Exchange", "AUTHENTICATE failed.", UNEXPLAINED),
        ("Yahoo", "[LIMIT] LOGIN Rate limit hit", PASSING),
        ("Yahoo", "[SERVERBUG] LOGIN Server error - Please try again later", PASSING),
        ("Coremail", "LOGIN Login error or password error", CREDENTIALS),
        (
            "QQ",
            "Login fail. Account is abnormal, password is incorrect, login frequency limited, or system is busy.",
            CREDENTIALS,
        ),
        ("hMailServer", "Invalid user name or password.", CREDENTIALS),
        ("any", "[EXPIRED] That password isn't valid any more", CREDENTIALS),
        ("any", "[INUSE] somebody else has it", PASSING),
        ("any", "[CONTACTADMIN] call us", PASSING),
        ("any", "[AUTHENTICATIONFAILED] Too many login failures", CREDENTIALS),
    ],
)
def test_only_what_speaks_of_the_credentials_is_a_refused_login(server: str, text: str, why: Refusal) -> None:
    assert login_refusal(text) is why


DOVECOT = namespace([("", "/")], [])
COURIER = namespace([("INBOX.", ".")], [("#shared.", "."), ("shared.", ".")])
CYRUS = namespace([("INBOX.", ".")], [("user.", "."), ("", ".")])
FLAT = namespace([("", None)], [])
DOTS = namespace([("", ".")], [("Public.", ".")])


@pytest.mark.parametrize(
    ("space", "name", "there"),
    [
        (DOVECOT, "Done", "Done"),
        (DOVECOT, "Certificates/Done", "Certificates/Done"),
        (DOVECOT, "[Gmail]/All Mail", "[Gmail]/All Mail"),
        (COURIER, "INBOX", "INBOX"),
        (COURIER, "Inbox", "Inbox"),
        (COURIER, "Done", "INBOX.Done"),
        (COURIER, "INBOX.Done", "INBOX.Done"),
        (COURIER, "INBOX/Done", "INBOX.Done"),
        (COURIER, "Certificates/Done", "INBOX.Certificates.Done"),
        (COURIER, "#shared.office", "#shared.office"),
        (COURIER, "Inboxes", "INBOX.Inboxes"),
        (CYRUS, "Done", "INBOX.Done"),
        (CYRUS, "user.other.Done", "user.other.Done"),
        (FLAT, "a/b", "a/b"),
        (DOTS, "a/b", "a.b"),
        (Namespace(), "a/b", "a/b"),
        (namespace([("INBOX.", "."), ("", ".")], []), "Done", "Done"),
        (namespace([], []), "Done", "Done"),
    ],
)
def test_a_folder_stands_in_the_namespace_of_the_user(space: Namespace, name: str, there: str) -> None:
    assert on_server(name, space) == there
