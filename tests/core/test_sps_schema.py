"""What our SPS schema accepts and refuses, shown on documents of our own; both validators say the same.

That it says what the published set says is the matter of test_schemas_agree_with_oracle.py, which needs that set.
"""

from pathlib import Path

import pytest
import xmlschema
from lxml import etree

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "schemas/sps-d17a/sps.xsd"
CERTIFICATE = (ROOT / "tests/data/sps-851-nz.xml").read_text("utf-8")
ANSWER = (ROOT / "tests/data/sps-ack-39.xml").read_text("utf-8")

FAST = etree.XMLSchema(etree.parse(SCHEMA))
EXPLAINING = xmlschema.XMLSchema(SCHEMA)

NAMESPACES = """
    xmlns="urn:un:unece:uncefact:data:standard:SPSCertificate:17"
    xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:21"
    xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:21" """
SMALLEST = f"""<SPSCertificate {NAMESPACES}>
  <SPSExchangedDocument>
    <ram:Name/><ram:ID>1</ram:ID><ram:TypeCode>851</ram:TypeCode><ram:StatusCode>70</ram:StatusCode>
    <ram:IssueDateTime><udt:DateTimeString>2026</udt:DateTimeString></ram:IssueDateTime>
    <ram:SignatorySPSAuthentication>
      <ram:ActualDateTime><udt:DateTime>2026-03-17T09:41:05Z</udt:DateTime></ram:ActualDateTime>
      <ram:ProviderSPSParty><ram:Name/></ram:ProviderSPSParty>
      <ram:IncludedSPSClause><ram:Content/></ram:IncludedSPSClause>
    </ram:SignatorySPSAuthentication>
  </SPSExchangedDocument>
  <SPSConsignment>
    <ram:ConsignorSPSParty><ram:Name/></ram:ConsignorSPSParty>
    <ram:ConsigneeSPSParty><ram:Name/></ram:ConsigneeSPSParty>
    <ram:ExportSPSCountry><ram:ID>NZ</ram:ID><ram:Name/></ram:ExportSPSCountry>
    <ram:ImportSPSCountry><ram:ID>CN</ram:ID><ram:Name/></ram:ImportSPSCountry>
    <ram:ExaminationSPSEvent><ram:OccurrenceSPSLocation><ram:Name/></ram:OccurrenceSPSLocation></ram:ExaminationSPSEvent>
    <ram:IncludedSPSConsignmentItem>
      <ram:IncludedSPSTradeLineItem><ram:SequenceNumeric>1</ram:SequenceNumeric><ram:Description/></ram:IncludedSPSTradeLineItem>
    </ram:IncludedSPSConsignmentItem>
  </SPSConsignment>
</SPSCertificate>"""

TYPE = "<ram:TypeCode>851</ram:TypeCode>"
STATUS = "<ram:StatusCode>70</ram:StatusCode>"
COUNTRY = "<ram:ID>NZ</ram:ID>"
DATE = "<udt:DateTime>2026-03-17T09:41:05Z</udt:DateTime>"
REASON = '<ram:ReasonInformation languageID="en">Documents and goods agree.</ram:ReasonInformation>'

ACCEPTED = {
    "the full certificate": (CERTIFICATE, "", ""),
    "the smallest certificate": (SMALLEST, "", ""),
    "the answer": (ANSWER, "", ""),
    "an answer without a reason": (ANSWER, REASON, ""),
    "an answer with two reasons": (ANSWER, REASON, REASON * 2),
    **{f"answer {code}": (ANSWER, ">39<", f">{code}<") for code in ("41", "42", "1")},
    **{f"status {code}": (SMALLEST, ">70<", f">{code}<") for code in ("39", "40", "42", "44", "46", "47", "64")},
    **{f"type {code}": (SMALLEST, ">851<", f">{code}<") for code in ("657", "852", "853", "636", "856", "861", "911")},
    **{f"relation {code}": (ANSWER, ">AWR<", f">{code}<") for code in ("ACE", "CAW", "ZZZ")},
    "another prefix": (SMALLEST.replace("udt:", "d:"), "xmlns:udt", "xmlns:d"),
    "spaces around a code": (SMALLEST, ">851<", "> 851\n<"),
    "a code with its list": (
        SMALLEST,
        STATUS,
        '<ram:StatusCode listID="4405" listVersionID="D16B">70</ram:StatusCode>',
    ),
    "a date as text": (SMALLEST, DATE, '<udt:DateTimeString format="203">202603170941</udt:DateTimeString>'),
    "a reference dated to the day": (ANSWER, "2026-03-17<", "2026-03-17Z<"),
    "a reference dated to the second": (ANSWER, "2026-03-17<", "2026-03-17T09:41:05<"),
}
REFUSED = {
    "another version": (SMALLEST, "SPSCertificate:17", "SPSCertificate:16"),
    "no namespace": (SMALLEST, "urn:un:unece:uncefact:data:standard:SPSCertificate:17", ""),
    "a part as document": (SMALLEST, "SPSCertificate", "ram:SPSParty"),
    "a certificate in an answer": (ANSWER, "SPSAcknowledgement", "SPSCertificate"),
    "no number": (SMALLEST, "<ram:ID>1</ram:ID>", ""),
    "two numbers": (SMALLEST, "<ram:ID>1</ram:ID>", "<ram:ID>1</ram:ID><ram:ID>2</ram:ID>"),
    "no name": (SMALLEST, "<ram:Name/><ram:ID>1", "<ram:ID>1"),
    "no type": (SMALLEST, TYPE, ""),
    "no status": (SMALLEST, STATUS, ""),
    "no country": (SMALLEST, COUNTRY, ""),
    "status before type": (SMALLEST, TYPE + STATUS, STATUS + TYPE),
    "text between elements": (SMALLEST, STATUS, f"{STATUS} issued"),
    "an unknown element": (SMALLEST, STATUS, f"{STATUS}<ram:Colour/>"),
    "an unknown attribute": (SMALLEST, STATUS, '<ram:StatusCode colour="red">70</ram:StatusCode>'),
    "a code of another list": (SMALLEST, STATUS, '<ram:StatusCode listID="1001">70</ram:StatusCode>'),
    **{f"status {code!r}": (SMALLEST, ">70<", f">{code}<") for code in ("", "0", "070", "issued", "7 0", "70|39")},
    **{f"type {code!r}": (SMALLEST, ">851<", f">{code}<") for code in ("", "0", "999", "8510", "phyto")},
    **{f"country {code!r}": (SMALLEST, ">NZ<", f">{code}<") for code in ("", "nz", "NZL", "XI", "XK", "EU")},
    **{f"relation {code!r}": (ANSWER, ">AWR<", f">{code}<") for code in ("", "awr", "AWRA")},
    **{
        f"date {date!r}": (SMALLEST, DATE, f"<udt:DateTime>{date}</udt:DateTime>")
        for date in ("", "2026-03-17", "2026-02-30T09:41:05Z", "2026-03-17T24:01:00Z", "17 March 2026")
    },
    "an empty date": (SMALLEST, DATE, ""),
    "a date twice": (SMALLEST, DATE, DATE * 2),
    "a reference dated in words": (ANSWER, "2026-03-17<", "yesterday<"),
    "an answer to nothing": (ANSWER, ANSWER[ANSWER.index("<ram:Reference") : ANSWER.index("  </SPSAck")], ""),
    "a decimal comma": (CERTIFICATE, "22950.5", "22950,5"),
    "an attachment in broken Base64": (CERTIFICATE, "SW1wb3J0IHBlcm1pdA==", "QUJ"),
}  # fmt: skip


def verdict(text: str) -> bool:
    """The one verdict of both validators."""
    root = etree.fromstring(text.encode())
    valid = bool(FAST.validate(root))
    assert EXPLAINING.is_valid(root) is valid
    return valid


@pytest.mark.parametrize(("text", "old", "new"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(text: str, old: str, new: str) -> None:
    """Everything that the format leaves open."""
    assert old in text
    assert verdict(text.replace(old, new, 1))


@pytest.mark.parametrize(("text", "old", "new"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, old: str, new: str) -> None:
    """Everything that the format fixes: order, number, codes, dates, names."""
    assert old in text
    assert not verdict(text.replace(old, new))
