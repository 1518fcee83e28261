"""arXiv identifiers, apart from their versions. They are text: 2503.02130 is not a number.

Scheme: https://info.arxiv.org/help/arxiv_identifier.html. Nothing is padded or repaired: one malformed id
spoils a whole batch of questions, and a wrong one is another paper.
"""

from __future__ import annotations

import re

# The archives that gave out ids before April 2007; the list is closed.
_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs"
    "|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol"
    "|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_MONTH = "(?:0[1-9]|1[0-2])"
_ID = re.compile(
    rf"""
    (?: (?i: arxiv: | oai:arxiv\.org: )
      | (?P<web> (?i: (?:https?://)? (?:www\.|export\.)? arxiv\.org) / (?: abs | (?P<pdf> pdf) ) / ) )?
    (?: (?P<new>
            (?: 070[4-9] | 071[0-2] | (?:0[89]|1[0-4]) {_MONTH} ) \. (?!0000)  [0-9]{{4}}
          | (?: 1[5-9] | [2-9][0-9] ) {_MONTH}                    \. (?!00000) [0-9]{{5}} )
      | (?P<archive> {_ARCHIVES} ) (?: \. [A-Za-z-]+ )? /
        (?P<old> (?: (?: 9[1-9] | 0[0-6] ) {_MONTH} | 070[1-3] ) (?!000) [0-9]{{3}} ) )
    (?: v (?P<version> [1-9][0-9]* ) )?
    (?(pdf) (?:\.pdf)? )
    (?(web) (?:[?\#]\S*)? )
    """,
    re.VERBOSE,
)


def parse_id(text: str) -> tuple[str, int | None] | None:
    """Base id and version of an id as the world writes it: bare, `arXiv:`, `oai:`, an address of abs or pdf.

    The subject class of an old id is dropped: math.GT/0309136 is math/0309136. None for what is no arXiv id.
    """
    if not (match := _ID.fullmatch(text)):
        return None
    base = match["new"] or f"{match['archive']}/{match['old']}"
    return base, int(match["version"]) if match["version"] else None


def id_month(base_id: str) -> str:
    """The month, "2007-03", in which arXiv gave out a base id (one that `parse_id` returned)."""
    archive, _, number = base_id.rpartition("/")
    century = "19" if archive and number.startswith("9") else "20"
    return f"{century}{number[:2]}-{number[2:4]}"
