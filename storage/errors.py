"""What can go wrong with the database: one error, whose text is a sentence that says what to do."""


class StorageError(Exception):
    """The database cannot be reached, started or written to."""
