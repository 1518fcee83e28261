"""Text copies whose date leaves the year out, and somebody who knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crawler import layouts

if TYPE_CHECKING:
    from storage.documents import Page
    from tests.lab import Lab

ABSTRACT = "Cold water moves. " * 20


def copy(date: str, *listed: str) -> str:
    """A copy of that date, one record for each listed date, or one without any."""
    metas = [f"\n\n  • 4 authors\n\u00b7\n{one}" for one in listed] or [""]
    return f"new\n\nSubscribe\n\n{date}" + "".join(f"\n\nHow Ice Grows\n\n{ABSTRACT}{meta}" for meta in metas)


def dated(page: Page) -> tuple[str, str | None, list[str]]:
    """The page's date and its basis, and what was listed when."""
    return str(page.page_date), page.page_date_basis, [f"{one.listed_date}" for one in page.listings]


@pytest.mark.parametrize(
    ("date", "listed", "expected"),
    [
        ("Mar 11", (), ("2025-03-11", "explicit", ["None"])),
        ("Mar 11, 2024", (), ("2024-03-11", "explicit", ["None"])),
        ("Dec 24", ("Dec 1", "Oct 2, 2024"), ("2025-12-24", "explicit", ["2025-12-01", "2024-10-02"])),
        ("Dec 24", ("Dec 1", "Oct 2, 2022"), ("2025-12-24", "explicit", ["2025-12-01", "2022-10-02"])),
        ("Dec 24, 2024", ("Dec 1",), ("2024-12-24", "explicit", ["2024-12-01"])),
    ],
)
def test_the_year_that_is_told_is_the_year_of_the_page(
    date: str, listed: tuple[str, ...], expected: tuple[str, str, list[str]]
) -> None:
    """In both layouts; a page that shows its year keeps it."""
    text = copy(date, *listed)
    for variant in (text, text.replace("\n", "\r\n")):
        name, page = layouts.read(variant, 2025)
        assert (name, dated(page), page.warnings) == ("text_b" if listed else "text_a", expected, ())


@pytest.mark.parametrize(
    ("listed", "days", "warning"),
    [
        (("Oct 2, 2025",), ["2025-10-02"], "year_contradicted: days of 2025 are shown, which a page of 2025 does not"),
        (("Dec 1", "Oct 2, 2026"), ["2025-12-01", "2026-10-02"], "year_contradicted: days of 2026"),
        (("Dec 31",), ["None"], "year_unknown: 1 listed dates without a year cannot have that of 'Dec 24, 2025'"),
        (("Feb 29",), ["None"], "year_unknown: 1 listed dates"),
    ],
)
def test_a_year_that_cannot_be_is_told(listed: tuple[str, ...], days: list[str], warning: str) -> None:
    """A page leaves out its own year alone, and lists nothing from after its own day."""
    _, page = layouts.read(copy("Dec 24", *listed), 2025)
    assert (str(page.page_date), [f"{one.listed_date}" for one in page.listings]) == ("2025-12-24", days)
    assert page.warnings[0].startswith(warning)


def test_a_year_without_that_day_is_refused() -> None:
    """With the line of the date."""
    with pytest.raises(layouts.LayoutChanged, match=r"record_shape in line 5: no such day: 'Feb 29, 2025'"):
        layouts.read(copy("Feb 29"), 2025)


def test_what_is_no_copy_has_no_year_to_be_told() -> None:
    """It is read, or refused, as without."""
    for text in ("Dear diary", "", "[]"):
        with pytest.raises(layouts.LayoutChanged) as alone:
            layouts.read(text)
        with pytest.raises(layouts.LayoutChanged) as told:
            layouts.read(text, 2025)
        assert str(alone.value) == str(told.value)


def test_the_commands_take_the_year(lab: Lab) -> None:
    """`crawl digest` and `run`; what was told stays when the same copy is read without; a strange year is no year."""
    page = lab.folder / "page.txt"
    page.write_text(copy("Mar 11"))

    def sightings() -> list[tuple[str | None, str | None]]:
        with lab.database() as database:
            [paper] = database["papers"].find()
        return [(one["page_date"], one["page_date_basis"]) for one in paper["sightings"]]

    assert lab.run("crawl", "digest", page).returncode == 0
    assert sightings() == [(None, None)]
    assert lab.run("crawl", "digest", "--page-year", "2024", page).returncode == 0
    assert sightings() == [("2024-03-11", "explicit")]
    off = lab.having({f"PAPERHARVEST_PROVIDERS__{name}__ENABLED": "false" for name in ("ARXIV", "OPENALEX", "GITHUB")})
    off = off.having({"PAPERHARVEST_PROVIDERS__SEMANTIC_SCHOLAR__ENABLED": "false"})
    assert off.run("run", page).returncode == 0
    assert sightings() == [("2024-03-11", "explicit")]
    assert off.run("run", "--page-year", "2025", page).returncode == 0
    assert sightings() == [("2025-03-11", "explicit")]
    assert lab.run("crawl", "digest", "--page-year", "25", page).returncode == 2
