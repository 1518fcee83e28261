"""`python -m tests.standin`: run the stand-in, alone or around a command."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tests.standin.corpus import SMALL
from tests.standin.server import running

SENTENCE = "All citation counts, stars and other figures of this server are invented."
NOT_FOUND = 127


def main(arguments: list[str]) -> int:
    """Run the stand-in; the exit status is the command's."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    own, command = arguments[:place], arguments[place + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m tests.standin",
        usage="%(prog)s [options] [-- COMMAND...]",
        description="A local server that speaks what the providers speak. " + SENTENCE,
        epilog="With a COMMAND: run it against the server and exit with its exit status. Without: print the "
        "settings that lead to the server, and serve until interrupted.",
    )
    parser.add_argument("--corpus", type=Path, default=SMALL, help="papers, .jsonl or .jsonl.gz (default: a dozen)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail, e.g. 0.08")
    parser.add_argument("--seed", type=int, default=0, help="which requests fail, and how")
    options = vars(parser.parse_args(own))
    if not options["corpus"].is_file():
        parser.error(f"{options['corpus']} is no file")
    with running(**options) as server:
        return _run(command, server.environment()) if command else _show(server.environment())


def _show(environment: dict[str, str]) -> int:
    """Print the settings and wait for an interrupt."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lines = [f"# {SENTENCE}", *(f"{name}={value}" for name, value in environment.items())]
    with suppress(KeyboardInterrupt):
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command that stands beside this interpreter or on PATH."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which(command[0], path=beside) or shutil.which(command[0])
    if program is None:
        sys.stderr.write(f"{command[0]} is neither on PATH nor in {beside}\n")
        return NOT_FOUND
    sys.stderr.write(f"{SENTENCE}\n")
    child = subprocess.Popen([program, *command[1:]], env=os.environ | environment)  # noqa: S603 - the user's own command
    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal sends it to the command as well
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
