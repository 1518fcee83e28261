"""What the commands `show` and `status` print: documents in, lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paperharvest.texts import ago, ahead, printable, shortened
from storage.status import STATUSES
from storage.title_index import About

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from enrich.resolve import Plan
    from enrich.run import Errand
    from storage.connect import Document

SHOWN = 5  # of sightings, links and authors; --json shows all
COLUMNS = (*STATUSES, "due")


class _Shown:
    """One paper, and when its digests were seen."""

    def __init__(self, document: Document, seen: Mapping[str, dt.datetime]) -> None:
        self.paper, self.seen, self.by = document, seen, document["_work"]["by"]

    def source(self, part: str) -> str:
        """Whose value a part of the paper is, and how old that is."""
        return self.of(self.by[part].split(" ")[1].lstrip("~")) if part in self.by else ""

    def of(self, source: str) -> str:
        """A source, and how long ago it told."""
        told = self.paper["arxiv"]["fetched_at"] if source == "arxiv" else self.seen.get(source)
        return f"({source}{', ' + ago(told) if told else ''})"


def paper(document: Document, seen: Mapping[str, dt.datetime]) -> Iterator[str]:
    """Everything known of a paper, with the source and the age of each value, on one screen.

    seen: when each of its digests was seen last.
    """
    shown, sightings = _Shown(document, seen), document["sightings"]
    yield document["_id"]
    yield _row("title", f"{document['title'] or 'not known yet'}  {shown.source('title')}")
    retitled = [one for one in sightings if one["listed_title"]]
    yield from _cut([_row("title", f"{one['listed_title']}  {shown.of(one['digest'])}") for one in retitled])
    yield from _rows("authors", _authors(document, shown.source("authors")))
    if published := document["published"]:
        told = f"the {published['precision']}, from {published['basis']}"
        yield _row("published", f"{published['date']}  ({told})")
    yield from _rows("ids", ", ".join(f"{name} {value}" for name, value in document["ids"].items() if value))
    yield from _resolution(document["resolution"])
    yield _row("arxiv", _arxiv(document["arxiv"]))
    for name, count in document["citations"].items():
        yield _row("citations", f"{name}: {_count(count)}")
    for repo in document["repos"]:
        yield _row("code", _repo(repo))
    yield from _cut([_row("link", f"{one['url']}  ({one['kind']}, {one['found_in']})") for one in document["links"]])
    yield from _cut([_row("listed", f"{_sighting(one)}  {shown.of(one['digest'])}") for one in sightings])
    yield from _abstracts(shown)
    yield from _rows("summary", shortened(document["ai_summary"] or ""))
    yield from _rows("keywords", ", ".join(document["ai_keywords"] or ()))
    yield _row("first seen", f"{ago(document['first_seen'])}, changed {ago(document['updated_at'])}")


def question(document: Document, place: str) -> Iterator[str]:
    """An open title, and the papers that it may mean, numbered."""
    yield ""
    yield f"{place}  {printable(document['title'])}  ({document['resolution']['status']})"
    yield from _rows("authors", _authors(document, ""))
    yield from _rows("published", (document["published"] or {}).get("date", ""))
    yield from _cut([_row("listed", f"{one['digest']}, {_sighting(one)}") for one in document["sightings"]])
    yield from _rows("abstract", shortened(document["abstract"] or "", 300))
    for number, one in enumerate(document["resolution"]["candidates"], 1):
        yield _row(f"{number}", f"{one['title']}  https://arxiv.org/abs/{one['arxiv_id']}  score {one['score']}")
        yield from _rows("", "; ".join(one.get("reasons", ())))


def _row(name: str, text: str) -> str:
    return f"  {name:<11} {printable(text)}"


def _rows(name: str, text: str) -> Iterator[str]:
    """A row, none where there is nothing to say."""
    if text:
        yield _row(name, text)


def _cut(rows: list[str]) -> Iterator[str]:
    yield from rows[:SHOWN]
    if len(rows) > SHOWN:
        yield _row("", f"and {len(rows) - SHOWN} more: --json shows all")


def _authors(document: Document, source: str) -> str:
    number = document["authors_count"]
    if number is None:
        return ""
    names = document["authors"] or []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    named = f"{', '.join(names[:SHOWN])}{more}; " if names else ""
    return f"{named}{number} in all  {source}"


def _resolution(resolution: Document) -> Iterator[str]:
    told = resolution["status"]
    told += f" by {resolution['method']}" if resolution["method"] else ""
    told += f", score {resolution['score']}" if resolution["score"] is not None else ""
    yield _row("arXiv id", told)
    for one in resolution["candidates"]:
        why = f": {', '.join(one['reasons'])}" if one["reasons"] else ""
        yield _row("  perhaps", f"{one['arxiv_id']} {one['title']} (score {one['score']}{why})")


def _answer(fact: Mapping[str, Any], told: str) -> str:
    """What a fact tells, or its status and reason; and how old that is."""
    reason = f": {fact['reason']}" if fact["reason"] else ""
    asked = ago(fact["fetched_at"]) if fact["fetched_at"] else "not asked yet"
    return f"{told if fact['status'] == 'ok' else fact['status'] + reason}  ({asked})"


def _arxiv(fact: Document) -> str:
    told = [f"version {fact['version']}", *(fact["categories"] or ())]
    told += [f"{key} {fact[key].date()}" for key in ("published", "updated") if fact[key]]
    told += [fact[key] for key in ("comment", "journal_ref") if fact[key]] + ["WITHDRAWN"] * bool(fact["withdrawn"])
    return _answer(fact, ", ".join(told))


def _count(fact: Document) -> str:
    influential = f" ({fact['influential']} influential)" if fact.get("influential") is not None else ""
    return _answer(fact, f"{fact['count']}{influential}")


def _repo(repo: Document) -> str:
    told = [f"{repo['stars']} stars", f"{repo['forks']} forks", repo["language"], repo["license"]]
    told += [f"pushed {repo['pushed_at'].date()}"] if repo["pushed_at"] else []
    told += ["archived"] if repo["archived"] else []
    evidence = f", named in {' and '.join(repo['evidence'])}" if repo["evidence"] else ""
    return f"{repo['url']}  {_answer(repo, ', '.join(filter(None, told)))}{evidence}"


def _sighting(one: Document) -> str:
    told = [f"at {one['position']}", one["source"]]
    told += [f"page of {one['page_date']}"] if one["page_date"] else []
    told += [f"listed {one['listed_date']}"] if one["listed_date"] else []
    told += [f"announced as {one['announced']}"] if one.get("announced") else []
    told += [f"{one[key]} {key}" for key in ("upvotes", "comments") if one[key] is not None]
    return ", ".join([*told, *filter(None, (one["organization"],))])


def _abstracts(shown: _Shown) -> Iterator[str]:
    """The abstract that stands, and those of other sources that differ."""
    if shown.paper["abstract"]:
        yield _row("abstract", f"{shortened(shown.paper['abstract'])}  {shown.source('abstract')}")
    for one in shown.paper["_work"]["other_abstracts"]:
        yield _row("abstract", f"{shortened(one['abstract'])}  {shown.of(one['by'].split(' ')[1])}")


def status(figures: Mapping[str, Any]) -> Iterator[str]:
    """What there is, what is missing, what was refused, and what to do next."""
    papers, digests = figures["papers"], figures["digests"]
    found = ", ".join(f"{number} {state}" for state, number in papers["resolution"].items())
    yield f"papers     {papers['stored']}" + (f": {found}" if found else "")
    yield f"digests    {digests['stored']} with {digests['listings']} listings, last seen {ago(digests['last_seen'])}"
    if digests["days"]:
        yield f"days       {digests['days']}, from {digests['first_day']} to {digests['last_day']}"
    if states := figures["days"]["hf-daily"]:
        asked = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in states.items())
        yield f"hf-daily   {sum(states.values())} days asked for: {asked}; {figures['missing_days']} missing or due"
    if index := figures["index"]:
        yield f"index      {index['damaged'] if 'damaged' in index else _index(About(**index))}"
    yield f"{'facts':<28}" + "".join(f"{status:>9}" for status in COLUMNS)
    for kind, providers in figures["coverage"].items():
        for name, counts in providers.items():
            yield f"  {kind:<10}{name:<16}" + "".join(f"{counts[status]:>9}" for status in COLUMNS)
    yield from _refused(figures["refused"])
    for name, one in figures["providers"].items():
        yield from _provider(name, one)
    if run := figures["last_run"]:
        ended = f"exit {run['exit_status']}" if run.get("ended_at") else "without an end: it runs, or was killed"
        yield f"last run   {run['command']}, {ago(run['started_at'])}, {ended}"
    for step in figures["next"]:
        yield f"next       {step}"


def _index(about: About) -> str:
    return f"{about}, made {ago(about.updated_at)}"


def _refused(refused: Mapping[str, Any]) -> Iterator[str]:
    if refused["stored"]:
        yield f"refused    {refused['stored']}, the latest:"
    for one in refused["latest"]:
        place = f", line {one['line']}" if one["line"] else ""
        yield f"  {printable(one['name'])}: {one['reason']}{place}, {ago(one['at'])}"


def _provider(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    if one["remaining"] is not None:
        yield f"budget     {name}: {one['remaining']} requests left, renewed {ahead(one['resets_at'])}"
    if one["wait_until"]:
        yield f"waiting    {name}: asked again {ahead(one['wait_until'])} ({printable(one['reason'] or '')})"


def next_steps(figures: Mapping[str, Any], *, token: bool) -> Iterator[str]:
    """The commands that lead on from here. token: whether GitHub can be asked beyond 60 requests an hour."""
    papers, coverage = figures["papers"], figures["coverage"]
    if not papers["stored"]:
        yield "paperharvest run PATH... -o papers.jsonl   reads digests, and asks for their papers"
        return
    for one in figures["refused"]["latest"]:
        if one["replay"]:
            version = "" if one["reason"] == "dump" else ", with a newer version"
            yield f"{one['replay']}   reads again what was refused{version}"
            break
    if figures["missing_days"]:
        yield f"paperharvest crawl hf-daily --missing   asks for {figures['missing_days']} days that are missing or due"
    if papers["due"]:
        yield f"paperharvest resolve   looks for the arXiv papers of {papers['due']} titles"
    for kind, providers in coverage.items():
        if due := sum(counts["due"] for counts in providers.values()):
            yield f"paperharvest enrich --kind {kind}   asks for {due} facts that are due"
    if coverage["repos"]["github"]["due"] and not token:
        yield "set GITHUB_TOKEN   learns stars at 5,000 requests an hour in place of 60"
    yield "paperharvest export -o papers.jsonl   writes all papers as JSON lines"


def plan(one: Plan) -> Iterator[str]:
    """What `resolve` would ask."""
    yield f"titles     {one.found} decided by what is known here, {one.waiting} wait for their time, {one.open} open"
    for visit in one.visits:
        if visit.most:
            requests = f"{visit.fewest}" if visit.fewest == visit.most else f"{visit.fewest} to {visit.most}"
            yield f"  {visit.provider:<17} {requests} requests, {visit.interval:g} s apart at least"
    yield "nothing was asked or stored"


def errands(found: Sequence[Errand]) -> Iterator[str]:
    """What `enrich` would ask."""
    for one in found:
        told = f"{one.provider:<17} {one.questions} {one.unit}: {one.requests} requests, {one.seconds:.0f} s at least"
        told += f", {one.hourly} an hour" if one.hourly else ""
        yield told + (f", and up to {one.again} more by published DOIs" if one.again else "")
        yield from _provider(one.provider, one.left)
    yield "nothing was asked or stored"
