"""What Prometheus gets from the real daemon, read by its own parser."""

import http.client
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.builders import NZ_ADDRESS, batch_mail, certificates_xml
from tests.installation import Installation, Sink, free_port, until

Samples = dict[tuple[str, tuple[str, ...]], float]


def scrape(port: int) -> tuple[str, Samples]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    assert response.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type == "gauge" for family in families)
    return text, {(s.name.removeprefix("ecertmail_"), tuple(s.labels.values())): s.value
                  for family in families for s in family.samples}  # fmt: skip


def test_a_scrape_tells_what_stands_where_and_names_nobody(china: Installation, sink: Sink) -> None:
    port = free_port()
    china.set("# port = 0", str(port))
    china.start()
    assert china.cli("subscriber", "add", "post", "--address", "post@customs.example").exit_code == 0
    assert china.cli("subscriber", "add", "broker", "--address", "me@broker.example").exit_code == 0
    china.send(batch_mail(certificates_xml("NZ/4711", "NZ/4712")))
    china.send(b"From: x@y.example\r\nSubject: unsigned\r\n\r\nhello\r\n")
    sink.wait_for(3)
    until(lambda: scrape(port)[1].get(("deliveries", ("delivered",))) == 3)
    until(lambda: scrape(port)[1].get(("spool_messages", ("quarantined",))) == 1)
    until(lambda: [key for key in scrape(port)[1] if key[0] == "key_remaining_seconds"])
    text, seen = scrape(port)
    expected = {
        ("spool_messages", ("archived",)): 1,
        ("spool_oldest_seconds", ()): 0,
        ("deliveries_oldest_seconds", ()): 0,
        ("certificates", ("issued",)): 2,
        ("ledger_entries", ()): 3,
        ("subscriptions", ("active",)): 1,
        ("subscriptions", ("pending",)): 1,
        ("subscriptions_failing", ()): 0,
        ("workers", ()): 2,
    }
    assert {key: seen.get(key) for key in expected} == expected
    assert [key[1][1] for key in seen if key[0] == "key_remaining_seconds"] == ["this node"]
    assert not [word for word in ("4711", "@", "Lamb", NZ_ADDRESS, str(china.folder)) if word in text]


def test_by_default_there_is_no_endpoint_and_with_one_only_loopback_is_served(china: Installation) -> None:
    port = free_port()
    china.set("# port = 0", str(port))
    china.start()
    assert f"127.0.0.1:{port}" in bound(port)
    china.stop()
    china.set(f"port = {port}", "0")
    china.start()
    assert not bound(port)


def test_a_port_in_use_is_told(china: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        china.set("# port = 0", str(other.getsockname()[1]))
        serve = china.cli("serve")
    assert serve.exit_code == 78
    assert "[metrics] port = " in serve.output
    assert "Address already in use" in serve.output


def bound(port: int) -> list[str]:
    """Return the addresses on which somebody listens at this port, from /proc."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        octets, number = address.split(":")
        if (int(number, 16), state) == (port, "0A"):
            found.append(f"{socket.inet_ntoa(bytes.fromhex(octets)[::-1])}:{port}")
    return found
