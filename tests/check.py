"""`python -m tests.check`: everything that is checked without running the product. Red means stop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("crawler", "enrich", "storage", "paperharvest")
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("deptry", "."),
    ("vulture",),
    ("pytest", "-q", "tests/test_structure.py"),
)


def main() -> int:
    """Run every check, also after one that failed; 1 if any did."""
    failed = [check[0] for check in CHECKS if not _passes(check)]
    print(f"check: {', '.join(failed)} failed" if failed else "check: all passed")  # noqa: T201 - its output
    return 1 if failed else 0


def _passes(check: tuple[str, ...]) -> bool:
    return subprocess.run([sys.executable, "-m", *check], cwd=ROOT, check=False).returncode == 0  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
