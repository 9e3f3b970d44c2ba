"""Whoever changes what is stored of officials by hand is found out by `ecertmail ledger verify`."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecertmail.flow.enrol import Enroller
from ecertmail.official import OfficialState
from ecertmail.store.audit import faults
from ecertmail.store.reader import LedgerReader
from tests.builders import NOW, batch_mail, certificates_xml
from tests.flow.border import LI
from tests.flow.node import Node
from tests.flow.test_desk import ask, enrol, mail

CHANGES = {
    "UPDATE decision SET decision='41'": "the stored decision does not match",
    "UPDATE decision SET remark='x'": "the stored remark does not match",
    "UPDATE decision SET at='2020-01-01T00:00:00.000+00:00'": "the stored decision does not match",
    "UPDATE decision SET superseded_by=NULL": "names a wrong successor",
    "UPDATE decision SET operator='x'": "the stored decision does not match",
    "DELETE FROM decision": "the stored decision does not match",
    "UPDATE official SET address='thief@evil.example' WHERE id='li-wei'": "official li-wei is not what",
    "UPDATE official SET state='active'": "official chen is not what",
    "UPDATE official SET role='answers'": "official li-wei is not what",
    "UPDATE official SET fingerprint='AA'": "official li-wei is not what",
    "DELETE FROM official": "official li-wei is in the log, but not stored",
    "INSERT INTO official SELECT 'me','x@y.z',name,post,language,partner,role,state,fingerprint,public_key,approved_by,"
    "created_at FROM official WHERE id='li-wei'": "official me is not what",
    "UPDATE utterance SET content='x'": "what is stored of inquiry Q1 does not match",
    "UPDATE utterance SET operator='x'": "what is stored of inquiry Q1 does not match",
    "UPDATE inquiry SET number='x'": "what is stored of inquiry Q1 does not match",
    "DELETE FROM utterance": "what was said in an inquiry is not stored",
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    enrol(made, LI)
    made.take(batch_mail(certificates_xml("NZ-1"), serial="certificates"))
    with made.ledger.transaction() as tx:
        enroller = Enroller(tx=tx, log=made.log, now=NOW)
        chen = replace(LI, id="chen", address="chen@customs.example")
        enroller.add(chen)
        enroller.change(chen, OfficialState.SUSPENDED)
    subject, to = ask(made, "NZ-1")
    made.take(*(mail(text, subject, to) for text in ("PASS", "REFUSE forged", "REQUEST Which seal?")))
    yield made
    made.close()


def found(node: Node) -> list[str]:
    reader = LedgerReader(node.folder / "ledger.db")
    sentences = list(faults(reader))
    reader.close()
    return sentences


@pytest.mark.parametrize(("change", "fault"), CHANGES.items())
def test_a_change_by_hand_is_found(node: Node, change: str, fault: str) -> None:
    assert found(node) == []
    by_hand = sqlite3.connect(node.folder / "ledger.db")
    by_hand.execute(change)
    by_hand.commit()
    by_hand.close()
    assert any(fault in sentence for sentence in found(node))
