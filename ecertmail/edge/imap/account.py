"""How a mailbox is reached and opened: TCP, TLS with the certificate checked, a login that is read anew each time.

imapclient says little by its exceptions: a refused command, a lost connection and nonsense are one class. They are
told apart here, for a refused command leaves the connection good, and a refused login must not be repeated soon.
"""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError, ProtocolError

from ecertmail.core.mailbox import Tls
from ecertmail.errors import MailboxAwayError, MailboxLoginError, MailboxRefusedError

CONNECT_SECONDS, ANSWER_SECONDS = 30.0, 60.0
_ANSWERED_NO = (" failed: ", " command error: ")
_NOT_THE_PASSWORD = ("[UNAVAILABLE]", "[SERVERBUG]", "[INUSE]", "[LIMIT]")  # RFC 5530, RFC 9051 section 7.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a mailbox is and who opens it; `password` and `token` are asked at each login, one of them is None."""

    host: str
    port: int
    tls: Tls
    context: ssl.SSLContext
    username: str
    password: Callable[[], str] | None = None
    token: Callable[[], str] | None = None
    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    def __str__(self) -> str:
        """Name the server for people."""
        return f"{self.host}:{self.port}"


class Client(IMAPClient):  # type: ignore[misc]
    """imapclient's, which when asked not to wait also looks at what was read together with an earlier answer."""

    def _poll_socket(self, sock: Any, timeout: float | None = None) -> Any:
        """An EXISTS that came in one packet with `+ idling` is in a buffer, where poll(2) does not see it."""
        return True if timeout == 0 else super()._poll_socket(sock, timeout)


@contextlib.contextmanager
def speaking(where: object) -> Iterator[None]:
    """Sort what imapclient raises by one question: what is still good?

    Raises:
        MailboxRefusedError: the command; the connection is good.
        MailboxAwayError: nothing; the connection must be left.
    """
    try:
        yield
    except (IMAPClientAbortError, OSError) as error:
        raise MailboxAwayError(f"{where}: {_text(error)}") from error
    except ProtocolError as error:  # the whole answer was read, it only makes no sense
        raise MailboxRefusedError(f"{where}: an answer that makes no sense ({_text(error)})") from error
    except IMAPClientError as error:
        answered = any(mark in str(error) for mark in _ANSWERED_NO)
        raise (MailboxRefusedError if answered else MailboxAwayError)(f"{where}: {_text(error)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise MailboxRefusedError(f"{where}: an answer that cannot be read ({error!r})") from error


def connect(account: Account) -> Client:
    """Connect and make the connection private; nobody is logged in yet."""
    timeout = SocketTimeout(account.connect_seconds, account.answer_seconds)
    implicit = account.tls is Tls.IMPLICIT
    with speaking(account):
        client = Client(
            account.host, account.port, ssl=implicit, ssl_context=account.context if implicit else None, timeout=timeout
        )
    try:
        if account.tls is Tls.STARTTLS:
            with speaking(account):
                client.starttls(account.context)
    except BaseException:
        leave(client)
        raise
    return client


def login(client: Client, account: Account) -> None:
    """Log in with a token or a password.

    Raises:
        MailboxLoginError: the server does not take them.
    """
    secret = (account.token or account.password or str)()
    with speaking(account):
        try:
            _log_in(client, account, secret)
        except LoginError as error:
            lost = isinstance(error.__context__, IMAPClientAbortError)
            if lost or any(code in str(error).upper() for code in _NOT_THE_PASSWORD):
                raise MailboxAwayError(f"{account}: {_text(error)}") from error
            raise MailboxLoginError(f"{account}: {account.username} was refused ({_text(error)})") from error


def _log_in(client: Client, account: Account, secret: str) -> None:
    if account.token is not None:
        client.oauth2_login(account.username, secret)
    elif client.has_capability("AUTH=PLAIN"):  # takes any character, LOGIN only ASCII (RFC 4616)
        client.plain_login(account.username, secret)
    else:
        client.login(account.username, secret)


def leave(client: Client) -> None:
    """Close the connection without a word; what was not answered is done again."""
    with contextlib.suppress(IMAPClientError, OSError):
        client.shutdown()


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
