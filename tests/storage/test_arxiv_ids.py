"""arXiv ids: what is one, in which spellings, and when it was given out."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.arxiv_ids import id_month, parse_id

if TYPE_CHECKING:
    from pathlib import Path

READ = [
    ("2410.03717", "2410.03717", None),
    ("2410.03717v2", "2410.03717", 2),
    ("2410.03717v12", "2410.03717", 12),
    ("2503.02130", "2503.02130", None),
    ("0704.0001", "0704.0001", None),
    ("0710.0001", "0710.0001", None),
    ("0712.9999v1", "0712.9999", 1),
    ("0801.1234", "0801.1234", None),
    ("0912.1234", "0912.1234", None),
    ("1001.1234", "1001.1234", None),
    ("1412.0001", "1412.0001", None),
    ("1501.00001", "1501.00001", None),
    ("1912.10000", "1912.10000", None),
    ("2001.00010", "2001.00010", None),
    ("9912.12345", "9912.12345", None),
    ("hep-th/9901001", "hep-th/9901001", None),
    ("hep-lat/9107001v1", "hep-lat/9107001", 1),
    ("astro-ph/0601001v3", "astro-ph/0601001", 3),
    ("math/0703999", "math/0703999", None),
    ("cs/0012100", "cs/0012100", None),
    ("math.GT/0309136", "math/0309136", None),
    ("math-ph/0309136", "math-ph/0309136", None),
    ("cond-mat.mes-hall/0309136v2", "cond-mat/0309136", 2),
    ("arXiv:2410.03717", "2410.03717", None),
    ("arxiv:2410.03717v1", "2410.03717", 1),
    ("ARXIV:math.GT/0309136", "math/0309136", None),
    ("oai:arXiv.org:2410.03717v3", "2410.03717", 3),
    ("oai:arXiv.org:hep-th/9901001", "hep-th/9901001", None),
    ("https://arxiv.org/abs/2410.03717", "2410.03717", None),
    ("http://arxiv.org/abs/1805.07499v1", "1805.07499", 1),
    ("https://arxiv.org/abs/2410.03717v1?context=cs.LG", "2410.03717", 1),
    ("https://arxiv.org/abs/2410.03717#comments", "2410.03717", None),
    ("http://export.arxiv.org/abs/astro-ph/0601001v1", "astro-ph/0601001", 1),
    ("https://www.arxiv.org/pdf/2410.03717", "2410.03717", None),
    ("https://arxiv.org/pdf/2410.03717v4.pdf", "2410.03717", 4),
    ("HTTPS://ArXiv.org/pdf/math.GT/0309136.pdf", "math/0309136", None),
    ("arxiv.org/abs/2410.03717", "2410.03717", None),
]

ARCHIVES = """
    acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga
    funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph
    q-alg q-bio quant-ph solv-int supr-con
"""

REFUSED = [
    "",
    "2410",
    "2410.3717",  # four digits after 2014: the zero that a float lost cannot be told
    "2503.0213",
    "1412.00001",  # five digits before 2015
    "1501.0001",
    "0703.0001",  # the new scheme began in April 2007
    "0700.0001",
    "0713.0001",
    "0613.0001",
    "2400.12345",
    "2413.12345",
    "2420.12345",
    "2410.037170",
    "2410.00000",
    "0808.0000",
    "0000.0000",
    "9999.99999",
    "704.0005",
    "2410.03717v0",
    "2410.03717v01",
    "2410.03717v",
    "2410.03717V2",
    "2410.03717.pdf",
    "https://arxiv.org/abs/2410.03717.pdf",
    " 2410.03717",
    "2410.03717\n",
    "2410-03717",
    "\uff12\uff14\uff11\uff10.03717",  # full-width digits
    "hep-th/0704001",  # the old scheme ended in March 2007
    "hep-th/0700001",
    "hep-th/9012001",  # ... and began in 1991
    "hep-th/9113001",
    "hep-th/9901000",
    "hep-th/99010001",
    "hep-th/990101",
    "papers/9901001",
    "stat/0701001",
    "9901001",
    "arXiv:arXiv:2410.03717",
    "arXiv: 2410.03717",
    "doi:2410.03717",
    "https://arxiv.org/list/2410.03717",
    "https://arxiv.org/abs/2410.03717/extra",
    "https://notarxiv.org/abs/2410.03717",
    "https://arxiv.org.example/abs/2410.03717",
    "arXiv:2410.03717?context=cs.LG",
    "id_abc",
]


@pytest.mark.parametrize(("text", "base", "version"), READ)
def test_an_id_is_read_in_every_spelling(text: str, base: str, version: int | None) -> None:
    """Both schemes, with and without version, bare and in the usual prefixes and addresses."""
    assert parse_id(text) == (base, version)


@pytest.mark.parametrize("archive", ARCHIVES.split())
def test_every_archive_of_the_old_scheme_is_known(archive: str) -> None:
    """All 34 archives that gave out ids of their own until March 2007, many of them closed since."""
    assert parse_id(f"{archive}/9508001v1") == (f"{archive}/9508001", 1)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_id_is_refused(text: str) -> None:
    """Nothing is padded, cut or repaired to make an id of it."""
    assert parse_id(text) is None


@pytest.mark.parametrize(
    ("base_id", "month"),
    [
        ("2410.03717", "2024-10"),
        ("0704.0001", "2007-04"),
        ("9912.12345", "2099-12"),
        ("hep-lat/9107001", "1991-07"),
        ("hep-th/9912001", "1999-12"),
        ("math/0001001", "2000-01"),
        ("math/0703999", "2007-03"),
    ],
)
def test_month_of_an_id(base_id: str, month: str) -> None:
    """The first four digits are year and month; 91 to 99 are of the last century in old ids alone."""
    assert id_month(base_id) == month


@given(
    year=st.integers(15, 99),
    month=st.integers(1, 12),
    number=st.integers(1, 99_999),
    version=st.none() | st.integers(1, 40),
    written=st.sampled_from(["{}", "arXiv:{}", "oai:arXiv.org:{}", "https://arxiv.org/pdf/{}.pdf"]),
)
def test_every_id_of_the_new_scheme_comes_back(
    year: int, month: int, number: int, version: int | None, written: str
) -> None:
    """A well-formed id is returned digit by digit, its version apart, its month readable."""
    base = f"{year}{month:02}.{number:05}"
    text = written.format(base if version is None else f"{base}v{version}")
    assert parse_id(text) == (base, version)
    assert id_month(base) == f"20{year}-{month:02}"


@given(st.from_regex(r"(arXiv:)?(\d{4}\.\d{4,5}|math/\d{7})(v\d{1,2})?", fullmatch=True))
def test_what_is_read_reads_as_itself(text: str) -> None:
    """Whatever is accepted, its base id is accepted again and unchanged."""
    if read := parse_id(text):
        assert parse_id(read[0]) == (read[0], None)


@pytest.mark.corpus
def test_ids_of_real_papers(shared: Path) -> None:
    """All ids of 12,752 papers are read, and their months are those known from other sources."""
    with gzip.open(shared / "data" / "corpus_small.jsonl.gz", "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for line in lines]
    assert [parse_id(paper["id"]) for paper in papers] == [(paper["id"], None) for paper in papers]
    assert [id_month(paper["id"]) for paper in papers] == [paper["ym"] for paper in papers]


@pytest.mark.corpus
def test_ids_that_a_float_has_damaged_are_refused(shared: Path) -> None:
    """Of 559,230 ids of public collections three lack their last digit, and these alone are refused."""
    with gzip.open(shared / "data" / "titles_all.tsv.gz", "rt", encoding="utf-8", newline="\n") as lines:
        ids = [line.split("\t", 1)[0] for line in lines]
    assert [one for one in ids if parse_id(one) is None] == ["1802.0774", "1906.0546", "2007.0988"]
