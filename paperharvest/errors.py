"""What the command line says of an error."""


class ConfigError(Exception):
    """A setting is wrong; the text names it, where it stands, and what would be right."""
