"""What makes a slip's file PDF/A-2u (ISO 19005-2): fpdf2 writes the rest, the colour profile among it.

fpdf2's own metadata packet takes the clock; this one takes the slip's date, so that the bytes stay the same.
"""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape

from fpdf.enums import DocumentCompliance

LEVEL = DocumentCompliance.PDFA_2U

_METADATA = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>{part}</pdfaid:part>
<pdfaid:conformance>{conformance}</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{moment}</xmp:CreateDate>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>"""


def write_metadata(title: str, language: str, moment: datetime) -> str:
    """The XMP packet (ISO 16684-1) without its wrapper: title, language, date and conformance."""
    return _METADATA.format(
        part=LEVEL.part,
        conformance=LEVEL.conformance,
        title=escape(title),
        language=language,
        moment=moment.isoformat(),
    )
