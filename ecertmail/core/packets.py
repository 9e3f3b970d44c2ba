"""OpenPGP packets cut out of octets, no more (RFC 9580 section 4.2); what is inside them is for the engines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet: its type, its content, and how many octets it takes; `definite` when its length was given at once."""

    tag: int
    body: bytes
    size: int
    definite: bool = True


def first(data: bytes) -> Packet | None:
    """Return the first packet, or None if the octets do not start with a whole one."""
    if not data or not data[0] & 0x80:
        return None
    return _new_format(data) if data[0] & 0x40 else _old_format(data)


def _old_format(data: bytes) -> Packet | None:
    tag, kind = (data[0] >> 2) & 0x0F, data[0] & 0x03
    if kind == 3:  # up to the end
        return Packet(tag=tag, body=data[1:], size=len(data), definite=False)
    start = 1 + (1 << kind)
    return _cut(data, tag, start, int.from_bytes(data[1:start], "big"))


def _new_format(data: bytes) -> Packet | None:
    tag, at, chunks = data[0] & 0x3F, 1, []
    while (length := _length(data, at)) is not None and length[2]:
        octets, start, _ = length
        chunks.append(data[start : start + octets])
        at = start + octets
    if length is None:
        return None
    last = _cut(data, tag, length[1], length[0])
    if last is None or not chunks:
        return last
    return Packet(tag=tag, body=b"".join([*chunks, last.body]), size=last.size, definite=False)


def _length(data: bytes, at: int) -> tuple[int, int, bool] | None:
    """Read a length: the octets, where they start, and whether more follow (partial body lengths)."""
    head = data[at] if at < len(data) else None
    if head is None:
        return None
    if head < 192:
        return head, at + 1, False
    if head < 224:
        return ((head - 192) << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192, at + 2, False
    if head == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5, False
    return 1 << (head & 0x1F), at + 1, True


def _cut(data: bytes, tag: int, start: int, octets: int) -> Packet | None:
    end = start + octets
    return Packet(tag=tag, body=data[start:end], size=end) if end <= len(data) else None
