"""Authentication-Results: what our own mail server found, whatever else stands in the header."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecertmail.core.authentication import aligned, results

OURS = "mx.mpi.example"
PASS = "Authentication-Results: mx.mpi.example; dkim=pass header.d=customs.example"
FORGED = "Authentication-Results: mx.mpi.example; dkim=pass header.d=gov.example"
BORDER = (
    "Received: from out.customs.example (out.customs.example [192.0.2.7])\r\n\t(using TLSv1.3)\r\n"
    "\tby mx.mpi.example (Postfix) with ESMTPS id 4F2\r\n\tfor <ecert@mpi.example>; Tue, 24 Nov 2026 10:00:00 +0000"
)
LMTP = "Received: from mx.mpi.example by mx.mpi.example with LMTP id aB3 for <ecert@mpi.example>; Tue, 24 Nov 2026"
SENDERS = "From: li@customs.example\r\nTo: ecert@mpi.example\r\nSubject: PASS"


def mail(*fields: str) -> bytes:
    return "\r\n".join([*fields, SENDERS, "", "PASS\r\n"]).encode()


def found(value: str) -> set[str]:
    return set(results(mail(f"Authentication-Results: {value}", BORDER), OURS))


# The shapes of the servers that there are


POSTFIX_OPENDKIM = (
    "Return-Path: <li@customs.example>", LMTP, BORDER,
    "DMARC-Filter: OpenDMARC Filter v1.4.2 mx.mpi.example 4F2",
    "Authentication-Results: mx.mpi.example; dmarc=pass (p=none dis=none) header.from=customs.example",
    "DKIM-Filter: OpenDKIM Filter v2.11.0 mx.mpi.example 4F2",
    (
        "Authentication-Results: mx.mpi.example;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=customs.example"
        ' header.i=@customs.example\r\n\theader.a=rsa-sha256 header.s=s1 header.b="Ab/c+d=1"'
    ),
)  # fmt: skip
SENDMAIL = ("Authentication-Results: mx.mpi.example; dkim=pass header.d=customs.example header.b=xY", BORDER)
RSPAMD = (
    LMTP, BORDER,
    (
        "Authentication-Results: mx.mpi.example;\r\n\tdkim=pass header.d=customs.example header.s=s1 header.b=xY12;\r\n"
        "\tspf=pass (mx.mpi.example: domain of li@customs.example designates 192.0.2.7 as permitted sender)"
        " smtp.mailfrom=li@customs.example;\r\n\tdmarc=pass (policy=reject) header.from=customs.example"
    ),
)  # fmt: skip
RSPAMD_OF_2018 = (BORDER, "DKIM-Signature: v=1; d=customs.example", "Date: Tue, 24 Nov 2026 10:00:00 +0000", RSPAMD[2])
GMAIL = (
    "Received: by 2002:a05:6a10:1234:b0 with SMTP id c4csp1; Tue, 24 Nov 2026 02:00:01 -0800 (PST)",
    "ARC-Authentication-Results: i=1; mx.mpi.example; dkim=pass header.i=@thief.example",
    BORDER, "Received-SPF: pass (google.com: domain of li@customs.example designates 192.0.2.7)",
    (
        "Authentication-Results: mx.mpi.example;\r\n       dkim=pass header.i=@customs.example header.s=s1"
        " header.b=Qw1;\r\n       spf=pass smtp.mailfrom=li@customs.example"
    ),
)  # fmt: skip
BEHIND_A_GATEWAY = ("Received: from mx.mpi.example by store.mpi.example with ESMTP id 1; Tue, 24 Nov 2026", *RSPAMD)


@pytest.mark.parametrize("header", [POSTFIX_OPENDKIM, SENDMAIL, RSPAMD, RSPAMD_OF_2018, GMAIL, BEHIND_A_GATEWAY])
def test_what_our_server_found_is_read_wherever_it_writes_it(header: tuple[str, ...]) -> None:
    assert results(mail(*header), OURS) == {"customs.example"}


def test_exchange_online_names_no_server_so_nothing_of_it_counts() -> None:
    value = "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=customs.example; dkim=pass header.d=customs.example"
    assert found(value) == set()
    assert results(mail(f"Authentication-Results: {value}"), "spf=pass") == set()


# Forgeries


@pytest.mark.parametrize(
    "header",
    [
        (PASS, BORDER, FORGED),
        (BORDER, PASS, FORGED),
        (BORDER, FORGED, PASS),
        (FORGED, BORDER, PASS),
        (BORDER, "Authentication-Results: mx.mpi.example; dkim=none", FORGED),
        (BORDER, FORGED.replace("gov", "customs"), PASS),
    ],
)
def test_with_a_forged_field_beside_ours_nobody_is_believed(header: tuple[str, ...]) -> None:
    assert results(mail(*header), OURS) == set()


@pytest.mark.parametrize(
    "forged",
    [
        "Authentication-Results: mx.thief.example; dkim=pass header.d=gov.example",
        "Authentication-Results: mx.mpi.example.thief.example; dkim=pass header.d=gov.example",
        "Authentication-Results: mx.mpi.example 2; dkim=pass header.d=gov.example",
        "X-Authentication-Results: mx.mpi.example; dkim=pass header.d=gov.example",
        "ARC-Authentication-Results: i=1; mx.mpi.example; dkim=pass header.d=gov.example",
        "Authentication-Results: mx.mpi.example; spf=pass smtp.mailfrom=li@gov.example",
    ],
)
def test_fields_that_are_not_ours_change_nothing(forged: str) -> None:
    assert results(mail(forged, BORDER, PASS), OURS) == {"customs.example"}
    assert results(mail(BORDER, forged), OURS) == set()


# How such a field is written


@pytest.mark.parametrize(
    ("value", "domains"),
    [
        ("mx.mpi.example; dkim=pass header.d=customs.example", {"customs.example"}),
        ("MX.MPI.Example 1; DKIM=Pass Header.D=Customs.EXAMPLE.", {"customs.example"}),
        ('"mx.mpi.example" 1; dkim=pass header.d="customs.example"', {"customs.example"}),
        ("mx.mpi.example (a (nested; dkim=fail) one) 1 ; dkim = pass header.d = customs.example", {"customs.example"}),
        ("mx.mpi.example; dkim/1=pass header.d=customs.example", {"customs.example"}),
        ('mx.mpi.example; dkim=pass reason="good; \\"x\\" signature" header.d=customs.example', {"customs.example"}),
        ("mx.mpi.example; dkim=pass (a \" quote) header.d=customs.example", {"customs.example"}),
        ("mx.mpi.example; dkim=pass header.d=a.example; dkim=fail header.d=b.example; dkim=pass header.d=c.example",
         {"a.example", "c.example"}),
        ("mx.mpi.example; dkim=pass header.i=li@post.customs.example", {"post.customs.example"}),
        ("mx.mpi.example; dkim=pass header.d=customs.example header.i=li@post.customs.example", {"customs.example"}),
        ("mx.mpi.example; dkim=pass header.d=customs.example header.b=Ab=; spf=none", {"customs.example"}),
        ("mx.mpi.example; none", set()),
        ("mx.mpi.example; dkim=none", set()),
        ("mx.mpi.example; dkim=fail header.d=customs.example", set()),
        ("mx.mpi.example; dkim=policy header.d=customs.example", set()),
        ("mx.mpi.example; dkim=temperror header.d=customs.example", set()),
        ("mx.mpi.example; dkim=passable header.d=customs.example", set()),
        ("mx.mpi.example; dkim=pass", set()),
        ("mx.mpi.example; dkim=pass header.d=", set()),
        ("mx.mpi.example; dkim=pass header.d=example", set()),
        ("mx.mpi.example; dkim=pass header.d=.example.", set()),
        ("mx.mpi.example; dkim=pass header.from=customs.example", set()),
        ("mx.mpi.example; dkim-adsp=pass header.d=customs.example", set()),
        ("mx.mpi.example; spf=fail smtp.mailfrom=dkim=pass header.d=customs.example", set()),
        ('mx.mpi.example; dkim=fail reason="; dkim=pass header.d=customs.example"', set()),
        ("mx.mpi.example; dkim=fail (; dkim=pass header.d=customs.example)", set()),
        ("mx.mpi.example dkim=pass header.d=customs.example", set()),
        ("mx.mpi.example", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_results(value: str, domains: set[str]) -> None:
    assert found(value) == domains


@pytest.mark.parametrize(
    "written",
    [
        "header.d=customs.example=x.thief.example",
        "header.d=customs.example = x.thief.example",
        "header.d=customs.example(x).thief.example",
        "header.d=customs.example x.thief.example",
        "header.d=customs.example header.d=thief.example",
        "header.d=customs.example header.s=x.thief.example header.s=s1",
        "header.d=customs.example header.i=@thief.example",
        "header.d=thief.example header.i=a=header.d=customs.example",
        "header.i=@customs.example@thief.example x",
    ],
)
def test_a_server_that_quotes_nothing_makes_no_domain_of_a_part_of_what_a_thief_wrote(written: str) -> None:
    assert "customs.example" not in found(f"{OURS}; dkim=pass {written}")


@pytest.mark.parametrize(
    "value",
    [
        "(" * 10_000 + ")" * 10_000 + f"{OURS}; dkim=pass header.d=customs.example",
        "(" * 1_900 + f"{OURS}; dkim=pass header.d=customs.example",
        f'{OURS}; dkim=pass header.d=customs.example reason="',
        f'{OURS}; dkim=pass header.d=customs.example "\\',
        f"{OURS}; dkim=pass header.d=customs.example (\\",
        f"{OURS}; dkim=pass header.d=customs.example (",
        f"{OURS}; dkim=pass header.d=customs.example ) (",
        f"{OURS}; dkim=pass header.d=customs.example )",
        f"{OURS}" + "; dkim=pass" * 360 + " header.d=customs.example )",
    ],
)
def test_a_broken_or_huge_field_says_nothing_and_takes_no_time(value: str) -> None:
    start = time.process_time()
    assert found(value) == set()
    assert time.process_time() - start < 1


@given(st.text(alphabet='();="\\ .@adhkimpsx\t', max_size=300))
def test_no_field_makes_it_raise_and_none_names_another_domain(rest: str) -> None:
    assert "customs.example" not in found(f"{OURS}; {rest}")


@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    assert results(octets, OURS) == set()


# Who may speak for whom


@pytest.mark.parametrize(
    ("sender", "domain", "speaks"),
    [
        ("li@customs.example", "customs.example", True),
        ("li@post.customs.example", "customs.example", True),
        ("li@Post.Customs.Example.", "customs.example", True),
        ("li@customs.gov.cn", "customs.gov.cn", True),
        ("li@sh.customs.gov.cn", "customs.gov.cn", True),
        ("li@customs.example", "post.customs.example", False),
        ("li@a.b.customs.example", "customs.example", False),
        ("li@customs.example", "example", False),
        ("li@customs.gov.cn", "gov.cn", False),
        ("li@mpi.govt.nz", "govt.nz", False),
        ("li@post.customs.nl", "customs.nl", False),
        ("li@evilcustoms.example", "customs.example", False),
        ("li@example", "example", False),
        ("customs.example", "customs.example", True),
        ("li@", "", False),
        ("", "", False),
    ],
)
def test_alignment(sender: str, domain: str, speaks: bool) -> None:
    assert aligned(sender, frozenset({domain, "thief.example"})) is speaks


def test_nobody_speaks_for_anybody_without_a_signature() -> None:
    assert not aligned("li@customs.example", frozenset())
