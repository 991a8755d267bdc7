"""The one error that is meant for people."""


class SimbenchError(ValueError):
    """Bad input. The message is one line: what is wrong, where, and what is allowed.

    Whatever the input holds, the message stays one printable line.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        super().__init__(
            "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
        )


def needs_extra(extra: str) -> str:
    """What to do where an extra is missing; on PyPI "simbench" is another project."""
    return f"needs `pip install '.[{extra}]'` in a clone of simbench"
