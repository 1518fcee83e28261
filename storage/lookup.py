"""Papers by what a person knows of them: an id, an address, a DOI or a title."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from storage import aliases
from storage.arxiv_ids import parse_id
from storage.titles import title_hash

if TYPE_CHECKING:
    from storage.connect import Database, Document

DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.[0-9]{4,9}/\S+)", re.IGNORECASE)
ARXIV_DOI = re.compile(r"10\.48550/arxiv\.", re.IGNORECASE)
PAPERS_PAGE = re.compile(r"(?:https?://)?huggingface\.co/papers/", re.IGNORECASE)
MOST = 100


async def papers(database: Database, asked: str) -> list[Document]:
    """Those that an arXiv id (with or without version), an address, a DOI, our own id or a title names, by id."""
    name = _name(asked.strip())
    if name is None:
        return []
    leading = await aliases.papers_of(database, [name])
    where: list[Document] = [{"_id": {"$in": [name, *leading.get(name, ())]}}]
    if name.startswith("title:"):  # without an arXiv id, one title may stand for several papers
        where.append({"_id": {"$regex": f"^{re.escape(name)}(~|$)"}})
    return await database["papers"].find({"$or": where}).sort("_id", 1).to_list(MOST)


def _name(asked: str) -> str | None:
    """The id or alias that it would have; None for what can be none."""
    if asked.startswith("title:"):
        return asked
    found = DOI.fullmatch(asked)
    doi = found[1] if found else None
    bare = PAPERS_PAGE.sub("", ARXIV_DOI.sub("", doi or asked))
    if identified := parse_id(bare):
        return f"arxiv:{identified[0]}"
    if doi:
        return f"doi:{doi.lower()}"
    hashed = title_hash(asked)
    return f"title:{hashed}" if hashed else None
