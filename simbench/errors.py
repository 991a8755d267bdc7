"""The one error that is meant for people."""


class SimbenchError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and what is allowed."""
