"""What happens in the demo, in order."""

from pathlib import Path
from typing import Any

from ecertmail.demo.node import DemoNode, wait_for
from ecertmail.demo.pushing import tell_of_pushes
from ecertmail.demo.relay import Relay
from ecertmail.demo.telling import chapter, expect, seen
from ecertmail.demo.verifying import tell_of_verifying

_HERE = Path(__file__).parent
_NUMBERS = ("NZL2009/0001/26", "NZ-2026-004711")
_THIRD = "NZL2009/0003/26"
_FORGED = "NZL2009/0001/27"


def tell(folder: Path, wellington: DemoNode, beijing: DemoNode, relay: Relay, keep: bool) -> None:
    """Run the whole story; raises ObservedError where it goes another way."""
    _prepare(wellington, beijing)
    batch = _send_batch(folder, wellington, beijing)
    _verify_receipt(folder, wellington, beijing, batch)
    _look_up(beijing, keep)
    _encrypt(folder, wellington, beijing)
    _replay(folder, wellington, beijing)
    _forge(folder, wellington, beijing)
    tell_of_pushes(wellington, beijing, relay)
    tell_of_verifying(wellington, beijing, relay)
    _end(wellington, beijing)


def _prepare(wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("Two authorities")
    fingerprints = {node: node.init() for node in (wellington, beijing)}
    for node, fingerprint in fingerprints.items():
        seen(f"{node.institution} ({node.country}), {node.address}, key {fingerprint}")
    wellington.add_partner(beijing, fingerprints[beijing])
    beijing.add_partner(wellington, fingerprints[wellington])
    seen("each has registered the other, with the full fingerprint")
    for node in (wellington, beijing):
        node.run("check-config")
        node.start()
        seen(f"the node in {node.name} listens on 127.0.0.1:{node.port}")


def _send_batch(folder: Path, wellington: DemoNode, beijing: DemoNode) -> Path:
    chapter("New Zealand sends two certificates in one signed mail")
    batch = folder / "batch.eml"
    files = [str(_HERE / "certificates.xml"), str(_HERE / "spscertificate.xml")]
    wellington.run("sign", *files, "--to", beijing.address, "-o", str(batch))
    seen(
        f"{_NUMBERS[0]} (`certificates` format) and {_NUMBERS[1]} (SPSCertificate), signed: {len(_read(batch))} octets"
    )
    answer = beijing.send(_read(batch), wellington.address, beijing.address)
    seen(f"SMTP answer from {beijing.name}, given after the mail was on disk: {answer}")
    return batch


def _verify_receipt(folder: Path, wellington: DemoNode, beijing: DemoNode, batch: Path) -> None:
    chapter("China's receipt arrives in New Zealand")
    receipts = wait_for("the receipt", lambda: _archived(wellington))
    receipt = folder / "receipt.eml"
    receipt.write_bytes(wellington.run("spool", "export", receipts[0]["id"]))
    facts = wellington.query("verify-receipt", str(receipt), "--key", str(beijing.key_file), "--sent", str(batch))
    said = facts["receipt"]
    expect(said["outcome"] == "accepted", f"the receipt says {said['outcome']}")
    expect([c["number"] for c in said["certificates"]] == list(_NUMBERS), "the receipt names other certificates")
    seen(f"its signature is by {facts['key']}, checked offline")
    seen(f"it is about exactly what was sent: SHA-256 {said['mic']}")
    for certificate in said["certificates"]:
        expect(certificate["result"] == "recorded", f"{certificate['number']} was {certificate['result']}")
        seen(f"{certificate['number']}: {certificate['result']} as ledger entry {certificate['entry']}")


def _look_up(beijing: DemoNode, keep: bool) -> None:
    chapter("An official in China looks a certificate up")
    for number in _NUMBERS:
        found: list[dict[str, Any]] = beijing.query("lookup", number)
        expect(len(found) == 1 and found[0]["status"] == "70", f"{number} is not recorded as issued")
        seen(
            f"ecertmail lookup {number}: issued {found[0]['exporting']} to {found[0]['importing']}, {found[0]['title']}"
        )
    if keep:
        seen(f"look yourself: ecertmail -C {beijing.folder}/ecertmail.toml lookup {_NUMBERS[0]}")


def _encrypt(folder: Path, wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("New Zealand sends a third one, encrypted to China's key")
    document, mail = folder / "third.xml", folder / "encrypted.eml"
    document.write_bytes(_read(_HERE / "certificates.xml").replace(_NUMBERS[0].encode(), _THIRD.encode()))
    to_china = ("--to", beijing.address, "--encrypt-to", str(beijing.key_file))
    wellington.run("sign", str(document), *to_china, "-o", str(mail))
    expect(_THIRD.encode() not in _read(mail), "the number stands in clear in the encrypted mail")
    beijing.send(_read(mail), wellington.address, beijing.address)
    receipt = _newest_receipt(wellington, 2, folder)
    facts = wellington.query("verify-receipt", str(receipt), "--key", str(beijing.key_file))["receipt"]
    expect(facts["outcome"] == "accepted", f"the receipt says {facts['outcome']}")
    expect([line["number"] for line in facts["certificates"]] == [""], "the receipt quotes what was encrypted")
    expect(len(beijing.query("lookup", _THIRD)) == 1, f"{_THIRD} is not recorded")
    seen(f"{_THIRD}, decrypted, verified and recorded; its receipt quotes nothing of it in clear")


def _replay(folder: Path, wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("Somebody carries a batch that New Zealand signed for Australia to China")
    mail = folder / "for-australia.eml"
    wellington.run("sign", str(folder / "third.xml"), "--to", "ecert@daff.demo.example", "-o", str(mail))
    beijing.send(_read(mail), wellington.address, beijing.address)
    receipt = _newest_receipt(wellington, 3, folder)
    facts = wellington.query("verify-receipt", str(receipt), "--key", str(beijing.key_file))["receipt"]
    expect(facts["outcome"] == "refused", f"the receipt says {facts['outcome']}")
    expect(facts["findings"][0].startswith("not-for-us"), f"the reason given is {facts['findings']}")
    seen("the signature is good, but what was signed is addressed to another: refused, and New Zealand is told")


def _newest_receipt(node: DemoNode, number: int, folder: Path) -> Path:
    """Wait until so many receipts have come to a node, and save the last one."""

    def enough() -> list[dict[str, Any]]:
        receipts = _archived(node)
        return receipts if len(receipts) >= number else []

    receipts = wait_for(f"receipt number {number}", enough)
    file = folder / f"receipt-{number}.eml"
    file.write_bytes(node.run("spool", "export", receipts[0]["id"]))
    return file


def _forge(folder: Path, wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("A forger sends a certificate in New Zealand's name")
    forger = DemoNode("forger", wellington.institution, "NZ", folder, 0, 0)
    forger.address = wellington.address  # the same name and address in mail and key, but another key
    fingerprint = forger.init()
    forged, mail = folder / "forged.xml", folder / "forged.eml"
    forged.write_bytes(_read(_HERE / "certificates.xml").replace(_NUMBERS[0].encode(), _FORGED.encode()))
    forger.run("sign", str(forged), "--to", beijing.address, "-o", str(mail))
    before = len(_archived(wellington))
    answer = beijing.send(_read(mail), wellington.address, beijing.address)
    seen(f"signed with the forger's own key {fingerprint}; SMTP answer: {answer}")
    held = wait_for("the forged mail in quarantine", lambda: _quarantined(beijing))
    expect(held[0]["reason"] == "signature-unknown-key", f"the reason given is {held[0]['reason']}")
    seen(f"ecertmail spool list: {held[0]['id']} quarantined, {held[0]['reason']}")
    beijing.run("lookup", _FORGED, expect=4)
    seen(f"ecertmail lookup {_FORGED}: no certificate with this number is recorded here")
    deliveries = beijing.query("status")["deliveries"]
    expect(deliveries == {"delivered": 3}, f"mails have left China: {deliveries}")
    expect(len(_archived(wellington)) == before, "New Zealand got a mail about the forgery")
    seen("nobody was mailed about it")


def _end(wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("The ledger")
    facts = beijing.query("ledger", "verify")
    expect(facts["faults"] == [] and facts["size"] >= 6, f"the ledger is not as expected: {facts}")
    seen(f"every hash recomputed: {facts['size']} entries, root {facts['root']}")
    wellington.stop()
    beijing.stop()
    seen("both daemons stopped")


def _archived(node: DemoNode) -> list[dict[str, Any]]:
    return [row for row in node.query("spool", "list", "--all") if row["state"] == "archived"]


def _quarantined(node: DemoNode) -> list[dict[str, Any]]:
    return [row for row in node.query("spool", "list") if row["state"] == "quarantined"]


def _read(file: Path) -> bytes:
    return file.read_bytes()
