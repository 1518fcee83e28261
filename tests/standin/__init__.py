"""A local server that speaks what the providers speak, over a corpus of papers; all its counts are invented.

In an event loop `async with serve(...) as server`, elsewhere `with running(...) as server`, in a shell
`python -m tests.standin -- COMMAND...`. `server.environment()` leads paperharvest to it, `server.log` tells
what was asked for and when.
"""

from tests.standin.corpus import SMALL, Corpus, load
from tests.standin.faults import KINDS
from tests.standin.huggingface import CHALLENGE, LOGIN, entry
from tests.standin.invented import invented_citations, invented_repository, known_to, renamed
from tests.standin.server import PROVIDERS, Server, running, serve
from tests.standin.wire import HTML, Answer, answer_json
from tests.standin.world import Options, Seen

__all__ = [
    "CHALLENGE",
    "HTML",
    "KINDS",
    "LOGIN",
    "PROVIDERS",
    "SMALL",
    "Answer",
    "Corpus",
    "Options",
    "Seen",
    "Server",
    "answer_json",
    "entry",
    "invented_citations",
    "invented_repository",
    "known_to",
    "load",
    "renamed",
    "running",
    "serve",
]
