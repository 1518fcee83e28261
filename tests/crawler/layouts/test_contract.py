"""What holds for every layout. A new module of crawler/layouts is tested here as soon as it is there."""

from __future__ import annotations

import inspect
import json

import pytest

from crawler import layouts
from tests.conftest import fixture_cases, fixture_path

ANSWER = ".expected.json"
NAMES = layouts.names()
CASES = {name: [c for c in fixture_cases(name, "*") if not c.endswith(ANSWER)] for name in NAMES}
OWN = [(name, case) for name in NAMES for case in CASES[name]]
FOREIGN = [(name, case) for name in NAMES for other in NAMES if other != name for case in CASES[other]]


def text_of(case: str) -> str:
    """A golden input, its line ends untouched."""
    return fixture_path(case).read_bytes().decode("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_layout_is_two_functions_and_golden_pages(name: str) -> None:
    """A layout has `matches` and `parse`, each of one argument, a docstring, and golden pages."""
    layout = layouts.load(name)
    for function in (layout.matches, layout.parse):
        assert list(inspect.signature(function).parameters) == ["text"], f"{name}: {function} takes `text` only"
    assert inspect.getdoc(inspect.getmodule(layout.parse)), f"begin crawler/layouts/{name}.py with what it reads"
    assert CASES[name], f"add a page of this layout, written by us, as tests/fixtures/{name}/<case>.txt (or .html ...)"


@pytest.mark.parametrize(("name", "case"), OWN)
def test_golden_page(name: str, case: str) -> None:
    """A golden page is recognised by its layout and read to the answer beside it."""
    answer = fixture_path(f"{case.rpartition('.')[0]}{ANSWER}")
    assert answer.is_file(), (
        f"add {answer.name}: Page.model_dump(mode='json', exclude_defaults=True) of what {case} says"
    )
    found, page = layouts.read(text_of(case))
    told = page.model_dump(mode="json", exclude_defaults=True)
    assert (found, told) == (name, json.loads(answer.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("name", "case"), FOREIGN)
def test_golden_page_of_another_layout(name: str, case: str) -> None:
    """A page of another layout is not matched, and refused by LayoutChanged if parsed all the same."""
    layout, text = layouts.load(name), text_of(case)
    assert not layout.matches(text), f"{name}.matches() takes {case} for its own: only one layout may"
    with pytest.raises(layouts.LayoutChanged):
        layout.parse(text)
