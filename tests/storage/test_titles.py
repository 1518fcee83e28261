"""Titles and abstracts: the key, the identity, the clean form and the words to search for."""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.titles import (
    author_key,
    clean_latex,
    collapse,
    name_keys,
    search_phrase,
    spellings,
    title_hash,
    title_id,
    title_key,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORDS = st.lists(st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Only-IF:Revealing the Decisive Effect", "onlyifrevealingthedecisiveeffect"),
        (r"$\textbf{Only-IF}$:Revealing the Decisive Effect", "onlyifrevealingthedecisiveeffect"),
        ("VGG-T^3: Offline", "vggt3offline"),
        ("VGG-T$^3$: Offline", "vggt3offline"),
        ("MCPMark: Comprehensive MCP\n  Use", "mcpmarkcomprehensivemcpuse"),
        ("sub-Alfvénic", "subalfvenic"),
        (r"sub-Alfv\'enic", "subalfvenic"),
        ("0", "0"),
        ("", ""),
        ("... !?", ""),
        (r"\emph{Deep} {\bf Nets} in \mathcal{O}(n)", "deepnetsinon"),
        (r"{\rm\itshape a}\text{b}", "ab"),
        (r"\textsuperscript{a} \emphatic \bfx \bfX \alpha", "textsuperscriptaemphaticbfxbfxalpha"),
        ("textbf{x}", "textbfx"),
        (r"A \emph{Problem} with it", "aproblemwithit"),
        ("Straße ﬁne Ⅻ H₂O \u210c", "strassefinexiih2oh"),
        ("İSTANBUL", "istanbul"),
        ("ΑΣ ας", "ασασ"),  # noqa: RUF001 - Greek is meant
        ("深度学习: 综述", "深度学习综述"),
        ("a_b\u00a0c\u200bd", "abcd"),
    ],
)
def test_key_of_a_title(title: str, key: str) -> None:
    """Letters and digits stay, without case, accents, compatibility forms and font commands."""
    assert title_key(title) == key


ARGUMENT_STYLES = """
    text textbf textit textmd textnormal textrm textsc textsf textsl texttt textup emph underline boldsymbol bm mbox
    mathbb mathbf mathcal mathfrak mathit mathrm mathscr mathsf mathtt
"""
GROUP_STYLES = "bf bfseries it itshape tt sc sf sl rm em cal"


@pytest.mark.parametrize("style", ARGUMENT_STYLES.split())
def test_style_of_an_argument(style: str) -> None:
    """The command goes from the key and, with its braces, from the clean text, its backslash there or lost."""
    assert title_key(rf"a\{style}{{b}}") == title_key(rf"\{style} ab") == "ab"
    assert clean_latex(rf"a\{style}{{b}}") == clean_latex(rf"a\{style} {{b}}") == "ab"
    assert clean_latex(f"({style}{{b}})") == "(b)"
    assert clean_latex(f"x{style}{{b}}") == f"x{style}{{b}}"


@pytest.mark.parametrize("style", GROUP_STYLES.split())
def test_style_of_a_group(style: str) -> None:
    """The command goes from the key and, with its group's braces, from the clean text; a lost backslash keeps it."""
    assert title_key(rf"{{\{style} a}}b") == "ab"
    assert clean_latex(rf"({{\{style} a}}) ({{\{style}{{a}}}}) (\{style}{{a}})") == "(a) (a) (a)"
    assert clean_latex(rf"({{\{style}x a}})") == rf"(\{style}x a)"
    assert clean_latex(f"(q{style}{{a}})") == f"(q{style}{{a}})"


@given(words=WORDS, gap=st.sampled_from(["-", ": ", "\n  ", "", "_", " \u2013 ", "} {\\bf ", "\u0301 ", "\u2028"]))
def test_key_is_blind_to_case_and_punctuation(words: list[str], gap: str) -> None:
    """The same words in capitals, run together, broken over lines or in bold are the same title."""
    title = " ".join(words)
    assert title_key(title.upper()) == title_key(title.lower()) == title_key(gap.join(words)) == title_key(title)


@given(st.text())
def test_key_is_alphanumeric_and_its_own_key(title: str) -> None:
    """Any text has a key of letters and digits, and a key is a fixed point."""
    key = title_key(title)
    assert not key or key.isalnum()
    assert title_key(key) == key


def test_no_mark_is_alphanumeric() -> None:
    """The key drops accents by keeping letters and digits alone, which holds while no mark counts as one."""
    marks = (c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "M")
    assert not any(mark.isalnum() for mark in marks)


def test_hash_of_a_title() -> None:
    """Spellings of one title share their 16 hex digits, which never change; the empty key has none."""
    assert title_hash("SAM-Med2D") == title_hash("sam med 2d") == "4f1fda3ef13dfc81"
    assert title_hash("...") is None


# ------------------------------------------------- spellings, words, names


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (r"On $\beta$-VAE", "On β-VAE", "onβvae"),
        (r"On $\beta$-VAE", "On beta-VAE", "onbetavae"),
        (r"$\varepsilon$-Nets", "ε-nets", "εnets"),
        (r"$\Lambda_b$ Decays", "Λ_b decays", "λbdecays"),
        (r"A 2 $\times$ 3 Grid", "A 2 × 3 grid", "a23grid"),  # noqa: RUF001 - a sign is meant
        (r"A 2 $\times$ 3 Grid", "A 2 times 3 grid", "a2times3grid"),
        (r"L{\o}ve", "Løve", "løve"),
        (r"H\aa{}stad", "Håstad", "hastad"),
        (r"\textbf{Bold} Moves", "bold moves", "boldmoves"),
        (r"Z\"urich", "Zürich", "zurich"),
        ("How Ice Grows", "HOW ICE-GROWS!", "howicegrows"),
        ("Größe ℂ", "GRÖSSE C", "grossec"),  # noqa: RUF001 - a sign is meant
    ],
)
def test_spellings_of_one_title_share_a_key(one: str, other: str, shared: str) -> None:
    """Commands may be spelt out, shown as the letters that they print, or lost."""
    assert {*spellings(one)} & {*spellings(other)} == {shared}


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("How Ice Grows", ("howicegrows",)),
        ("Größe", ("grosse",)),
        (r"\textbf{Ice}", ("ice",)),
        (r"$\beta$ and \method", ("betaandmethod", "βand")),
        (r"\betax", ("betax", "")),
        ("?!", ("",)),
        ("", ("",)),
    ],
)
def test_a_title_has_its_own_key_first(title: str, keys: tuple[str, ...]) -> None:
    """Another one only where it holds a command that is no font's; of that, only the letters go with it."""
    assert spellings(title) == keys


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Only-IF: the_Effect", ["only", "if", "the", "effect"]),
        (r"{\em Dark} Z\"urich, 27\% of it", ["dark", "zurich", "27", "of", "it"]),
        ("VGG-T^3 (2nd)", ["vgg", "t", "3", "2nd"]),
        ("Poincar\u00e9 poincare\u0301", ["poincare", "poincare"]),
        ("Größe İn ℂ𝐀", ["grosse", "in", "ca"]),  # noqa: RUF001 - signs are meant
        ("深度学习: 综述", ["深度学习", "综述"]),
        ("תורת הגרפים", ["תורת", "הגרפים"]),
        ("a\u2028b\u200bc\x00d", ["a", "b", "c", "d"]),
        ("?!", []),
        ("", []),
    ],
)
def test_words_of_a_title(title: str, found: list[str]) -> None:
    """Without case, accents, LaTeX and punctuation, in any script."""
    assert words(title) == found


@given(st.text(alphabet=st.characters(exclude_characters="\\{}$~`'")))
def test_words_are_those_of_the_key(title: str) -> None:
    """Put together they are the title's key, and each is its own word."""
    found = words(title)
    assert "".join(found) == title_key(title)
    assert all(words(word) == [word] for word in found)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Adam: A Method", ["adam:"]),
        ("Adam:A Method: Notes", ["adam:", "adamamethod:"]),
        ("Does It Grow? Yes! No. Perhaps", ["doesitgrow:", "doesitgrowyes:", "doesitgrowyesno:"]),
        ("Ice - A Tale", ["ice:"]),
        ("Ice \u2013 A Tale", ["ice:"]),
        ("Ice\u2014A Tale", ["ice:"]),
        ("Ice--A Tale", ["ice:"]),
        ("Ice --- A Tale", ["ice:"]),
        (r"\textsc{Ice}: A Tale", ["ice:"]),
        ("GPT-4", []),
        ("A GPT -4", []),
        ("Pre- and  Post-Training", []),
        ("Is It?Yes", []),
        ("Python 3.11", []),
        ("How Ice Grows.", []),
        ("?! : A Tale", []),
        ("How Ice Grows", []),
        ("", []),
    ],
)
def test_names_before_subtitles(title: str, names: list[str]) -> None:
    """What stands before each colon, dash, or end of a sentence, if there are letters in it; no key has such a mark."""
    assert name_keys(title) == names


@pytest.mark.parametrize(
    "written",
    ["Ada B. Lovelace", "A. Lovelace", "Lovelace, Ada", "LOVELACE, A. B.", r"\'Ada L\"ovelace", "Ada  Lövelace"],
)
def test_an_author_in_any_form(written: str) -> None:
    """The last name and the first initial, whichever stands first."""
    assert author_key(written) == ("lovelace", "a")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Plato", ("plato", "p")),
        ("Carl van der Eis", ("eis", "c")),
        ("van der Eis, Carl", ("eis", "c")),
        ("Lovelace, Ada, Countess", ("lovelace", "a")),
        ("李 明", ("明", "李")),
        ("", None),
        ("?,", None),
    ],
)
def test_names_of_other_kinds(written: str, key: tuple[str, str] | None) -> None:
    """One word is both; a name without letters is nobody's."""
    assert author_key(written) == key


# ------------------------------------------------------------ the identity

OPENING = "We study how the sharpness of minima relates to generalization in deep networks, and find that"


def test_id_of_a_title_alone() -> None:
    """Without an abstract, or with one of blanks or symbols, the id is the title's hash, for good."""
    assert title_id("SAM-Med2D", None) == "title:4f1fda3ef13dfc81"
    assert {title_id("SAM-Med2D", empty) for empty in ("", " \n", "...")} == {"title:4f1fda3ef13dfc81"}


def test_id_of_a_title_with_its_abstract() -> None:
    """The abstract's opening adds eight hex digits after a tilde, for good."""
    assert title_id("SAM-Med2D", OPENING) == "title:4f1fda3ef13dfc81~f7020f02"


@pytest.mark.parametrize(
    "copy",
    [
        OPENING.upper(),
        OPENING.replace(" ", "\n  "),
        OPENING.replace(" ", "  ").replace(",", " ,"),
        OPENING + " it helps. Code: https://huggingface.host/o/n",
        OPENING[:84],
        OPENING.replace("sharpness", r"{\em sharpness}"),
        OPENING.replace("sharpness", r"\textit{sharpness}"),
        OPENING.replace("sharpness", "$textbf{sharpness}$"),
        " " * 600 + OPENING,
    ],
)
def test_copies_of_a_listing_have_one_id(copy: str) -> None:
    """White space, case, LaTeX, a link at the end or a cut make no other paper of an abstract."""
    assert title_id("Sharp Minima", copy) == title_id("sharp  minima!", OPENING)


@pytest.mark.parametrize("other", [None, "Another text.", OPENING[:20], "x" + OPENING, "x" * 63, "x" * 64])
def test_other_abstracts_have_other_ids(other: str | None) -> None:
    """One title over two abstracts is two papers, as far as a listing can tell."""
    ids = {title_id("Sharp Minima", abstract) for abstract in (OPENING, other)}
    assert len(ids) == 2


def test_the_opening_is_64_letters_and_digits() -> None:
    """What differs in the 64th makes another paper, what differs in the 65th does not."""
    assert title_id("T", "x" * 63 + "a") != title_id("T", "x" * 63 + "b")
    assert title_id("T", "x" * 64 + "a") == title_id("T", "x" * 64 + "b")


def test_without_an_abstract_the_first_author_tells_papers_apart() -> None:
    """In whatever form the name stands, and for good; a name without letters tells nothing, nor do the others."""
    assert title_id("SAM-Med2D", None, ["Ada Lovelace", "B. Rime"]) == "title:4f1fda3ef13dfc81~b3141969"
    ids = {title_id("SAM-Med2D", "...", names) for names in (["Lovelace, A."], ["A. LOVELACE", "C. Snow"])}
    assert ids == {"title:4f1fda3ef13dfc81~b3141969"}
    assert title_id("SAM-Med2D", None, ["B. Lovelace"]) not in ids
    assert {title_id("SAM-Med2D", None, names) for names in ([], ["?"], None)} == {"title:4f1fda3ef13dfc81"}


def test_an_abstract_tells_more_than_the_author() -> None:
    """Where there is one, the names change nothing; no abstract opens as a name is marked."""
    assert title_id("T", OPENING, ["Ada Lovelace"]) == title_id("T", OPENING)
    assert title_id("T", None, ["Ada Lovelace"]) != title_id("T", "by:lovelace a")


def test_titles_of_symbols_have_ids_of_their_own() -> None:
    """Titles without a key are told apart by their raw text, and never hash to the id of a key."""
    ids = [title_id(title, None) for title in ("!?", "?!", "", "raw:!?", "\u2665")]
    assert len(set(ids)) == len(ids)
    assert title_id(" ! \n ?", None) == title_id("! ?", None)
    assert all(re.fullmatch(r"title:[0-9a-f]{16}", one) for one in ids)


# ------------------------------------------------------------- white space


@pytest.mark.parametrize(
    ("text", "collapsed"),
    [
        ("a b", "a b"),
        ("a  b", "a b"),
        (" a b", "a b"),
        ("a b ", "a b"),
        ("a\tb\r\nc", "a b c"),
        ("a\u00a0b\u2028c\u3000d\u0085e", "a b c d e"),
        ("\n", ""),
        ("", ""),
        (r"raw \% {x} -- \u2013", r"raw \% {x} -- \u2013"),
        ("soft\u00adhyphen", "soft\u00adhyphen"),
    ],
)
def test_white_space_is_collapsed_and_nothing_else(text: str, collapsed: str) -> None:
    """Runs of any white space become one blank, the ends lose theirs, all else stays."""
    assert collapse(text) == collapsed


@given(st.text(alphabet=st.characters() | st.sampled_from(" \n\u00a0\u2028")))
def test_collapse_is_split_and_join(text: str) -> None:
    """The short way for texts that need nothing gives what splitting and joining gives, once and for all."""
    assert collapse(text) == " ".join(text.split()) == collapse(collapse(text))


# ------------------------------------------------------------------- LaTeX

CLEANED = [
    (r"{\em dynamical stability}", "dynamical stability"),
    (r"hyper-parameter delta ({\delta})", "hyper-parameter delta (δ)"),
    (r"({\epsilon}, {\delta})-approximation", "(ε, δ)-approximation"),
    (r"learning process, \eg, from", "learning process, e.g., from"),
    (r"e.g., \textgreater 13B)", "e.g., >13B)"),
    (r"27\%", "27%"),
    (r"Dark Z\"urich", "Dark Zürich"),
    (" ``adaptivity gap''. ", ' "adaptivity gap". '),
    (' ``cluster assumption", ', ' "cluster assumption", '),
    ("\"unlearn'')", '"unlearn")'),
    ("`relevance' as", "'relevance' as"),
    ("Task~Arithmetic", "Task Arithmetic"),
    ("$textbf{specialist} and textbf{generalist}$", "specialist and generalist"),
    (r"to roughly \1 and training", "to roughly $1 and training"),
    (r"cost of \81", "cost of $81"),
    ("{without}", "without"),
    (r"R\&D", "R&D"),
    (r"vs.\ high-resolution", "vs. high-resolution"),
    (r"Network\ for", "Network for"),
    (r"\$OneMillion-Bench", "$OneMillion-Bench"),
    (r"\texttt{RealChart2Code}", "RealChart2Code"),
    # accents
    (r"Schr\"{o}dinger, Fr{\'e}chet, Amp\`ere, Erd\H{o}s", "Schrödinger, Fréchet, Ampère, Erdős"),
    (r"investiga\c{c}\~ao, Mar\v{c}enko, Sule\u{i}manova", "investigação, Marčenko, Suleĭmanova"),
    (r"na\"{\i}ve, Zl\'{\i}n, Garc\'\i a, M\=im\=a\d{m}s\=a", "naïve, Zlín, García, Mīmāṃsā"),
    (r"\^o \.z \r{a} \k{e} \"Ozg\"{U}r \^\j na\"\i. \'\i  a", "ô ż å ę ÖzgÜr ĵnaï. ía"),
    # letters
    (r"{\aa}{\ae}{\l}{\o}{\oe}{\ss}{\i}{\AA}{\AE}{\L}{\O}{\OE} H{\aa}stad", "åæłøœßıÅÆŁØŒ Håstad"),
    (r"{\Delta}-{\Lambda} {\varepsilon}, {\varphi}, 247{\mu}W", "Δ-Λ ε, φ, 247μW"),
    # fonts and groups
    (r"\textbf{a \emph{b} c} {\bf d} {\it{e}} \mathcal {O}(n)", "a b c d e O(n)"),
    (r"\textbf{x^{2}} and {a {b} c} and {{d}}", "x^{2} and a b c and d"),
    (r"{a {b {c} d} e}, {{{x}}} {a\} {b\} {c\} d} e} f}", r"a b c d e, x a\} b\} c\} d e f"),
    (r"\texttt{a\_b} {5\%} \emph{a\}b}", r"a_b 5% a\}b"),
    (r"$\mathrm{SL}_n(\mathbb{F}_p)$ and $L^{\mathrm{T}}$", "SL_n(F_p) and L^{T}"),
    # short forms, blanks, escapes
    (r"\ie, Chan \etal~(2012), \etc. Also \eg. this", "i.e., Chan et al. (2012), etc. Also e.g. this"),
    (r"\textless 5, \textgreater{}5, \textless5, \textgreater  5 \textless{} 5", "<5, >5, <5, >5 < 5"),
    (r"10\,000 \#1 a\_b \$5", "10 000 #1 a_b $5"),
    # dollars
    ("$k$-means, $$x$$, $O(n/k)$ and $x + y$", "k-means, x, O(n/k) and x + y"),
    (r"$3D$-$x$, $30$-$x$, $1 \leq i$, $y$ for $3 $z$", r"$3D$-x, $30$-x, $1 \leq i$, y for $3 z"),
    (r"\$a$b and $a\$ b", "$a$b and $a$ b"),
    (r"(\$A) and (\$B) and $c$", "($A) and ($B) and c"),
    # ties and quotes
    ("Fig.~3 of [5]~and (~10K), [~5, ~3%", "Fig. 3 of [5] and (~10K), [~5, ~3%"),
    ("``https://a.org/~b''", '"https://a.org/~b"'),
    (r"https://a.org\emph{b}~c", "https://a.orgb c"),
    ("the `best' and `Montezuma's Revenge'", "the 'best' and 'Montezuma's Revenge'"),
]
UNCHANGED = [
    r"we propose \method, a",
    "baseline by ~3% and",
    "less than $12 USD",
    "proptoleft(d/mright)^{1/2}",
    "R^3 and R^d",
    r"\textbf{Self-Reward Decoding) for",
    "sim 100.00%, leq 1K, 360^circ",
    "pages 3--5 --- a < b > c",
    r"x_{i}, x^{\alpha}, x_{\beta}, x_{\rm max}",
    r"\hat{\alpha}, \Hat{\alpha}, \'\int, \textlessx, \cite{x}, \sqrt[3]{x}, \frac{a}{b}, \method{}",
    r"sets \{a, b\} and {open",
    r"line\\ break \\% \\$ \\1 \\'e \\emph{x} \\eg \\, \\textless",
    r"\emphatic{x} \bfx \egg \textgreaterx \textsuperscript{2}",
    "from $3M to $300M, 5 $ and 6$ x",
    "`probably` the user`s task of users' kind, ```",
    "one ` stray' backtick",
    r"a ~ b\~ c \`1' d",
    "https://a.org/~user/x'y and http://a.org/$x$",
    r"https://a.org/a\_b\#c\&d\%e~c{label {here}} github.com/o/n~x{\em y}",
    "\uffff https://a.org/~b \uffff",
    "",
]


@pytest.mark.parametrize(("text", "clean"), CLEANED)
def test_latex_is_cleaned(text: str, clean: str) -> None:
    """What LaTeX would print, for the residue that real abstracts hold."""
    assert clean_latex(text) == clean


GREEK = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau
    upsilon phi chi psi omega
"""


def test_every_greek_letter_in_braces_is_cleaned() -> None:
    """The names of TeX give the alphabet in Unicode's order, the capitals too."""
    small = "".join(rf"{{\{name}}}" for name in GREEK.split())
    assert clean_latex(small) == "".join(map(chr, range(0x3B1, 0x3CA)))
    assert clean_latex(small.title()) == clean_latex(small).upper()


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_is_not_certain_stays(text: str) -> None:
    """Unknown commands, unbalanced braces, scripts, money, code and addresses are left as they are."""
    assert clean_latex(text) == text


@given(WORDS.map(" ".join), st.text(alphabet="\\{}$~`'^_%&1 \n", max_size=8), st.sampled_from(["", "{here}", r"\_x"]))
def test_addresses_survive_any_markup(words: str, markup: str, tail: str) -> None:
    """Whatever stands around it, an address comes out as it went in, its label and escapes with it."""
    address = f"https://a.org/~b/$c${tail}"
    assert address in clean_latex(f"{words} {markup} {address} {markup} {words}")


@given(st.text(alphabet=st.characters(exclude_characters="\\{}$~`'")))
def test_text_without_markup_is_returned_itself(text: str) -> None:
    """Where there is nothing to clean the very same string comes back."""
    assert clean_latex(text) is text


RESIDUE = [r"\textbf{a}", r"{\em b}", "$c$", r"27\%", "``d''", "`e'", "F~1", r"\eg", "{g}", r"Z\"urich", "H", "5"]


@given(st.lists(st.sampled_from(RESIDUE)).map(" ".join))
def test_clean_text_stays_clean(text: str) -> None:
    """Cleaning prose a second time changes nothing."""
    clean = clean_latex(text)
    assert clean_latex(clean) == clean


@given(st.lists(st.sampled_from([*"\\{}$~`'^_\"ae1 \uffff", "em ", "textbf", "https://"]), max_size=60).map("".join))
def test_any_markup_is_survived(text: str) -> None:
    """Broken LaTeX of any sort is read without an error, and no letter is invented."""
    letters = {c for c in unicodedata.normalize("NFD", clean_latex(text)) if c.isalpha()}
    assert letters <= {*text, "æ"}


def test_hostile_markup_is_cleaned_in_time() -> None:
    """Unclosed and nested braces by the thousand cost far below the minutes of a quadratic cleaning."""
    start = time.process_time()
    for piece in ("{", "{}", "{{}", r"\textbf{", r"{\em ", "$", "$a", "`a ", "https://a{", "\\"):
        clean_latex("{" + piece * 20_000)
    assert time.process_time() - start < 20


# ------------------------------------------------------------ search words


@pytest.mark.parametrize(
    ("title", "phrase"),
    [
        ("Attention Is All You Need", "Attention Is All You Need"),
        ("Only-IF:Revealing the Effect", "Only IF Revealing the Effect"),
        ("Human Preferences of Text-to-Image Synthesis", "Human Preferences of Text to Image Synthesis"),
        ('The Paradox: "What It Can (Not) Do" / R&D', "The Paradox What It Can Not Do R D"),
        ("Intra- & Extra-Source, AND / OR \u2013 NOT", "Intra Extra Source AND OR NOT"),
        (r"R\&D of {\em Deep} Nets", "R D of Deep Nets"),
        ("Where A \u2192 B\u2122 Go", "Where A B Go"),
        # the longest run of sure words; the first of two as long
        ("Schrödinger Bridges for Speech", "Bridges for Speech"),
        ("Deep Nets and Schrödinger Bridges for Speech", "Deep Nets and"),
        ("On Fr\u00e9chet Means in the Plane", "Means in the Plane"),
        ("Deep Fre\u0301chet Means", "Deep Frechet Means"),
        ("Show, Don't Tell: Games", "Tell Games"),
        ("Show, Don\u2019t Tell: Games", "Tell Games"),
        ("VGG-T^3: Offline Reconstruction", "Offline Reconstruction"),
        (r"$\beta$-VAE and its $x_i$ Kin", "and its"),
        (r"Tuning \method on $k$-means", "on k means"),
        ("Nets for $5 in It", "Nets for"),
        ("For Closed} Sets and", "Sets and"),
        ("Eﬃcient Gröbner", "Efficient Grobner"),
        ("Nets over {open Sets of x\u00b2 Kind of It", "Kind of It"),
        # all words where no two are sure
        ("Müller", "Muller"),
        ("Müller's Law", "Muller s Law"),
        ("Poincaré Größe", "Poincare Gro e"),
        ("BERT für Größe", "BERT fur Gro e"),
        ("Transformers", "Transformers"),
        ("0", "0"),
        ("深度学习 BERT", "BERT"),
        ("深度学习", None),
        ("... !?", None),
        ("", None),
        (" ".join(map(str, range(99))), " ".join(map(str, range(30)))),
    ],
)
def test_search_phrase(title: str, phrase: str | None) -> None:
    """Words whose spelling is sure, run together as they stand in the title, without punctuation."""
    assert search_phrase(title) == phrase


@given(st.text() | WORDS.map("-".join))
def test_search_phrase_is_plain_ascii(title: str) -> None:
    """Nothing that the query language reads as an operator ever comes out, and never more than 30 words."""
    phrase = search_phrase(title)
    assert phrase is None or re.fullmatch(r"[A-Za-z0-9]+( [A-Za-z0-9]+){0,29}", phrase)


# ------------------------------------------------------------ the real thing


@pytest.fixture(scope="module")
def seeds(shared: Path) -> list[tuple[str, str]]:
    """Title and abstract of each record of the text copies: an abstract is a long block, a title the one before."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((shared / "seeds").glob("*.txt"))]
    return [pair for text in texts for pair in pairwise(text.split("\n\n")) if len(pair[1]) > 1000]


@pytest.fixture(scope="module")
def index(shared: Path) -> Mapping[str, set[str]]:
    """The ids of 559,230 titles by key."""
    ids: defaultdict[str, set[str]] = defaultdict(set)
    with gzip.open(shared / "data" / "titles_all.tsv.gz", "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            one, title = line.split("\t", 1)
            ids[title_key(title)].add(one)
    return dict(ids)


@pytest.mark.corpus
def test_seed_records_that_are_cleaned(seeds: list[tuple[str, str]]) -> None:
    """43 of the 339 records, 29 papers, change under clean_latex; no title does; all stay clean."""
    changed = [title for title, abstract in seeds if clean_latex(abstract) != abstract]
    assert (len(seeds), len(changed), len(set(changed))) == (339, 43, 29)
    assert all(clean_latex(title) == title for title, _ in seeds)
    assert all(clean_latex(clean_latex(abstract)) == clean_latex(abstract) for _, abstract in seeds)


@pytest.mark.corpus
def test_seed_records_have_the_ids_of_their_papers(seeds: list[tuple[str, str]]) -> None:
    """244 papers, 244 ids, though one abstract differs between two copies in the host of its link."""
    assert len({title_id(title, abstract) for title, abstract in seeds}) == 244
    assert len({title_id(title, abstract) for title, abstract in seeds} | {title_id(t, None) for t, _ in seeds}) == 488


@pytest.mark.corpus
def test_keys_of_real_titles(index: Mapping[str, set[str]]) -> None:
    """Of 559,230 titles none has the empty key, and 419 of their 558,719 keys are shared by papers."""
    assert (len(index), "" in index) == (558_719, False)
    assert sum(len(ids) > 1 for ids in index.values()) == 419


@pytest.mark.corpus
def test_seed_titles_are_found_by_key(seeds: list[tuple[str, str]], index: Mapping[str, set[str]]) -> None:
    """239 of the 244 titles hit one id, the five that were changed between versions hit none."""
    hits = Counter(len(index.get(title_key(title), ())) for title in {title for title, _ in seeds})
    assert hits == {1: 239, 0: 5}


@pytest.mark.corpus
def test_hard_titles_are_never_taken_for_another(shared: Path, index: Mapping[str, set[str]]) -> None:
    """A key that hits one id hits the right one, and other spellings of a title are all found."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for line in (shared / "data" / "truth" / "hard_titles.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        hits = index.get(title_key(case["query_title"]), set()) - {case.get("removed_id")}
        assert len(hits) != 1 or hits == {case["right_id"]}
        found[case["kind"]].append(hits == {case["right_id"]})
    assert Counter(found["latex_to_unicode"]) == {True: 19, False: 4}
    for kind in ("latex_removed", "accents_folded", "case", "case_punct", "one_token", "name_version"):
        assert all(found[kind]), kind
