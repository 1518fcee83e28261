"""Addresses in abstracts and comments: found, cut free of the sentence around them, and typed.

An address is data and never opened here; a look-alike host (huggingface.host) is a host like any other.
"""

from __future__ import annotations

import re

from storage.documents import FoundIn, Link, LinkKind
from storage.titles import ADDRESS_START

_HINTS = ("://", ".com/", ".co/")  # no address is without one, and they are far cheaper to look for
# Their slash, which is found without looking at every letter.
_HINT, _BEFORE_HINT = re.compile(r"/(?:(?<=:/)/|(?<=\.com/)|(?<=\.co/))", re.IGNORECASE), len("huggingface.com")
# Bounded, so that a hostile text of glued addresses, each searched again from its cut, stays cheap.
_ADDRESS = re.compile(rf"{ADDRESS_START}\w[^\s<>\"{{}}|^\\`]{{,2000}}", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([_#&%])")  # dumps keep the TeX of an abstract: github.com/o/long\_name
_BRACKET = re.compile(r"[()\[\]]")
_OPENER = {")": "(", "]": "["}
_MOST = 1000  # of a text: more is no text, and would outgrow a document
_SENTENCE = ".,;:!?'*"  # what ends a sentence or closes emphasis, never an address
_PAGE_NAMED = re.compile(r"project\s+page", re.IGNORECASE)
_NAMED_WITHIN = 30  # characters before the address

_END = r"(?=[/?#]|\Z)"
_NAMES = rf"\w[\w.-]*/\w[\w.-]*{_END}"
_HUB = r"(?:huggingface|hf)\.co"


def _site(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:https?://)?(?:{pattern})", re.ASCII | re.IGNORECASE)


# GitHub's own pages, by the first part of their path; nobody can have these names.
_RESERVED = (
    "about|apps|collections|contact|customer-stories|dashboard|enterprise|events|explore|features|issues|login"
    "|marketplace|new|notifications|organizations|orgs|pricing|pulls|search|security|settings|site|sponsors"
    "|stars|topics|trending|users"
)
_REPOSITORY = _site(
    rf"(?:www\.)?github\.com/(?!(?:{_RESERVED})/)(?P<owner>[a-z0-9-]{{1,39}})/(?P<name>[a-z0-9._-]{{1,100}}){_END}"
)
# The first that fits. What else stands on these hosts, such as an owner's page, is `other`.
_KINDS: dict[LinkKind, re.Pattern[str]] = {
    "gitlab": _site(rf"gitlab\.com/(?!(?:explore|groups|help|users)/){_NAMES}"),
    "hf_dataset": _site(rf"{_HUB}/datasets/{_NAMES}"),
    "hf_space": _site(rf"{_HUB}/spaces/{_NAMES}"),
    "hf_model": _site(
        rf"{_HUB}/(?!(?:api|blog|collections|datasets|docs|learn|organizations|papers|posts|spaces|tasks)/){_NAMES}"
    ),
    "doi": _site(r"(?:dx\.)?doi\.org/"),
    "project_page": _site(rf"(?:[\w-]+\.)+github\.io{_END}"),
    "video": _site(r"(?:(?:www|m)\.)?youtube\.com/|youtu\.be/|(?:(?:www|player)\.)?vimeo\.com/"),
    "other": _site(rf"(?:(?:www\.)?github\.com|gitlab\.com|{_HUB}){_END}"),
}


def find_links(text: str, found_in: FoundIn) -> tuple[Link, ...]:
    """The addresses in a text, each once, in order and as written: a bare github.com/o/n gets no scheme."""
    if "/" not in text:
        return ()
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return ()
    text = _ESCAPED.sub(r"\1", text)
    links: dict[str, Link] = {}
    position = 0
    while (
        len(links) < _MOST
        and (hint := _HINT.search(text, position))
        and (match := _ADDRESS.search(text, max(position, hint.start() - _BEFORE_HINT)))
    ):
        url = _cut(match[0])
        before = text[max(0, match.start() - _NAMED_WITHIN) : match.start()]
        links.setdefault(url, Link(url=url, kind=_kind(url, before), found_in=found_in))
        position = match.start() + len(url)
    return tuple(links.values())


def typed(url: str, found_in: FoundIn, *, project_page: bool = False) -> Link:
    """An address that stands alone; project_page: it is called the paper's page, so an unknown host is that."""
    return Link(url=url, kind=_kind(url, "project page" if project_page else ""), found_in=found_in)


def _cut(address: str) -> str:
    """The address up to a closing bracket that has no partner inside, without the sentence's punctuation."""
    open_brackets = {"(": 0, "[": 0}
    for bracket in _BRACKET.finditer(address):
        opener = _OPENER.get(bracket[0], bracket[0])
        open_brackets[opener] += 1 if opener == bracket[0] else -1
        if open_brackets[opener] < 0:
            address = address[: bracket.start()]
            break
    return address.rstrip(_SENTENCE)


def _kind(url: str, before: str) -> LinkKind:
    """What an address leads to, by its host and path; the words before it tell of an unknown host."""
    if repository(url):
        return "github"
    unknown: LinkKind = "project_page" if _PAGE_NAMED.search(before) else "other"
    return next((kind for kind, site in _KINDS.items() if site.match(url)), unknown)


def repository(url: str) -> str | None:
    """The "owner/name" of a GitHub address as written, without `.git` and deeper parts; None for others."""
    if not (match := _REPOSITORY.match(url)):
        return None
    name = match["name"].removesuffix(".git")
    return None if name in {"", ".", ".."} else f"{match['owner']}/{name}"
