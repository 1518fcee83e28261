"""What can go wrong with what we store: an error is a sentence that says what to do."""


class ReaderGone(Exception):
    """Whoever reads our output has enough. Not a BrokenPipeError: Typer takes those for errors and exits with 1."""


class StorageError(Exception):
    """The database cannot be reached, started or written to."""
