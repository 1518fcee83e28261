"""Saved pages of Hugging Face to begin with, and the parts of them that tests change."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from tests.conftest import fixture_path

PROPS = re.compile(r'(?<=data-target="DailyPapers" data-props=")[^"]*')
CARDS = re.compile(r"<article.*?</article>", re.DOTALL)


def golden(name: str) -> str:
    """A golden page or answer, its line ends untouched."""
    return fixture_path(name).read_bytes().decode()


def props_of(page: str) -> Any:
    """The props of a page, by a plain reading."""
    [found] = PROPS.findall(page)
    return json.loads(html.unescape(found))


def with_props(page: str, props: object) -> str:
    """The page with other props; the cards stay as they are."""
    return PROPS.sub(lambda _: html.escape(json.dumps(props), quote=True), page)


def with_cards(page: str, cards: list[str]) -> str:
    """The page with other cards; the props stay as they are."""
    first, *_, last = CARDS.finditer(page)
    return page[: first.start()] + "".join(cards) + page[last.end() :]
