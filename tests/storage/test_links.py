"""Addresses in prose: where they start and end, what they lead to, which repository they name."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.links import find_links, repository

if TYPE_CHECKING:
    from pathlib import Path

    from storage.documents import FoundIn

FOUND = [
    ("https://github.com/facebookresearch/MMG_Ego4D.", ["https://github.com/facebookresearch/MMG_Ego4D"]),
    ("https://github.com/clovaai/CutMix-PyTorch .", ["https://github.com/clovaai/CutMix-PyTorch"]),
    ("(https://cogact.github.io/).", ["https://cogact.github.io/"]),
    ("https://github.com/kleinzcy/Cr-KD-NCD{here}.", ["https://github.com/kleinzcy/Cr-KD-NCD"]),
    (
        "(https://github.com/BlueVelvetSackOfGoldPotatoes/child-play{ChildPlay GitHub Repository})",
        ["https://github.com/BlueVelvetSackOfGoldPotatoes/child-play"],
    ),
    ("blue{https://github.com/ynanwu/TALON}.", ["https://github.com/ynanwu/TALON"]),
    ("https://github.com/ABU121111/DreamWorld{mypink{Github}}.", ["https://github.com/ABU121111/DreamWorld"]),
    ("https://omniforcing.com{https://omniforcing.com}", ["https://omniforcing.com"]),
    (
        "[https://github.com/CVC2233/AndroTMem](https://github.com/CVC2233/AndroTMem).",
        ["https://github.com/CVC2233/AndroTMem"],
    ),
    ("error. github.com/ShineMinxing/Ros2Go2Estimator.git", ["github.com/ShineMinxing/Ros2Go2Estimator.git"]),
    ("available in github.com/MiniAppBench.", ["github.com/MiniAppBench"]),
    ("https://en.wikipedia.org/wiki/A_(b)", ["https://en.wikipedia.org/wiki/A_(b)"]),
    # brackets
    ("(see https://a.org/b_(c).)", ["https://a.org/b_(c)"]),
    ("https://a.org/[b]] c", ["https://a.org/[b]"]),
    ("https://a.org/(b](c)", ["https://a.org/(b"]),
    ("https://a.org/b)(c)", ["https://a.org/b"]),
    ("https://a.org/(b", ["https://a.org/(b"]),
    ("[code](https://a.org)", ["https://a.org"]),
    ("[https://a.org](https://b.org)", ["https://a.org", "https://b.org"]),
    # ends
    ("**https://a.org/b**", ["https://a.org/b"]),
    ("is it https://a.org/b?", ["https://a.org/b"]),
    ("see 'https://a.org/b', https://a.org/c; https://a.org/d: wow!", [f"https://a.org/{x}" for x in "bcd"]),
    ("https://a.org/b?c=d&e=f#g...", ["https://a.org/b?c=d&e=f#g"]),
    ("https://a.org/b<br><https://a.org/c>", ["https://a.org/b", "https://a.org/c"]),
    ('"https://a.org/b"', ["https://a.org/b"]),
    ("`https://a.org/b`", ["https://a.org/b"]),
    ("https://a.org/b|c https://a.org/c^2 https://a.org/d!", [f"https://a.org/{x}" for x in "bcd"]),
    (f"https://a.org/{'b' * 1900}", [f"https://a.org/{'b' * 1900}"]),
    ("https://a.org/b\u2028c", ["https://a.org/b"]),
    ("https://a.org/~user/x-y_z.html", ["https://a.org/~user/x-y_z.html"]),
    # starts
    ("HTTPS://GitHub.com/O/N", ["HTTPS://GitHub.com/O/N"]),
    ("code:http://a.org/b", ["http://a.org/b"]),
    ("GitHub.com/o/n, gitlab.com/o/n", ["GitHub.com/o/n", "gitlab.com/o/n"]),
    ("at huggingface.co/o/n and (hf.co/o/m)", ["huggingface.co/o/n", "hf.co/o/m"]),
    ("me@github.com/x gist.github.com/x evilgithub.com/x my-github.com/x x/github.com/y", []),
    ("available at Github, on a.com/b, under https:// and http://... or github.com/.", []),
    # TeX that a dump has kept
    (r"\url{https://a.org/my\_code\#x\%20y\&z}", ["https://a.org/my_code#x%20y&z"]),
    (r"$\href{https://a.org/x.git}{\texttt{https://a.org/x}}$", ["https://a.org/x.git", "https://a.org/x"]),
    (r"https://a.org/x\footnote{y}", ["https://a.org/x"]),
    # each once, in order, as written
    ("https://b.org https://a.org https://b.org.", ["https://b.org", "https://a.org"]),
    ("https://github.com/A/B https://github.com/a/b", ["https://github.com/A/B", "https://github.com/a/b"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "urls"), FOUND)
def test_addresses_are_cut_out_of_prose(text: str, urls: list[str]) -> None:
    """An address starts at its scheme or known host and ends before the sentence's marks and brackets."""
    assert [link.url for link in find_links(text, "abstract")] == urls


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://github.com/o/n", "github"),
        ("http://www.github.com/o/n/tree/main", "github"),
        ("github.com/o/n.git", "github"),
        ("https://github.com/MiniAppBench", "other"),
        ("https://github.com/topics/nlp", "other"),
        ("https://gist.github.com/o/n", "other"),
        ("https://github.com.example/o/n", "other"),
        ("https://github.com@example.org/o/n", "other"),
        ("https://gitlab.com/o/n", "gitlab"),
        ("https://gitlab.com/group/sub/n", "gitlab"),
        ("https://gitlab.com/o", "other"),
        ("https://gitlab.com/o/-/n", "other"),
        ("https://gitlab.com/explore/projects", "other"),
        ("https://gitlab.com/groups/o", "other"),
        ("https://gitlab.com/help/o", "other"),
        ("https://gitlab.com/users/o", "other"),
        ("https://gitlab.com/users-lab/n", "gitlab"),
        ("https://gitlab.example/o/n", "other"),
        ("https://huggingface.co/TownsWu/PEG", "hf_model"),
        ("https://huggingface.host/TownsWu/PEG", "other"),
        ("https://www.huggingface.co/TownsWu/PEG", "other"),
        ("https://hf.co/o/n/tree/main", "hf_model"),
        ("https://huggingface.co/o/n?library=x", "hf_model"),
        ("https://huggingface.co/o.p/n.1-a", "hf_model"),
        ("https://huggingface.co/papers-lab/n", "hf_model"),
        ("https://huggingface.co/o/n,m", "other"),
        ("https://huggingface.co/o/.n", "other"),
        ("https://huggingface.co/-o/n", "other"),
        ("https://huggingface.co/o", "other"),
        ("https://huggingface.co/datasets/ifujisawa/procbench", "hf_dataset"),
        ("https://huggingface.co/datasets/squad", "other"),
        ("https://HF.co/spaces/o/n", "hf_space"),
        ("https://huggingface.co/spaces/o", "other"),
        ("https://huggingface.co/papers/2410.03717", "other"),
        ("https://huggingface.co/collections/o/n", "other"),
        ("https://huggingface.co/organizations/x", "other"),
        ("https://huggingface.co/tasks/x", "other"),
        *[(f"https://hf.co/{page}/x", "other") for page in ("api", "blog", "docs", "learn", "posts")],
        ("https://doi.org/10.5281/zenodo.6832145", "doi"),
        ("http://dx.doi.org/10.1/x", "doi"),
        ("https://notdoi.org/10.1/x", "other"),
        ("https://doi.organic.example/x", "other"),
        ("https://glee-vision.github.io", "project_page"),
        ("https://yizhilll.github.io/CIF-Bench/", "project_page"),
        ("https://www.a-b.github.io#x", "project_page"),
        ("https://github.io/x", "other"),
        ("https://a.github.io.example/x", "other"),
        ("https://example.org/a.github.io", "other"),
        ("https://youtube.com/watch?v=x", "video"),
        ("https://www.youtube.com/watch?v=x", "video"),
        ("https://m.youtube.com/watch?v=x", "video"),
        ("https://youtu.be/x", "video"),
        ("https://vimeo.com/1", "video"),
        ("https://www.vimeo.com/1", "video"),
        ("https://player.vimeo.com/video/1", "video"),
        ("https://notyoutube.com/x", "other"),
        ("https://youtube.community/x", "other"),
        ("https://youtu.beta.example/x", "other"),
        ("https://vimeo.company/x", "other"),
        ("https://rb.gy/ws1ile", "other"),
    ],
)
def test_kind_by_host_and_path(url: str, kind: str) -> None:
    """Known hosts are matched whole: a look-alike is no forge, and a forge's other pages are `other`."""
    assert [(link.url, link.kind) for link in find_links(f"See {url}.", "abstract")] == [(url, kind)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("teacher.Project Page: https://omniforcing.com{https://omniforcing.com}", "project_page"),
        ("our project\n  page (https://a.org)", "project_page"),
        ("project page is available at: https://a.org", "project_page"),
        ("project page is available now: https://a.org", "other"),
        ("project https://a.org", "other"),
        ("https://a.org is our project page", "other"),
        ("project page: https://github.com/o/n", "github"),
        ("project page: https://github.com/o", "other"),
        ("project page: https://www.github.com/o", "other"),
        ("project page: https://github.community/o/n", "project_page"),
        ("project page: https://gitlab.com/o", "other"),
        ("project page: https://huggingface.co/papers/2410.03717", "other"),
        ("project page: https://youtu.be/x", "video"),
    ],
)
def test_an_unknown_host_is_a_project_page_where_the_text_says_so(text: str, kind: str) -> None:
    """The words must stand whole within the 30 characters before the address; a known host needs none."""
    assert [link.kind for link in find_links(text, "abstract")] == [kind]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/DavidFanzz/Generalist_or_Specialist", "DavidFanzz/Generalist_or_Specialist"),
        ("https://github.com/Ethical-Spectacle/fair-ly/tree/main/resources", "Ethical-Spectacle/fair-ly"),
        ("HTTP://www.GitHub.com/clovaai/CutMix-PyTorch/", "clovaai/CutMix-PyTorch"),
        ("github.com/ShineMinxing/Ros2Go2Estimator.git", "ShineMinxing/Ros2Go2Estimator"),
        ("https://github.com/houyuanchen111/a.github.io", "houyuanchen111/a.github.io"),
        ("https://github.com/o/n?tab=readme", "o/n"),
        ("https://github.com/o/n#usage", "o/n"),
        ("https://github.com/o/.github", "o/.github"),
        ("https://github.com/topics-lab/n", "topics-lab/n"),
        (f"https://github.com/{'o' * 39}/{'n' * 100}", f"{'o' * 39}/{'n' * 100}"),
        (f"https://github.com/{'o' * 40}/n", None),
        (f"https://github.com/o/{'n' * 101}", None),
        ("https://github.com/o", None),
        ("https://github.com/o/", None),
        ("https://github.com//n", None),
        ("https://github.com/o/.git", None),
        ("https://github.com/o/.", None),
        ("https://github.com/o/..", None),
        ("https://github.com/o/...git", None),
        ("https://github.com/o_o/n", None),
        ("https://github.com/o/n%7Bhere%7D", None),
        ("https://github.com/o/n,m", None),
        ("https://github.com/o/\u00e9", None),
        ("https://github.com/o/n\n", None),
        ("https://github.com/Topics/n", None),
        ("https://gitlab.com/o/n", None),
        ("https://api.github.com/o/n", None),
        ("https://githubXcom/o/n", None),
        ("see https://github.com/o/n", None),
        ("", None),
    ],
)
def test_repository_of_an_address(url: str, name: str | None) -> None:
    """Owner and name as written, nothing deeper; no repository where GitHub allows none of that name."""
    assert repository(url) == name


OWN_PAGES = """
    about apps collections contact customer-stories dashboard enterprise events explore features issues login
    marketplace new notifications organizations orgs pricing pulls search security settings site sponsors stars
    topics trending users
"""


@pytest.mark.parametrize("page", OWN_PAGES.split())
def test_pages_of_github_itself_are_no_repositories(page: str) -> None:
    """No user can be called as GitHub calls its own pages; a longer name is free."""
    assert repository(f"https://github.com/{page}/n") is None
    assert repository(f"https://github.com/{page}-x/n") == f"{page}-x/n"


@pytest.mark.parametrize("found_in", ["abstract", "comment", "page"])
def test_links_say_where_they_were_found(found_in: FoundIn) -> None:
    """The caller's place of the text goes with every link."""
    assert [link.found_in for link in find_links("https://a.org https://b.org", found_in)] == [found_in] * 2


def test_a_hostile_text_is_read_in_time() -> None:
    """Glued addresses, each cut at once and searched on, cost far below the minutes of a quadratic reading."""
    start = time.process_time()
    assert len(find_links("https://a)" * 50_000, "page")) == 1
    assert time.process_time() - start < 20


PIECES = st.sampled_from(
    [*".,)([]{}\\*'!\n aZ-~%\u00e9", "https://", "http://", "github.com/", "hf.co/", "o/n", "\\_", "project page"]
)


@given(st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_any_text_gives_clean_addresses(text: str) -> None:
    """Each stands in the text (TeX's escapes undone), once, and ends neither in punctuation nor in a blank."""
    urls = [link.url for link in find_links(text, "abstract")]
    assert len(set(urls)) == len(urls)
    for url in urls:
        assert url in re.sub(r"\\([_#&%])", r"\1", text)
        assert not re.search(r"[\s<>\"{}|^\\`]|[.,;:!?'*]$", url)
        assert url.count(")") <= url.count("(")
        assert url.count("]") <= url.count("[")


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,20}/[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True))
def test_a_repository_survives_the_sentence_around_it(name: str) -> None:
    """Scheme or none, a dot, brackets, `.git` or a deep path: the same repository comes out."""
    owner = name.split("/", maxsplit=1)[0]
    prefix = "x-" if repository(f"github.com/{owner}/x") is None else ""  # GitHub's own pages
    for around in ("(https://github.com/{}).", "at github.com/{}.git, or", "[c](https://www.github.com/{}/tree/main)"):
        (link,) = find_links(around.format(prefix + name), "comment")
        assert (link.kind, repository(link.url)) == ("github", prefix + name)


def _seeds(shared: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((shared / "seeds").glob("*.txt"))]


@pytest.mark.corpus
def test_addresses_of_the_seeds(shared: Path) -> None:
    """The five text copies hold 68 addresses, of which 54 are repositories and one is of a look-alike host."""
    links = {link.url: link.kind for text in _seeds(shared) for link in find_links(text, "abstract")}
    assert len(links) == 68
    assert len({(repository(url) or "").lower() for url in links} - {""}) == 54
    others = [url for url, kind in links.items() if kind == "other"]
    assert sorted(others) == ["https://huggingface.host/TownsWu/PEG", "https://rb.gy/ws1ile"]


@pytest.mark.corpus
def test_addresses_known_by_hand(shared: Path) -> None:
    """For 40 papers the addresses, their kinds and repositories are those that a reader noted."""
    blocks = [block for text in _seeds(shared) for block in text.split("\n\n")]
    for line in (shared / "data" / "truth" / "code_truth.jsonl").read_text(encoding="utf-8").splitlines():
        paper = json.loads(line)
        abstract = blocks[blocks.index(paper["title"]) + 1]
        found = [(link.url, link.kind, repository(link.url)) for link in find_links(abstract, "abstract")]
        assert found == [
            (
                url["clean"],
                url["kind"].replace("github_pages", "project_page"),
                url["repo"] and url["repo"].removeprefix("https://github.com/"),
            )
            for url in paper["abstract_urls"]
        ]
