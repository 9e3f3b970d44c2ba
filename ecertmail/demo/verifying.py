"""The third part of the demo: an official at the border answers by mail, and who issued hears of it."""

from typing import Any

from ecertmail.demo.node import DemoNode, wait_for
from ecertmail.demo.person import Person, text_of
from ecertmail.demo.pushing import drop, has
from ecertmail.demo.relay import Relay
from ecertmail.demo.telling import chapter, expect, seen

_NUMBERS = ("NZL2009/0006/26", "NZL2009/0007/26", "NZL2009/0008/26")
_SEAL = "The seal on container MSKU 204 is broken."
_WEIGHT = "The packing list says 18,000 kg, the certificate 12,000. Which is right?"
_ANSWER = "18,000 kg is right. A corrected certificate follows tomorrow."


def tell_of_verifying(wellington: DemoNode, beijing: DemoNode, relay: Relay) -> None:
    """Let an official decide on three certificates, and the duty officer answer a question."""
    official = Person("li.wei@shanghai.example", beijing, relay)
    duty = Person("duty@mpi.example", wellington, relay)
    _approve(wellington, beijing, official, duty)
    _push(wellington, beijing)
    _decide(wellington, official)
    _ask(wellington, beijing, official, duty)
    _look_up(official)


def _approve(wellington: DemoNode, beijing: DemoNode, official: Person, duty: Person) -> None:
    chapter("An official in Shanghai and a duty officer in Wellington, who have nothing but a mail client")
    beijing.run("official", "add", "li-wei", "--address", official.address, "--name", "Li Wei", "--post",
                "Shanghai Customs", "--language", "zh")  # fmt: skip
    beijing.run("official", "approve", "li-wei")
    beijing.run("subscriber", "add", "shanghai", "--address", official.address, "--importing", "CN")
    beijing.run("subscriber", "approve", "shanghai")
    wellington.run("official", "add", "duty", "--address", duty.address, "--name", "Jane Smith", "--post",
                   "Duty officer", "--role", "answers")  # fmt: skip
    wellington.run("official", "approve", "duty")
    seen("both were approved by the operators of their own authorities")


def _push(wellington: DemoNode, beijing: DemoNode) -> None:
    chapter("New Zealand issues three more certificates")
    drop(wellington, "more.xml", "Approved", *_NUMBERS)
    for number in _NUMBERS:
        wait_for(f"{number} in China", has(beijing, number, "70"))
    seen("China's node has them, and pushes each to Shanghai in Chinese, with a ticket to answer it")


def _decide(wellington: DemoNode, official: Person) -> None:
    chapter("Shanghai answers with plain, unsigned mails")
    for number, words, decision in (
        (_NUMBERS[0], "PASS", "39"),
        (_NUMBERS[1], f"REFUSE {_SEAL}", "41"),
        (_NUMBERS[2], f"询问 {_WEIGHT}", "42"),
    ):
        official.reply(official.next_mail(number, f"the push of {number}"), words)
        confirmed = official.next_mail(number, f"the confirmation for {number}")
        expect("Re:" not in str(confirmed["Subject"]), "the confirmation is no mail of its own")
        heard = wait_for(f"China's decision on {number} in Wellington", lambda: _decision(wellington, number))  # noqa: B023
        expect(heard["decision"] == decision, f"Wellington heard {heard['decision']} about {number}")
        expect(heard["assurance"] == "token", f"Wellington was told the level {heard['assurance']}")
        seen(f"“{words[:40]}” about {number}: confirmed to Shanghai, and in Wellington's ledger as {decision}, "
             f"by {heard['operator']}, level {heard['assurance']}")  # fmt: skip


def _ask(wellington: DemoNode, beijing: DemoNode, official: Person, duty: Person) -> None:
    chapter("Wellington's duty officer answers the question")
    asked = duty.next_mail(_WEIGHT[:30], "the question from Shanghai")
    seen("the duty officer got the question as a mail")
    duty.reply(asked, _ANSWER)
    answer = official.next_mail(_ANSWER[:17], "the answer from Wellington")
    expect(_NUMBERS[2] in text_of(answer), "the answer does not say what it is about")
    for node in (wellington, beijing):
        [inquiry] = node.query("inquiry", "list", "--all")
        expect(inquiry["state"] == "answered", f"the inquiry is {inquiry['state']} at {node.name}")
    seen("the answer came back to Shanghai, and both nodes keep the conversation")


def _look_up(official: Person) -> None:
    chapter("Shanghai looks up a number with a digit that is wrong")
    official.write("VERIFY NZL2009/0006/27")
    answer = text_of(official.next_mail("NZL2009/0006/27", "the answer to VERIFY"))
    expect(_NUMBERS[0] in answer, "the answer does not name the number that is meant")
    seen("it is not known there, and the answer names the one that is")


def _decision(node: DemoNode, number: str) -> Any:
    found = node.find(number)
    return found[0]["decisions"][-1] if found and found[0].get("decisions") else None
