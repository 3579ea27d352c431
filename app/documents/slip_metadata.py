"""What a slip's file says of itself: its XMP packet (ISO 16684-1), with the standards that it keeps to.

PDF/UA-1 is claimed in each; PDF/A-2u in archival ones, and there the claim of PDF/UA-1, which PDF/A does not know, is
described as PDF/A asks (ISO 19005-2, 6.6.2.3).
"""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape

from fpdf.enums import DocumentCompliance

PDF_A_LEVEL = DocumentCompliance.PDFA_2U
PDF_UA_PART = 1

_METADATA = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>{part}</pdfuaid:part>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{moment}</xmp:CreateDate>
</rdf:Description>{archival}
</rdf:RDF>
</x:xmpmeta>"""

_ARCHIVAL = f"""
<rdf:Description rdf:about=""
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaid:part>{PDF_A_LEVEL.part}</pdfaid:part>
<pdfaid:conformance>{PDF_A_LEVEL.conformance}</pdfaid:conformance>
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the file keeps to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""


def write_metadata(title: str, language: str, moment: datetime, is_archival: bool) -> str:
    """The packet without its wrapper: title, language, date and conformance."""
    return _METADATA.format(
        part=PDF_UA_PART,
        title=escape(title),
        language=language,
        moment=moment.isoformat(),
        archival=_ARCHIVAL if is_archival else "",
    )
