"""What `paperharvest --help` costs, as a ratio to the least that Python costs: `python -c pass`.

    python -m benchmarks.startup        exit status 1 when a bar is missed

All take turns in every round; CPU time of the processes, medians.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

ROUNDS = 15
BINARY = str(Path(sys.executable).with_name("paperharvest"))
FLOOR = [sys.executable, "-c", "pass"]
BARS = {"--help": 18.0, "run --help": 18.0}


def seconds(command: list[str]) -> float:
    """CPU time of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own binary
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the table; the exit status."""
    commands = [FLOOR, *([BINARY, *name.split()] for name in BARS)]
    floor, *others = zip(*([seconds(command) for command in commands] for _ in range(ROUNDS)), strict=True)
    measured = [median(one) / median(floor) for one in others]
    print(f"{ROUNDS} rounds        ratio   bar")
    for (name, bar), ratio in zip(BARS.items(), measured, strict=True):
        print(f"{name:15}{ratio:7.1f}{bar:6.1f}{'' if ratio <= bar else '   missed'}")
    return int(any(ratio > bar for bar, ratio in zip(BARS.values(), measured, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
