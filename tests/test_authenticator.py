"""Who checks DKIM, as the configuration has it: made in a worker process from values that were sent there."""

import pickle
from pathlib import Path
from typing import Literal

import pytest

from ecertmail.config import packaged
from ecertmail.examining import Materials, authenticator, examiner

MAIL = (
    b"Authentication-Results: mx.mpi.example; dkim=pass header.d=customs.example\r\n"
    b"Received: from out.customs.example by mx.mpi.example with ESMTPS id 1; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    b"From: li@customs.example\r\nSubject: PASS\r\n\r\nPASS\r\n"
)


@pytest.mark.parametrize(
    ("by", "authserv_id", "domains"),
    [
        ("nobody", "", set()),
        ("ourselves", "", set()),
        ("mail-server", "mx.mpi.example", {"customs.example"}),
        ("mail-server", "mx.customs.example", set()),
    ],
)
def test_only_a_named_mail_server_is_believed(
    by: Literal["nobody", "ourselves", "mail-server"], authserv_id: str, domains: set[str], tmp_path: Path
) -> None:
    sent = Materials(
        partners=(), keys={}, schemas=packaged("schemas"), home=tmp_path, passphrase="", longest=1, both=False, dkim=by,
        authserv_id=authserv_id,
    )  # fmt: skip
    arrived: Materials = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own
    assert authenticator(arrived)(MAIL) == examiner(arrived).authenticate(MAIL) == domains
