"""A name server on loopback, by UDP and TCP, that answers from a dictionary, or does not answer."""

import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[str, Sequence[str] | dns.rcode.Rcode | None]
"""Texts of a TXT record each, or an alias (`CNAME other.`), or an error, or no answer at all."""


@contextmanager
def name_server(zone: Zone) -> Iterator[int]:
    """Serve the zone, and yield the port."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            octets, sock = self.request
            answer = _answer(zone, octets, 512)
            if answer is not None:
                sock.sendto(answer, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            answer = _answer(zone, self.rfile.read(int.from_bytes(self.rfile.read(2), "big")), 65_535)
            if answer is not None:
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)

    with socketserver.UDPServer(("127.0.0.1", 0), Udp) as udp, _Tcp(udp.server_address, Tcp) as tcp:
        threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in (udp, tcp)]
        for thread in threads:
            thread.start()
        try:
            yield int(udp.server_address[1])
        finally:
            udp.shutdown()
            tcp.shutdown()
            for thread in threads:
                thread.join()


class _Tcp(socketserver.TCPServer):
    allow_reuse_address = True


def _answer(zone: Zone, octets: bytes, longest: int) -> bytes | None:
    query = dns.message.from_wire(octets)
    name = query.question[0].name.to_text().rstrip(".").lower()
    said = zone.get(name, dns.rcode.NXDOMAIN)
    if said is None:
        return None
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    if isinstance(said, dns.rcode.Rcode):
        response.set_rcode(said)
        return response.to_wire()
    while said and said[0].startswith("CNAME "):
        alias = said[0].removeprefix("CNAME ")
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", alias))
        name = alias.rstrip(".")
        said = zone.get(name) or []
        assert not isinstance(said, dns.rcode.Rcode)
    if said:
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *map(_quoted, said)))
    wire = response.to_wire()
    if len(wire) <= longest:
        return wire
    response.answer = []
    response.flags |= dns.flags.TC
    return response.to_wire()


def _quoted(text: str) -> str:
    """Write a text as strings of at most 255 octets each (RFC 1035 section 3.3.14)."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
