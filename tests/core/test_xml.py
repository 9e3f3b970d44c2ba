"""XML from strangers: refused unparsed if it could do more than hold data; what is kept has one canonical form."""

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from ecertmail.core import xml
from ecertmail.findings import Finding, FindingCode
from tests.builders import DATA, SHARED, certificates_xml, sps_xml


def parsed(octets: bytes) -> etree._Element:
    root = xml.parse(octets, "batch.xml")
    assert not isinstance(root, Finding), root
    return root


def canonical(octets: bytes) -> bytes:
    return xml.canonical(parsed(octets))


def refused(octets: bytes) -> FindingCode:
    finding = xml.parse(octets, "batch.xml")
    assert isinstance(finding, Finding)
    assert finding.where == "batch.xml"
    return finding.code


READ = {
    "plain": (b"<a>b</a>", b"<a>b</a>"),
    "with a declaration": (b'<?xml version="1.0"?><a/>', b"<a></a>"),
    "UTF-8 in any case": (b"<?xml version='1.0' encoding='Utf-8' standalone='yes'?>\n<a/>", b"<a></a>"),
    "ASCII": (b'<?xml version="1.0" encoding="US-ASCII"?><a/>', b"<a></a>"),
    "with a BOM": (b"\xef\xbb\xbf<a>\xc3\xa9</a>", b"<a>\xc3\xa9</a>"),
    "with a BOM and a declaration": (b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><a/>', b"<a></a>"),
    "CDATA": (b"<a><![CDATA[<b>&amp;]]></a>", b"<a>&lt;b&gt;&amp;amp;</a>"),
    "character references": (b"<a>&#65;&#x4e2d;</a>", "<a>A中</a>".encode()),
    "predefined entities": (b"<a>&lt;&amp;</a>", b"<a>&lt;&amp;</a>"),
    "CRLF": (b"<a>b\r\nc</a>", b"<a>b\nc</a>"),
    "a number with a comment in it": (b"<a>NZ-<!-- 9 -->1</a>", b"<a>NZ-1</a>"),
    "an XInclude, which stays an element": (
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></a>',
        b'<a><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"></xi:include></a>',
    ),
    "blank content": (b"<a> </a>", b"<a> </a>"),
}


@pytest.mark.parametrize(("octets", "expected"), READ.values(), ids=READ.keys())
def test_plain_data_is_read(octets: bytes, expected: bytes) -> None:
    assert canonical(octets) == expected


LAUGHS = b"".join(b'<!ENTITY a%d "%b">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10))
REFUSED = {
    "DOCTYPE": (b"<!DOCTYPE a><a/>", FindingCode.XML_DOCTYPE),
    "DOCTYPE after a declaration": (b'<?xml version="1.0"?>\n<!-- x --><!DOCTYPE a><a/>', FindingCode.XML_DOCTYPE),
    "external DTD": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', FindingCode.XML_DOCTYPE),
    "external entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "/etc/passwd">]><a>&x;</a>', FindingCode.XML_DOCTYPE),
    "parameter entity": (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "/etc/passwd"> %x;]><a/>', FindingCode.XML_DOCTYPE),
    "billion laughs": (b'<!DOCTYPE a [<!ENTITY a0 "ha">' + LAUGHS + b"]><a>&a9;</a>", FindingCode.XML_DOCTYPE),
    "quadratic blow-up": (
        b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 50_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>",
        FindingCode.XML_DOCTYPE,
    ),
    "an undeclared entity": (b"<a>&x;</a>", FindingCode.XML_MALFORMED),
    "processing instruction": (b"<a><?php system('id') ?></a>", FindingCode.XML_INSTRUCTION),
    "stylesheet": (b'<?xml-stylesheet href="http://127.0.0.1/"?><a/>', FindingCode.XML_INSTRUCTION),
    "instruction after the root": (b"<a/><?x?>", FindingCode.XML_INSTRUCTION),
    "two declarations": (b'<?xml version="1.0"?><?xml version="1.0"?><a/>', FindingCode.XML_INSTRUCTION),
    "UTF-16 with a BOM": ("<a/>".encode("utf-16"), FindingCode.XML_ENCODING),
    "UTF-16 without one": ("<a/>".encode("utf-16-le"), FindingCode.XML_ENCODING),
    "UTF-16 DOCTYPE": ("<!DOCTYPE a><a/>".encode("utf-16-be"), FindingCode.XML_ENCODING),
    "UTF-32": ("<a/>".encode("utf-32"), FindingCode.XML_ENCODING),
    "UTF-7": (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>', FindingCode.XML_ENCODING),
    "Latin-1": (b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>', FindingCode.XML_ENCODING),
    "Latin-1, undeclared": (b"<a>\xe9</a>", FindingCode.XML_ENCODING),
    "Latin-1 called ASCII": (b'<?xml version="1.0" encoding="us-ascii"?><a>\xe9</a>', FindingCode.XML_ENCODING),
    "EBCDIC": ('<?xml version="1.0" encoding="cp037"?><a/>'.encode("cp037"), FindingCode.XML_ENCODING),
    "GBK": ('<?xml version="1.0" encoding="GBK"?><a>证</a>'.encode("gbk"), FindingCode.XML_ENCODING),
    "overlong UTF-8": (b"<a>\xc0\xbc</a>", FindingCode.XML_ENCODING),
    "a surrogate": (b"<a>\xed\xa0\x80</a>", FindingCode.XML_ENCODING),
    "NUL": (b"<a>\x00</a>", FindingCode.XML_ENCODING),
    "a control character": (b"<a>\x07</a>", FindingCode.XML_MALFORMED),
    "a reference to a control character": (b"<a>&#7;</a>", FindingCode.XML_MALFORMED),
    "nothing": (b"", FindingCode.XML_MALFORMED),
    "white space": (b" \r\n", FindingCode.XML_MALFORMED),
    "text": (b"Dear colleague", FindingCode.XML_MALFORMED),
    "HTML": (b"<p>Dear colleague<br></p>", FindingCode.XML_MALFORMED),
    "two roots": (b"<a/><a/>", FindingCode.XML_MALFORMED),
    "a space before the declaration": (b' <?xml version="1.0"?><a/>', FindingCode.XML_MALFORMED),
    "an attribute twice": (b'<a b="1" b="2"/>', FindingCode.XML_MALFORMED),
    "an undeclared prefix": (b"<x:a/>", FindingCode.XML_MALFORMED),
    "cut off": (b"<a><b>", FindingCode.XML_MALFORMED),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_whatever_could_do_more_than_hold_data_is_refused(octets: bytes, code: FindingCode) -> None:
    start = time.process_time()
    assert refused(octets) is code
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "declaration",
    [
        b'<?xml version="1.0" x="encoding=\'utf-8\'" encoding="UTF-7"?>',
        b'<?xml version="encoding=\'utf-8\'" encoding="UTF-7"?>',
        b"<?xml version='1.0'\nencoding\n=\n'UTF-7'?>",
        b"<?xml version='1.0' encoding='UTF-7'? >",
    ],
)
def test_an_encoding_cannot_be_hidden_in_the_declaration(declaration: bytes) -> None:
    """In UTF-7 this says <!DOCTYPE …, which the look at the octets would not see."""
    finding = xml.parse(declaration + b"+ADwAIQ-DOCTYPE a+AD4-<a/>", "batch.xml")
    assert isinstance(finding, Finding)


# Size


def attributes(count: int) -> bytes:
    return b"<a " + b" ".join(b'a%d=""' % number for number in range(count)) + b"/>"


HUGE = {
    "depth 10,000": b"<a>" * 10_000 + b"</a>" * 10_000,
    "depth 1,000,000": b"<a>" * 1_000_000,
    "100,000 attributes": attributes(100_000),
    "a text of 20 MB": b"<a>" + b"x" * 20_000_000 + b"</a>",
    "an attribute of 20 MB": b'<a b="' + b"x" * 20_000_000 + b'"/>',
    "a name of 1 MB": b"<" + b"a" * 1_000_000 + b"/>",
    "100,000 namespaces": b"<a " + b" ".join(b'xmlns:a%d="urn:u"' % number for number in range(100_000)) + b"/>",
    "a comment of 20 MB": b"<!--" + b"x" * 20_000_000 + b"--><a/>",
    "1,000,000 elements": b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
}


@pytest.mark.parametrize("octets", HUGE.values(), ids=HUGE.keys())
def test_size_is_refused_or_read_but_never_kills(octets: bytes) -> None:
    start = time.process_time()
    found = xml.parse(octets, "batch.xml")
    assert isinstance(found, Finding | etree._Element)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", ["depth 10,000", "depth 1,000,000", "a text of 20 MB", "an attribute of 20 MB"])
def test_depth_and_length_have_limits(name: str) -> None:
    assert refused(HUGE[name]) is FindingCode.XML_MALFORMED


# The network


@pytest.fixture
def canary() -> Iterator[str]:
    """A server that must not see anybody; its address is the bait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/bait"
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a SYSTEM "URL"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "URL">]><a>&x;</a>',
        '<?xml-stylesheet href="URL"?><a/>',
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="URL"/>',
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x URL"/>',
        '<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="URL"/></a>',
        '<a xmlns="URL"/>',
    ],
)
def test_no_document_makes_us_ask_anybody_anything(document: str, canary: str) -> None:
    found = xml.parse(document.replace("URL", canary).encode(), "batch.xml")
    if isinstance(found, etree._Element):
        xml.canonical(found)


# Canonical form

NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.text("xyz<&'\" é证", min_size=1, max_size=5).filter(str.strip)
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=3)
Tree = tuple[str, dict[str, str], "str | list[Tree]"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(NAMES, ATTRIBUTES, TEXTS),
    lambda children: st.tuples(NAMES, ATTRIBUTES, st.lists(children, max_size=4)),
    max_leaves=12,
)


def written(tree: Tree, indent: str, backwards: bool, comment: str, depth: int = 0) -> str:
    """The same data in one of the many ways that tools write it."""
    name, attributes, content = tree
    pairs = sorted(attributes.items(), reverse=backwards)
    quoted = "".join(f" {key}='{escaped(value)}'" for key, value in pairs)
    if isinstance(content, str):
        return f"<{name}{quoted}>{escaped(content)}</{name}>"
    if not content and not comment:
        return f"<{name}{quoted}/>"
    line = f"\n{indent * (depth + 1)}" if indent else ""
    inside = "".join(line + comment + line + written(child, indent, backwards, comment, depth + 1) for child in content)
    return f"<{name}{quoted}>{inside or comment}{line if content else ''}</{name}>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;")


@given(TREES, st.sampled_from(["", " ", "\t", "    "]), st.booleans(), st.sampled_from(["", "<!-- c -->"]))
@example(("a", {}, [("b", {}, []), ("b", {}, "x")]), "  ", True, "<!-- c -->")
def test_the_canonical_form_knows_no_indentation_attribute_order_or_comments(
    tree: Tree, indent: str, backwards: bool, comment: str
) -> None:
    plain = written(tree, "", False, "")
    assert canonical(written(tree, indent, backwards, comment).encode()) == canonical(plain.encode())


@given(TREES)
def test_the_canonical_form_is_its_own_canonical_form(tree: Tree) -> None:
    once = canonical(written(tree, "", False, "").encode())
    assert canonical(once) == once
    assert xml.digest(once) == xml.digest(canonical(once))


SAMPLES = [certificates_xml("NZ-1"), sps_xml(), (DATA / "certificates-au-nested.xml").read_bytes()]
SAMPLES += [path.read_bytes() for path in sorted((SHARED / "samples").glob("*.xml"))]


@pytest.mark.parametrize("octets", SAMPLES)
def test_real_documents_have_the_same_form_after_another_tool_wrote_them(octets: bytes) -> None:
    tree = etree.fromstring(octets, etree.XMLParser(remove_blank_text=True))
    rewritten = etree.tostring(tree, pretty_print=True, encoding="UTF-8", xml_declaration=True)
    assert canonical(rewritten) == canonical(octets)


DIFFERENT = {
    "text": (b"<a>x</a>", b"<a>y</a>"),
    "white space in a text": (b"<a>x y</a>", b"<a>x  y</a>"),
    "an attribute": (b'<a b="1"/>', b'<a b="2"/>'),
    "order": (b"<a><b/><c/></a>", b"<a><c/><b/></a>"),
    "a namespace": (b'<a xmlns="urn:x"/>', b'<a xmlns="urn:y"/>'),
    "a prefix": (b'<p:a xmlns:p="urn:x"/>', b'<q:a xmlns:q="urn:x"/>'),  # exclusive c14n keeps prefixes
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_says_something_else_has_another_form(one: bytes, other: bytes) -> None:
    assert canonical(one) != canonical(other)


def test_a_namespace_that_nobody_uses_changes_nothing() -> None:
    """Exclusive canonicalisation: a certificate has one form wherever in a document it stands."""
    inside = parsed(b'<a xmlns:unused="urn:u" xmlns:p="urn:p"><p:b/></a>')[0]
    assert xml.canonical(inside) == canonical(b'<p:b xmlns:p="urn:p"/>')


def test_what_stands_beside_a_certificate_is_not_part_of_it() -> None:
    first = parsed(b"<a><b>x</b>tail<b>y</b></a>")[0]
    assert xml.canonical(first) == b"<b>x</b>"


@pytest.mark.parametrize("namespace", [b"relative", b"../x", b"?", b"a b", b"%", b"urn:\xe8\xaf\x81"])
def test_what_has_no_canonical_form_is_refused_and_never_raises(namespace: bytes) -> None:
    """Canonical XML is not defined for relative namespace names (Canonical XML 1.1, section 1.3)."""
    found = xml.parse(b'<a xmlns:p="' + namespace + b'"><p:b/></a>', "batch.xml")
    assert isinstance(found, Finding) or xml.canonical(found)


@given(st.binary(max_size=200))
@example(b"<?xml")
@example(b"<?xml version='1.0' encoding=''?><a/>")
def test_no_octets_raise(octets: bytes) -> None:
    found = xml.parse(octets, "batch.xml")
    assert isinstance(found, Finding | etree._Element)
