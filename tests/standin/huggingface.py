"""Hugging Face's daily papers: `GET /api/daily_papers`, the page `GET /papers/date/<day>`, a search, single papers.

A day lists what `Options.days` says; without that, the corpus's papers, each some days after it was published.
`GET /api/papers/search` answers what shares words with a query, `GET /api/papers/<id>` one paper. All of it is within
quotas; upvotes, comments and stars are invented.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from tests.standin.corpus import repository_names, words
from tests.standin.invented import invented_repository, known_to, number, one_in, share
from tests.standin.wire import HTML, Answer, answer_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tests.standin.corpus import Corpus, Row
    from tests.standin.wire import Call
    from tests.standin.world import World

NAME = "huggingface"
API, SEARCH, PAPER, PAGE = "/api/daily_papers", "/api/papers/search", "/api/papers/", "/papers/date/"
USUAL_LIMIT, LARGEST_LIMIT = 50, 100
RELATED, LONGEST_QUERY = 20, 250
TOKEN_FACTOR = 2  # times the quota of whoever has none
NEW_YORK = ZoneInfo("America/New_York")
SATURDAY = 5
THOUSAND = 1000

LOGIN = Answer(
    200,
    '<!doctype html><html><head><title>Hugging Face - Log in</title></head><body><article><h3><a href="/join">Join'
    '</a></h3></article><form action="/login" method="post"><input name="username"/></form></body></html>',
    HTML,
)
CHALLENGE = Answer(
    200,
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><noscript>Enable JavaScript and cookies to "
    "continue</noscript></body></html>",
    HTML,
)


def asked(call: Call) -> list[str]:
    """The day, the title or the id that a request asks for."""
    if call.path == SEARCH:
        return [call.query.get("q", "")]
    if call.path == API:
        return [call.query.get("date", "")]
    return [unquote(call.path.removeprefix(where)) for where in (PAPER, PAGE) if call.path.startswith(where)]


def too_fast() -> Answer:
    """What it says to whoever spent a quota: the time is in RateLimit alone."""
    return answer_json({"error": "Too Many Requests"}, 429, RateLimit='"api";r=0;t=1')


def answer(call: Call, world: World) -> Answer:
    """The answer to one request, within the quota of its bucket."""
    options = world.options
    buckets = {
        API: ("api", options.huggingface_api),
        SEARCH: ("search", options.huggingface_search),
        PAPER: ("api", options.huggingface_api),
    }
    place = next((place for place in buckets if call.path.startswith(place)), PAGE)
    bucket, quota = buckets.get(place, ("pages", options.huggingface_pages))
    quota *= TOKEN_FACTOR if "Authorization" in call.headers else 1
    window, passed = divmod(time.time() - world.started, options.huggingface_window)
    spent, wait = f"{NAME} {bucket} {window:g}", options.huggingface_window - passed
    left = quota - world.spent[spent]
    policy = {"RateLimit-Policy": f'"fixed window";"{bucket}";q={quota};w={options.huggingface_window}'}
    if left < 1:
        limit = {"RateLimit": f'"{bucket}";r=0;t={math.ceil(wait)}'}
        return replace(too_fast(), headers=policy | limit, told=wait)
    world.spent[spent] += 1
    if place == SEARCH:
        plain = related(call.query.get("q", ""), world.corpus)
    elif place == PAPER:
        plain = single(asked(call)[0], world.corpus)
    else:
        plain = daily_papers(call.query, world) if place == API else page(call.path, world)
    return replace(plain, headers=policy | {"RateLimit": f'"{bucket}";r={left - 1};t={math.ceil(wait)}'})


def daily_papers(query: Mapping[str, str], world: World) -> Answer:
    """One slice of a day's entries, or why there is none."""
    day = query.get("date", world.today)
    limit, nth = query.get("limit", str(USUAL_LIMIT)), query.get("p", "0")
    if not _is_day(day):
        return answer_json({"error": 'Invalid ISO date → at "date"'}, 400)
    if day > world.today:
        return answer_json({"error": f"Too big: expected date to be <={world.today}"}, 400)
    if not (limit + nth).isdecimal() or not 1 <= int(limit) <= LARGEST_LIMIT:
        return answer_json({"error": f"Too big: expected number to be <={LARGEST_LIMIT}"}, 400)
    first = int(limit) * int(nth)
    return answer_json(entries(day, world)[first : first + int(limit)])


def related(query: str, corpus: Corpus) -> Answer:
    """The entries of the papers it knows that share most words with the query, be it one."""
    if not 1 <= len(query) <= LONGEST_QUERY:
        return answer_json({"error": f"Too big: expected string to have <={LONGEST_QUERY} characters"}, 400)
    asked_for, shared = words(query), corpus.titles.sharing(words(query))
    known = [corpus.rows[one] for one in shared if "/" not in one and known_to(NAME, one)]
    # Among titles with all words the very title comes first.
    best = sorted(known, key=lambda row: (-shared[row.id], words(row.title) != asked_for, number("related", row.id)))
    return answer_json([entry(row, row.published.date().isoformat()) for row in best[:RELATED]])


def single(arxiv_id: str, corpus: Corpus) -> Answer:
    """The paper of an entry; one in five spells its repository in capitals."""
    row = corpus.rows.get(arxiv_id)
    if row is None or not known_to(NAME, arxiv_id):
        return answer_json({"error": "Paper not found"}, 404)
    paper = entry(row, row.published.date().isoformat())["paper"]
    if "githubRepo" in paper and one_in(5, "capitals", arxiv_id):
        paper["githubRepo"] = f"https://github.com/{next(repository_names(row)).upper()}"
    return answer_json(paper | {"linkedModels": [], "numTotalModels": 0})


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def page(path: str, world: World) -> Answer:
    """The page of a day; one without papers shows the latest earlier day that has some."""
    day, days = path.removeprefix(PAGE), _days(world)
    shown = max((other for other in days if other <= day and days[other]), default=None)
    if not path.startswith(PAGE) or not _is_day(day) or shown is None:
        return Answer(404, "<!doctype html><html><body><h1>404</h1></body></html>", HTML)
    return Answer(200, html(shown, entries(shown, world), world.today), f"{HTML}; charset=utf-8")


def entries(day: str, world: World) -> list[Mapping[str, Any]]:
    """The entries of a day in their order: those handed over as they are, made of a row where an id was given."""
    listed = _days(world).get(day, ())
    return [entry(world.corpus.rows[one], day) if isinstance(one, str) else one for one in listed]


def _days(world: World) -> Mapping[str, Sequence[str | Mapping[str, Any]]]:
    return corpus_days(world.corpus) if world.options.days is None else world.options.days


@lru_cache(maxsize=4)
def corpus_days(corpus: Corpus) -> dict[str, list[str]]:
    """The weekdays that list the corpus's papers of new ids, each paper once, by upvotes."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    for row in sorted(corpus.rows.values(), key=_upvotes, reverse=True):
        day = row.published.date() + timedelta(days=1 + number("listed", row.id) % 4)
        weekday = day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= SATURDAY else 0)
        if "/" not in row.id:
            days[weekday.isoformat()].append(row.id)
    return dict(days)


def _upvotes(row: Row) -> int:
    return int(10 ** (2.5 * share("upvotes", row.id))) - 1


def entry(row: Row, day: str, **paper: object) -> dict[str, Any]:
    """One entry of a day's list; `paper` are inner fields that are to be others (`upvotes=7`).

    As on the real lists: half have no project page, four in ten no organization, the outer time is New York's.
    """
    submitter, repository = {"_id": _key("user", row.id), "type": "user"}, next(repository_names(row), None)
    name = f"reader-{number('reader', row.id) % 1000}"
    inner: dict[str, Any] = {
        "id": row.id,
        "authors": [
            {"_id": _key("author", row.id, nth), "name": n, "hidden": False} for nth, n in enumerate(row.authors)
        ],
        "publishedAt": _time(row.published),
        "submittedOnDailyAt": _time_of_day(day, row.id),
        "title": row.title,
        "submittedOnDailyBy": submitter | {"user": name, "fullname": name.title(), "name": name},
        "summary": row.abstract,
        "upvotes": _upvotes(row),
        "discussionId": _key("discussion", row.id),
        "ai_summary": f"An invented summary of {row.title}.",
        "ai_keywords": ["invented", "keywords"],
    }
    if repository:
        stars = invented_repository(repository).stars
        inner |= {"githubRepo": f"https://github.com/{repository}", "githubRepoAddedBy": "user", "githubStars": stars}
    if one_in(2, "project page", row.id):
        inner["projectPage"] = f"https://paper-{row.id.replace('.', '-')}.github.io/"
    outer: dict[str, Any] = {
        "publishedAt": _time(row.published.astimezone(NEW_YORK)),
        "title": row.title,
        "summary": row.abstract,
        "thumbnail": f"https://cdn-thumbnails.huggingface.co/social-thumbnails/papers/{row.id}.png",
        "numComments": number("comments", row.id) % 6,
        "submittedBy": submitter | {"fullname": name.title(), "name": name},
        "isAuthorParticipating": False,
    }
    if share("organization", row.id) < 0.6:
        which = number("organization", row.id) % 40
        outer["organization"] = {"_id": _key("organization", which), "name": f"lab-{which}", "fullname": f"Lab {which}"}
        inner["organization"] = outer["organization"]
    return {"paper": inner | paper, **outer}


def _key(*parts: object) -> str:
    return f"{number(*parts):024x}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _time_of_day(day: str, arxiv_id: str) -> str:
    second = number("submitted", arxiv_id) % 86400
    return f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"


def html(day: str, listed: Sequence[Mapping[str, Any]], today: str) -> str:
    """A page in the markup of spring 2026 (Svelte 5): the props, and cards that say the same."""
    shown, following = date.fromisoformat(day), _weekday(day, 1)
    props = {
        "canSubmit": False,
        "dateString": day,
        "dailyPapers": listed,
        "prevDate": _weekday(day, -1),
        "periodType": "day",
        **({"nextDate": following} if following <= today else {}),
        "query": {},
        "isTrending": False,
    }
    cards = "".join(f"<!--[-1-->{card(one)}<!--]-->" for one in listed)
    return (
        '<!doctype html>\n<html class="">\n\t<head>\n\t\t<meta charset="utf-8" />\n\t\t<meta property="og:url" '
        f'content="https://huggingface.co/papers/date/{day}" />\n\t</head>\n\t<body><main><!--[-->'
        '<div class="SVELTE_HYDRATER contents" data-target="DailyPapersBannerSubscribe" data-props="{}"></div> '
        f'<div class="SVELTE_HYDRATER contents" data-target="DailyPapers" data-props="{_attribute(json.dumps(props))}">'
        '<section class="container"><h1>Daily Papers</h1> <h2>by<a href="/akhaliq"><span>AK</span></a> and the '
        f"research community</h2> <time>{shown:%b} {shown.day}</time> <div><!--[-->{cards}<!--]--></div></section>"
        "<!----></div><!--]--></main></body>\n</html>\n"
    )


def _weekday(day: str, step: int) -> str:
    other = date.fromisoformat(day) + timedelta(days=step)
    while other.weekday() >= SATURDAY:
        other += timedelta(days=step)
    return other.isoformat()


def _attribute(text: str) -> str:
    """Text as an attribute's value, escaped as little as on the real pages."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def card(listed: Mapping[str, Any]) -> str:
    """The card of an entry: no abstract, no date, `-` for no upvotes, no link for no comments."""
    paper = listed.get("paper", {})
    place, upvotes, comments = f"/papers/{paper.get('id')}", paper.get("upvotes"), listed.get("numComments")
    submitter, title = (_text(text) for text in (paper.get("submittedOnDailyBy", {}).get("user"), paper.get("title")))
    login = place.replace("/", "%2F")
    parts = [
        f'<article class="relative flex"><a href="{place}" class="peer"><img alt=""/></a> <!--[0--><div>Submitted by ',
        f'<div><img alt=""/> <!--[-1--><!--]--></div><!----> {submitter}</div><!--]--> ',
        f'<a href="/login?next={login}" class="self-start"><!--[0--><div><input type="checkbox"/> <svg></svg><!----> ',
        f'<div class="leading-none">{upvotes or "-"}</div><!----></div><!--]--></a> ',
        f'<h3 class="mb-1"><a href="{place}" class="line-clamp-3">{title}</a></h3> ',
        _who(place, paper),
    ]
    if (stars := paper.get("githubStars")) is not None:
        said = f"{stars / THOUSAND:.3g}k" if stars >= THOUSAND else str(stars)
        parts.append(f'<!--[0--><a href="{place}" class="flex"><svg></svg><!----> <span>{said}</span></a><!--]--> ')
    if comments:
        parts.append(f'<!--[1--><a href="{place}#community" class="flex"><svg></svg><!----> {comments}</a><!--]-->')
    return "".join((*parts, "</article>"))


def _text(value: object) -> str:
    return escape(str(value), quote=False)


def _who(place: str, paper: Mapping[str, Any]) -> str:
    """The organization, else how many authors there are."""
    if organization := paper.get("organization"):
        slug, name = organization.get("name"), _text(organization.get("fullname"))
        return f'<!--[0--><a href="/{slug}"><!--[-1--><!--]--> <span class="block">{name}</span></a><!--]--> '
    number_of = f"{len(paper.get('authors', ()))} authors"
    return (
        f'<!--[-1--><a href="{place}" class="flex"><!--[0--><ul><!--[0--><li class="order-first"><!--[-->'
        f'<div class="flex"><div class="mx-1">·</div> {number_of}</div><!--]--></li><!--]--></ul><!--]--></a><!--]--> '
    )
