"""Our SPS schemas say what the published D17A set says, except where the table EXCEPTIONS says why not.

The published set stays outside the project, in the shared folder. It is asked three ways: type by type (children and
attributes), list by list (codes), and document by document: every sample and every own fixture, and each of them with
one thing made wrong, is given to both sets, which have to accept, or to refuse at the same places.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "schemas/sps-d17a/sps.xsd"
CODES = ROOT / "schemas/sps-d17a/codes.xsd"
SHARED = (ROOT / "../shared/data").resolve()
PUBLISHED = SHARED / "xsd/sps-d17a"
BOTH_PUBLISHED = f"""
<schema xmlns="http://www.w3.org/2001/XMLSchema">
  <import namespace="urn:un:unece:uncefact:data:standard:SPSCertificate:17"
          schemaLocation="{PUBLISHED.as_uri()}/data/standard/SPSCertificate_17p0.xsd"/>
  <import namespace="urn:un:unece:uncefact:data:standard:SPSAcknowledgement:17"
          schemaLocation="{PUBLISHED.as_uri()}/data/standard/SPSAcknowledgement_17p0.xsd"/>
</schema>"""
DOCUMENTS = [*sorted((SHARED / "samples").glob("*.xml")), *sorted((ROOT / "tests/data").glob("sps-*.xml"))]

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:21}"
UDT = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:21}"
XS = "{http://www.w3.org/2001/XMLSchema}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"

pytestmark = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"the published schemas are not committed, and there is no {PUBLISHED}"
)

EXCEPTIONS = {
    "part as document": "Published, any building block may stand alone as a document. We accept the two documents.",
}

Edit = Callable[[etree._Element], object]


def parent(element: etree._Element) -> etree._Element:
    """The element's parent; the root has none, and is not edited."""
    above = element.getparent()
    assert above is not None
    return above


def move_namespace(element: etree._Element) -> None:
    """Give the element the namespace of another layer."""
    element.tag = (UDT if element.tag.startswith(RAM) else RAM) + etree.QName(element).localname


def empty(element: etree._Element) -> None:
    """Take out what is in the element."""
    del element[:]
    element.text = None


def attribute(name: str, value: str) -> Edit:
    """An edit that sets an attribute."""
    return lambda element: element.set(name, value)


def value(pattern: str) -> Edit:
    """An edit that writes another value, made from the old one."""
    return lambda element: setattr(element, "text", pattern.format(element.text or ""))


STRUCTURE: dict[str, Edit] = {
    "dropped": lambda element: parent(element).remove(element),
    "doubled": lambda element: element.addnext(deepcopy(element)),
    "moved first": lambda element: parent(element).insert(0, element),
    "moved last": lambda element: parent(element).append(element),
    "renamed": lambda element: setattr(element, "tag", f"{RAM}Unknown"),
    "in another namespace": move_namespace,
    "emptied": empty,
    "without attributes": lambda element: element.attrib.clear(),
    "followed by stray text": lambda element: setattr(element, "tail", "stray"),
}
ATTRIBUTES: dict[str, Edit] = {
    f"{name}={text!r}": attribute(name, text)
    for name, texts in {
        "languageID": ["en"],
        "listID": [
            *["1001", "1153_ReferenceTypeCode", "3035", "3131", "3227", "4405", "6245", "6313"],
            *["7065", "7085", "7187", "9417", "Recommendation 19", "x"],
        ],
        "listAgencyID": ["6", "7"],
        "listVersionID": ["D16B", "2006", "2"],
        "listURI": ["urn:x"],
        "name": ["x"],
        "schemeID": ["x"],
        "schemeAgencyID": ["5", "6"],
        "schemeVersionID": ["second edition 2006", "x"],
        "format": ["102"],
        "unitCode": ["KGM"],
        "uri": ["urn:x"],
        "encodingCode": ["x"],
        "unknown": ["x"],
        f"{XSI}nil": ["true"],
    }.items()
    for text in texts
}
VALUES: dict[str, Edit] = {
    f"value {text!r}": value(text)
    for text in [
        *["", " {} ", "{}0", "-{}", "x", "1,5", "1e3", "true"],
        *["1", "9", "47", "999", "AWR", "NZ", "nz", "XI", "CT"],
        *["2026-02-29", "2026-03-17T09:41:05", "2026-03-17T24:00:01Z", "17 March 2026", "QUJD", "QUJ"],
    ]
}


def mutations(document: Path, step: int) -> Iterator[tuple[str, etree._Element]]:
    """Every edit on every element (or on each step-th), one at a time, with the kind of edit."""
    original = etree.parse(document).getroot()
    for position, element in islice(enumerate(original.iter("*")), 0, None, step):
        if position:
            edits = STRUCTURE | ATTRIBUTES | ({} if len(element) else VALUES)
            for kind, edit in edits.items():
                changed = deepcopy(original)
                edit(next(islice(changed.iter("*"), position, None)))
                yield kind, changed
        if "SPS" in etree.QName(element).localname:
            yield "part as document", part_as_document(element)


def part_as_document(element: etree._Element) -> etree._Element:
    """A building block, under its own name, sent as if it were a document."""
    part = deepcopy(element)
    part.tag = f"{RAM}SPS{element.tag.rpartition('SPS')[2]}"
    return part


@cache
def ours() -> etree.XMLSchema:
    """Our set, as the node compiles it."""
    return etree.XMLSchema(etree.parse(OURS))


@cache
def oracle() -> etree.XMLSchema:
    """The published set, compiled alike: both documents in one."""
    return etree.XMLSchema(etree.fromstring(BOTH_PUBLISHED))


def refusals(schema: etree.XMLSchema, document: etree._Element) -> set[str]:
    """The places a schema objects to; none if the document is valid."""
    schema.validate(document)
    errors: Any = schema.error_log  # lxml-stubs do not know that it can be iterated
    return {error.path for error in errors}


@cache
def outcomes(document: Path) -> Counter[tuple[str, str]]:
    """How often each kind of edit was accepted by both, refused by both at the same places, or disputed."""
    step = 5 if refusals(oracle(), etree.parse(document).getroot()) else 1  # one more fault teaches less there
    counts: Counter[tuple[str, str]] = Counter()
    for kind, changed in mutations(document, step):
        ours_says, oracle_says = refusals(ours(), changed), refusals(oracle(), changed)
        agreed = "refused" if oracle_says else "accepted"
        counts[kind, agreed if ours_says == oracle_says else "disputed"] += 1
    return counts


def disputed(counts: Counter[tuple[str, str]]) -> set[str]:
    """The kinds of edit that the two sets did not see alike."""
    return {kind for kind, outcome in counts if outcome == "disputed"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_gets_the_same_verdict(document: Path) -> None:
    """Both sets accept a sample, or refuse it at the same places."""
    root = etree.parse(document).getroot()
    assert refusals(ours(), root) == refusals(oracle(), root)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_with_a_fault_gets_the_same_verdict(document: Path) -> None:
    """Whatever is made wrong in a document, both sets see it alike, but for the known exceptions."""
    assert disputed(outcomes(document)) <= set(EXCEPTIONS)


def test_every_exception_is_still_one() -> None:
    """A row of the table that no longer disagrees has to go."""
    assert set().union(*(disputed(outcomes(document)) for document in DOCUMENTS)) == set(EXCEPTIONS)


def test_the_mutations_are_many_and_of_both_verdicts() -> None:
    """Agreement would mean little if nearly everything were refused."""
    total: Counter[str] = Counter()
    for document in DOCUMENTS:
        for (_, outcome), count in outcomes(document).items():
            total[outcome] += count
    assert total["accepted"] > 5_000
    assert total["refused"] > 5_000


def test_every_block_has_the_published_children_in_their_order() -> None:
    """Name, type, cardinality and attributes of every child of every type, which no set of samples covers."""
    assert blocks(xmlschema.XMLSchema(OURS)) == blocks(xmlschema.XMLSchema(BOTH_PUBLISHED))


def blocks(schema: xmlschema.XMLSchema) -> dict[str, list[tuple[str, str, int, int | None, list[str]]]]:
    """Every building block with its children: name, type, least, most, attributes."""
    types: dict[str, Any] = {name: kind for name, kind in schema.maps.types.items() if name.startswith(RAM)}
    return {
        name: [
            (child.name, child.type.name, child.min_occurs, child.max_occurs, sorted(child.attributes))
            for child in kind.content.iter_elements()
        ]
        for name, kind in types.items()
    }


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*list/standard/*.xsd")), ids=lambda path: path.stem)
def test_every_code_list_is_complete(path: Path) -> None:
    """Our rows of alternatives hold the codes of the published list, no more and no fewer."""
    published = etree.parse(path)
    name = next(published.getroot().iter(f"{XS}simpleType")).get("name")
    rows = [row.get("value", "") for row in etree.parse(CODES).iterfind(f"{XS}simpleType[@name='{name}']//*[@value]")]
    codes = [code for row in rows for code in row.split("|")]
    assert sorted(codes) == sorted({code.get("value", "") for code in published.iter(f"{XS}enumeration")})
