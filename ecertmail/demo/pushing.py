"""The second half of the demo: New Zealand issues, and its subscribers get what it issued."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecertmail.demo.node import DemoNode, wait_for
from ecertmail.demo.relay import Relay
from ecertmail.demo.telling import chapter, expect, seen

_HERE = Path(__file__).parent
_TEMPLATE = "NZL2009/0001/26"
_ISSUED = ("NZL2009/0004/26", "NZL2009/0005/26")
_POST = "border-post@shanghai.example"


def tell_of_pushes(wellington: DemoNode, beijing: DemoNode, relay: Relay) -> None:
    """Subscribe China's node and a border post, issue two certificates, withdraw one."""
    _subscribe(wellington, beijing)
    _issue(wellington, beijing, relay)
    _withdraw(wellington, beijing, relay)


def _subscribe(wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("China's node and a border post with nothing but a mailbox subscribe")
    wellington.run("subscriber", "add", "china", "--address", beijing.address, "--partner", beijing.name)
    wellington.run("subscriber", "add", "post", "--address", _POST, "--importing", "CN", "--digest")
    waiting = wellington.query("subscriber", "show", "post")["state"]
    expect(waiting == "pending", f"a subscriber outside every partner's domain is {waiting}")
    wellington.run("subscriber", "approve", "post")
    seen("the node of a partner at once, the stranger's mailbox after the operator approved it")


def _issue(wellington: DemoNode, beijing: DemoNode, relay: Relay) -> None:
    chapter("New Zealand issues two certificates by dropping a file")
    drop(wellington, "today.xml", "Approved", *_ISSUED)
    for number in _ISSUED:
        wait_for(f"{number} in China", has(beijing, number, "70"))
        seen(f"{number} is in China's ledger, pushed by New Zealand's node")
    wait_for("China's receipt for the push", lambda: _acknowledged(wellington, beijing, 2))
    seen("China's receipts came back with the hash of what was sent, and closed the deliveries")
    mails = wait_for("the digest at the border post", relay.mails)
    text = mails[0].decode()
    expect(all(f"{number}: ISSUED" in text for number in _ISSUED), "the digest does not name both certificates")
    seen("the border post got one mail that a person can read, with both")


def _withdraw(wellington: DemoNode, beijing: DemoNode, relay: Relay) -> None:
    chapter("The next minute one of them is withdrawn")
    drop(wellington, "sorry.xml", "Withdrawn", _ISSUED[1])
    wait_for("the withdrawal in China", has(beijing, _ISSUED[1], "40"))
    second = wait_for("the withdrawal at the border post", lambda: relay.mails()[1:])
    expect(f"{_ISSUED[1]}: WITHDRAWN" in second[0].decode(), "the border post was told something else")
    seen(f"{_ISSUED[1]} is withdrawn in China's ledger, and the border post was told")


def drop(node: DemoNode, name: str, status: str, *numbers: str) -> None:
    """Write certificates as another program would: under another name first, then renamed in."""
    text = (_HERE / "certificates.xml").read_text(encoding="utf-8")
    begin, end = text.index("<certificate "), text.index("</certificates>")
    one = text[begin:end].replace('status="Approved"', f'status="{status}"')
    body = "".join(one.replace(_TEMPLATE, number) for number in numbers)
    folder = node.folder / "spool/issue"
    (folder / f".{name}").write_text(text[:begin] + body + text[end:], encoding="utf-8")
    (folder / f".{name}").rename(folder / name)


def has(node: DemoNode, number: str, status: str) -> Callable[[], bool]:
    """Return what looks whether a certificate is there with a status."""

    def look() -> bool:
        found: list[dict[str, Any]] = node.find(number)
        return bool(found) and found[0]["status"] == status

    return look


def _acknowledged(node: DemoNode, other: DemoNode, count: int) -> bool:
    rows: list[dict[str, Any]] = node.query("delivery", "list", "--all")
    states = [row["state"] for row in rows if row["recipient"] == other.address and row["kind"] == "push"]
    return states.count("acknowledged") >= count
