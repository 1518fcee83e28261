"""From titles to papers by the local index alone: what is right, what is wrong, and what is said to be open.

    python -m benchmarks.titles        exit status 1 when a bar is missed

The hard titles come bare, with authors where a row has them; the seed papers with all that their listings tell.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from crawler import layouts
from enrich import evidence, resolve
from enrich.evidence import Described
from storage import title_index
from storage.documents import Resolution
from storage.title_index import Indexed, TitleIndex
from storage.titles import title_key, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from storage.documents import Listing

SHARED = Path(__file__).parents[2] / "shared"
DATA = SHARED / "data"

NEVER_WRONG = {"one_token", "one_token_number", "removed_from_corpus", "seed_removed", "not_on_arxiv"}
SPELLING = {"case", "case_punct", "accents_folded", "latex_removed", "latex_to_unicode", "typo"}
BEGINNING = {"truncated", "subtitle_missing"}
OPEN = {"name_only_ambiguous", "subtitle_missing_ambiguous", "same_title_same_authors"}
RETITLED = {"CPL: Critical Plan Step Learning": "2409.08642", "Synapse: Trajectory-as-Exemplar": "2306.07863"}
"""Seed papers with another title and another abstract than arXiv's last version has, by hand."""
UNASKED = {"resolution": Resolution().model_dump()}
COLUMNS = ("rows", "right", "wrong", "ambiguous", "not_found", "shown", "distractors")
"""Of the rows; `shown`: with the right paper among the candidates, `distractors`: with at least two of them."""

Row: TypeAlias = dict[str, Any]
Bar: TypeAlias = tuple[str, float, bool, str]
"""What was measured, its value, whether it passes, and the bar."""


def lines(path: Path) -> list[Row]:
    """The objects of a file of JSON lines, packed or not."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.splitlines()]


def hard_rows() -> list[Row]:
    """The hard titles."""
    return lines(DATA / "truth" / "hard_titles.jsonl")


def all_titles() -> list[tuple[str, str]]:
    """Every arXiv id of `titles_all`, with its title."""
    rows = gzip.decompress((DATA / "titles_all.tsv.gz").read_bytes()).decode().split("\n")
    return [(arxiv_id, title) for arxiv_id, tab, title in (row.partition("\t") for row in rows) if tab]


def names(row: Row) -> tuple[str, ...] | None:
    """Its authors, where it tells them."""
    return tuple(row["authors"]) if row.get("authors") else None


def indexed(folder: Path, papers: Iterable[Row]) -> TitleIndex:
    """An index of papers of the corpus, each by its last title alone."""
    with title_index.writing(folder, keep=False) as add:
        add(
            Indexed(one["id"], (one["title"],), names(one), one.get("abstract"), one.get("published")) for one in papers
        )
    return TitleIndex(folder)


def look_up(asked: Described, index: TitleIndex) -> Resolution:
    """What the index alone makes of a title, with all the evidence."""
    one = resolve.Open(UNASKED, asked)
    resolve.look_up(one, index)
    return one.decided


def answer(found: Resolution) -> str | None:
    """The paper that was accepted."""
    return found.candidates[0].arxiv_id if found.status == "resolved" else None


def report(bars: Iterable[Bar]) -> int:
    """Print what was measured; the exit status."""
    missed = False
    for name, value, passes, bar in bars:
        missed |= not passes
        print(f"{name:42}{value:9.2f}  {bar}{'' if passes else '   missed'}")
    return int(missed)


# --- the hard titles, kind by kind ------------------------------------------------------------------------


def hard(rows: Sequence[Row], corpus: Sequence[Row], folder: Path) -> Iterator[Bar]:
    """Print what becomes of each kind, and the wrong ones; where a row's paper is removed, all removed ones are."""
    removed = {row["removed_id"] for row in rows if "removed_id" in row}
    full = indexed(folder / "full", corpus)
    less = indexed(folder / "less", (one for one in corpus if one["id"] not in removed))
    keys = [title_key(one["title"]) for one in corpus]
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        title, right, counts = row["query_title"], row["right_id"], kinds[row["kind"]]
        found = look_up(Described(title, authors=names(row)), less if "removed_id" in row else full)
        told = found.status if answer(found) is None else "right" if answer(found) == right else "wrong"
        shown = {one.arxiv_id for one in found.candidates}
        counts.update(("rows", told))
        counts["shown"] += right in shown
        counts["distractors"] += sum(one["id"] in shown for one in row.get("distractors", ())) >= 2
        if len(words(title)) >= 4 and sum(one.startswith(title_key(title)) for one in keys) == 1:
            counts.update(("unique", f"unique {told}"))
        if told == "wrong":
            print(f"  wrong, {row['kind']}: {title!r} is {right}, not {found.candidates[0]}")
    print(f"{'':28}" + "".join(f"{column:>13}" for column in COLUMNS))
    for kind, counts in sorted(kinds.items(), key=lambda one: -one[1]["rows"]):
        print(f"{kind:28}" + "".join(f"{counts[column]:13}" for column in COLUMNS))
    return _hard_bars(kinds)


def _hard_bars(kinds: Mapping[str, Counter[str]]) -> Iterator[Bar]:
    def total(column: str, some: Collection[str]) -> int:
        return sum(kinds[kind][column] for kind in some)

    wrong, never = total("wrong", kinds), total("wrong", NEVER_WRONG)
    yield "hard titles, wrong", wrong, wrong <= 2, "<= 2"
    yield "wrong where none may be", never, never == 0, "0"
    share = total("right", SPELLING) / total("rows", SPELLING)
    yield "spelling, right", share, share >= 0.97, ">= 0.97"
    for kind in sorted(BEGINNING):
        share = kinds[kind]["unique right"] / kinds[kind]["unique"]
        yield f"{kind}, only one begins so, right", share, share >= 0.9, ">= 0.90"
    for kind in sorted(OPEN):
        rows, shown = kinds[kind]["rows"], "shown" if kind == "same_title_same_authors" else "distractors"
        stated = min(kinds[kind]["ambiguous"], kinds[kind][shown])
        yield f"{kind}, stated", stated, stated == rows, f"{rows}"


# --- the seeds, with their abstracts ----------------------------------------------------------------------


def seeds(corpus: Sequence[Row], index: TitleIndex) -> Iterator[Bar]:
    """Print which seed papers are not found, and what becomes of them."""
    listings, counts = seed_listings(), Counter[str]()
    for key, right in truth(corpus, listings).items():
        one = listings[key]
        asked = Described(one.title or "", one.abstract, authors_count=one.authors_count, date=one.listed_date)
        found = look_up(asked, index)
        told = found.status if answer(found) is None else "right" if answer(found) == right else "wrong"
        shown = told == "ambiguous" and right in {each.arxiv_id for each in found.candidates}
        counts.update([told, "shown"] if shown else [told])
        if told != "right":
            print(f"  {told}: {one.title!r} is {right}; {found.candidates[:1]}")
    rest = len(listings) - counts["right"]
    yield f"{len(listings)} seeds, right", counts["right"], counts["right"] >= 241, ">= 241"
    yield "seeds, wrong", counts["wrong"], not counts["wrong"], "0"
    yield "the rest, ambiguous and shown", counts["shown"], counts["shown"] == rest, f"{rest}"


def truth(corpus: Sequence[Row], listings: Mapping[str, Listing]) -> dict[str, str]:
    """The papers behind seeds: as confirmed, as the only one of that title, as the only one of that abstract."""
    confirmed = {title_key(one["title"]): one["arxiv_id"] for one in lines(DATA / "truth" / "seed_truth.jsonl")}
    titled = defaultdict(set)
    for paper in corpus:
        for title in (paper["title"], *(paper.get("other_titles") or ())):
            titled[title_key(title)].add(paper["id"])
    found = {}
    for key, one in listings.items():
        right = {confirmed[key]} if key in confirmed else titled[key]
        right |= {arxiv_id for title, arxiv_id in RETITLED.items() if one.title and one.title.startswith(title)}
        if len(right) != 1:
            agree = {each["id"]: evidence.abstracts_agree(one.abstract, each.get("abstract")) for each in corpus}
            right = {arxiv_id for arxiv_id, agreement in agree.items() if agreement and agreement >= 0.8}
        [found[key]] = right
    return found


def seed_listings() -> dict[str, Listing]:
    """The seed papers by title key; of one that is listed twice, the listing that shows its day."""
    found: dict[str, Listing] = {}
    for path in sorted((SHARED / "seeds").glob("*.txt")):
        for one in layouts.read(path.read_text(encoding="utf-8"))[1].listings:
            key = title_key(one.title or "")
            if key not in found or found[key].listed_date is None:
                found[key] = one
    return found


def main() -> int:
    """Print the tables; the exit status."""
    corpus = lines(DATA / "corpus_small.jsonl.gz")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        return report([*hard(hard_rows(), corpus, folder), *seeds(corpus, TitleIndex(folder / "full"))])


if __name__ == "__main__":
    sys.exit(main())
