r"""Titles and abstracts as digests print them: a key to match by, a clean form to show, words to search.

Digests copy what authors typed for arXiv, so half-rendered LaTeX is common: `27\%`, `{\em x}`, `Z\"urich`,
even `textbf{x}` whose backslash a page has lost. Stored is the raw text; all this is computed from it.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from itertools import groupby, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Where an address starts: at its scheme, or at the bare host of a code forge ("see github.com/o/n"), but not
# inside a longer host, a path, an e-mail address or a word. `links` reads addresses, clean_latex spares them.
ADDRESS_START = r"(?:https?://|(?<![\w./@-])(?:github\.com|gitlab\.com|huggingface\.co|hf\.co)/)"

_NAME_END = r"(?![A-Za-z])"  # of a command

# Commands that change the look of text and nothing else: of their argument, \textbf{x} ...
_STYLED = (
    r"(?:text(?:bf|it|md|normal|rm|sc|sf|sl|tt|up)?|math(?:bb|bf|cal|frak|it|rm|scr|sf|tt)"
    r"|emph|underline|boldsymbol|bm|mbox)"
)
# ... or of the rest of their group, {\bf x}.
_SWITCH = r"(?:bf(?:series)?|it(?:shape)?|tt|sc|sf|sl|rm|em|cal)"
_STYLE = re.compile(rf"\\(?:{_STYLED}|{_SWITCH}){_NAME_END}")


_ASCII_MARKS = {code: None for code in range(128) if not chr(code).isalnum()}


def title_key(title: str) -> str:
    """What spellings of one title share: its letters and digits, without case, accents and font commands.

    Empty for a title of symbols alone; titles with the empty key have nothing in common.
    """
    plain = _STYLE.sub("", title) if "\\" in title else title
    if plain.isascii():  # nine in ten, at a tenth of the price
        return plain.lower().translate(_ASCII_MARKS)
    return "".join(filter(str.isalnum, _folded(plain)))  # no combining mark is alphanumeric: accents go too


def _folded(text: str) -> str:
    """Without case, which signs that stand for letters have only once they are letters."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def spellings(title: str) -> tuple[str, ...]:
    r"""Every key that copies of one title may have: its own, and that with its commands as the letters they print.

    One side may spell out a sign or a letter (`\times`, `$\alpha$`) that the other one shows or has lost.
    """
    key = title_key(title)
    if "\\" not in title:
        return (key,)
    return tuple(dict.fromkeys((key, title_key(_NAMED.sub(_as_letter, title)))))


def words(title: str) -> list[str]:
    """The words of a title without case, accents, LaTeX and punctuation."""
    plain = clean_latex(title)
    plain = plain.lower() if plain.isascii() else _without_marks(_folded(plain))
    return re.findall(r"[^\W_]+", plain)


# What stands between a title, or the name of a method, and its subtitle.
SUBTITLE = re.compile(r":|[?!.](?=\s)|\s-\s|[\u2013\u2014]|--+")


MOST_NAMES = 8  # of a title: bounds what a text that is none costs


def name_keys(title: str) -> list[str]:
    """The keys of the title's beginnings before each subtitle, marked by a colon, which no title's key holds."""
    ends = [match.start() for match in islice(SUBTITLE.finditer(title), MOST_NAMES)]
    return [f"{key}:" for end in ends if (key := title_key(title[:end]))]


def title_hash(title: str) -> str | None:
    """16 hex digits that stand for the title's key; None for the empty key."""
    key = title_key(title)
    return _hex(key, 16) if key else None


def title_id(title: str, abstract: str | None, authors: Sequence[str] | None = None) -> str:
    """The identity of a paper without an arXiv id: `title:<hash>`, then `~<hash>` of how its abstract opens.

    Without an abstract its first author stands there. It follows from the listing alone, whatever was read before,
    and keeps two papers under one title apart.
    A title with the empty key goes by its raw text, marked by a colon, which no key holds.
    """
    identity = f"title:{title_hash(title) or _hex(f'raw:{collapse(title)}', 16)}"
    opening = abstract_opening(abstract) if abstract else ""
    first = author_key(authors[0]) if authors else None
    mark = opening or (f"by:{' '.join(first)}" if first else "")
    return f"{identity}~{_hex(mark, 8)}" if mark else identity


def author_key(written: str) -> tuple[str, str] | None:
    """The last name and the first initial: of "Ada B. Lovelace", "A. Lovelace" and "Lovelace, Ada" alike."""
    last, _, first = written.partition(",")
    each = words(f"{first} {last}")
    return (each[-1], each[0][0]) if each else None


def abstract_opening(abstract: str) -> str:
    """The start of an abstract's key: copies of one abstract differ in LaTeX, in links and in their end."""
    return title_key(clean_latex(collapse(abstract)[:512]))[:64]


def _hex(text: str, digits: int) -> str:
    return sha256(text.encode()).hexdigest()[:digits]


def collapse(text: str) -> str:
    """The text with each run of white space (also NBSP, U+2028 ...) as one blank, and none at its ends."""
    # No white space but the plain blank is printable: what needs little is told without splitting it.
    flat = text.replace("\n", " ").strip()
    return flat if flat.isprintable() and "  " not in flat else " ".join(text.split())


# What stands between two braces that match: plain text, escapes, and groups in turn, two levels down.
# Possessive (*+), so that an unclosed brace costs no backtracking.
_PLAIN = r"[^{}\\]|\\."
_INSIDE = rf"(?:{_PLAIN}|\{{(?:{_PLAIN}|\{{(?:{_PLAIN})*+\}})*+\}})*+"

# Addresses are held back while the rules run, each with the {label} that \href leaves glued to it.
# The placeholder, by Unicode's word no character, is held back as well: a text that has one keeps it.
_HELD = "\uffff"
_SPARED = re.compile(
    rf"({_HELD}|{ADDRESS_START}(?:[^\s{{}}\\']|\\[_#&%])*+(?:\{{{_INSIDE}\}})?)", re.IGNORECASE | re.DOTALL
)

# The commands of accents, and the combining marks that they set.
_ACCENTS = dict(
    zip(
        "`'^~=u.\"rHvdck",
        "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0323\u0327\u0328",
        strict=True,
    )
)
# Greek in Unicode's order, from U+03B1; \varsigma is the final sigma.
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma"
    " tau upsilon phi chi psi omega"
)
_LETTERS = {name: chr(0x3B1 + place) for place, name in enumerate(_GREEK.split())}
_LETTERS |= {name.title(): letter.upper() for name, letter in _LETTERS.items()}
_LETTERS |= {"aa": "å", "ae": "æ", "i": "\u0131", "l": "ł", "o": "ø", "oe": "œ", "ss": "ß"}
_LETTERS |= {"AA": "Å", "AE": "Æ", "L": "Ł", "O": "Ø", "OE": "Œ"}
_NAMED = re.compile(r"\\([A-Za-z]+)")
_SHORT = {"eg": "e.g.", "ie": "i.e.", "etal": "et al.", "etc": "etc."}
_SIGNS = {"greater": ">", "less": "<"}

# A backslash that starts a command; one after another is half of a line break. Behind the literal that a
# search finds fast, not before it, as all that looks behind in the rules.
_COMMAND = r"\\(?<!\\\\)"
# Braces that are a font command's, or nobody's: not the argument of another command (its backslash may be
# lost), nor a script.
_BRACED = re.compile(
    rf"(?:{_COMMAND}(?:{_STYLED}|{_SWITCH})\s*|(?<![\w\\]){_STYLED})\{{(?P<argument>{_INSIDE})\}}"
    rf"|\{{(?<![\w\\^}}\]]\{{)(?:\\{_SWITCH}{_NAME_END}\s*)?(?P<group>{_INSIDE})\}}",
    re.DOTALL,
)


def _accented(match: re.Match[str]) -> str:
    letter = match["braced"] or match["dotless"] or match["plain"]
    return unicodedata.normalize("NFC", letter + _ACCENTS[match["accent"]])


def _letter(match: re.Match[str]) -> str:
    return _named(match["name"] or "") or match[0]


def _as_letter(match: re.Match[str]) -> str:
    return _named(match[1]) or ""


def _named(name: str) -> str | None:
    return _LETTERS.get(name) or _LETTERS.get(name.removeprefix("var"))


def _unbraced(match: re.Match[str]) -> str:
    return _BRACED.sub(_unbraced, match["argument"] or match["group"] or "")


# In the order of use.
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # \"u, \"{u}, {\"u}, \c{c}, \'{\i}, \'\i
    (
        re.compile(
            rf"(?:(?P<open>\{{)\\|{_COMMAND})(?P<accent>[\"'`^~=.]|[Hcdkruv](?=\{{))"
            rf"(?:\{{\\?(?P<braced>[A-Za-z])\}}|\\(?P<dotless>[ij]){_NAME_END}\s*|(?P<plain>[A-Za-z]))(?(open)\}})"
        ),
        _accented,
    ),
    # {\delta}, {\o}; the braces of a command (\hat{\alpha}) and of a script (x_{\alpha}) are passed over
    (re.compile(r"(?:\\[A-Za-z]+|[\^_])\{|\{\\(?P<name>[A-Za-z]+)\}"), _letter),
    (_BRACED, _unbraced),
    # these macros of conference styles set a dot of their own unless one follows
    (re.compile(rf"{_COMMAND}(eg|ie|etal|etc){_NAME_END}\.?"), lambda match: _SHORT[match[1]]),
    # a command made of letters swallows the white space after it, or {} that keeps the blank
    (re.compile(rf"{_COMMAND}text(greater|less){_NAME_END}(?:\{{\}}|\s*)"), lambda match: _SIGNS[match[1]]),
    # $x$, $$x$$. With a digit first it may be money, escaped it is; with blanks at the ends it would be the
    # gap between two pairs.
    (
        re.compile(r"\$(?<!\\\$)(?:\d[^\s$]*\$|(\$?)(?![\s\d])([^$]++)(?<![\s\\])\$\1)"),
        lambda match: match[2] or match[0],
    ),
    (re.compile(rf"{_COMMAND}([%&#_$])"), r"\1"),
    # a page that took the "\$1" of an abstract for a group reference prints "\1"
    (re.compile(rf"{_COMMAND}(?=[0-9])"), "$"),
    (re.compile(rf"{_COMMAND}[\s,]"), " "),
    # a tie between words; after a blank or an opening bracket it says "about"
    (re.compile(r"~(?<=[^\s\\(\[]~)"), " "),
    (re.compile(r"``(?<!```)(?!`)|''"), '"'),
    # `quoted', but neither `code`, nor an apostrophe, nor a lost accent
    (re.compile(r"`(?<![\w\\]`)(?=\S[^`]*'(?!\w))"), "'"),
)


def clean_latex(text: str) -> str:
    r"""The text as LaTeX would print it, as far as that is certain.

    Known accents, letters, font commands, escapes, ties, quotes, paired dollars and bare braces are resolved.
    Unknown commands (an author's \method), unbalanced braces and addresses stay as they are.
    """
    if not any(mark in text for mark in ("\\", "{", "$", "~", "`", "''")):
        return text
    prose = _SPARED.split(text)
    addresses = iter(prose[1::2])
    text = _HELD.join(prose[::2])
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return re.sub(_HELD, lambda _: next(addresses), text)


# ASCII that the index may hold in another spelling: apostrophes ("dont", "don t") and TeX that is left over.
UNSURE = frozenset("'\u2019\\{}$^_")
_PHRASE_WORDS = 30  # bounds the query; no title needs more to be told from all others


def search_phrase(title: str) -> str | None:
    """The words of a title for a phrase search at arXiv, `ti:"..."`: only ASCII letters, digits and blanks.

    They are the longest run of words whose spelling is sure (a phrase finds any words that stand together);
    where that is a lone word or none, all words, folded to ASCII. None where nothing is left.
    Punctuation harms: "-" excludes, ":" names a field, brackets and non-ASCII letters are refused.
    """
    cleaned = clean_latex(title)
    runs = [_words(" ".join(run)) for sure, run in groupby(cleaned.split(), key=_is_sure) if sure]
    words = max(runs, key=len, default=[])
    if len(words) <= 1:
        words = max(words, _words(_without_marks(cleaned)), key=len)
    return " ".join(words[:_PHRASE_WORDS]) or None


def _is_sure(word: str) -> bool:
    """Whether an index is certain to hold the word as it stands, but for punctuation and symbols."""
    return UNSURE.isdisjoint(word) and all(c.isascii() or unicodedata.category(c)[0] in "PS" for c in word)


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9]+", text)


def _without_marks(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
