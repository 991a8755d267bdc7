"""The one error that is meant for people, and its words for what pydantic finds.

Every function of simbench that takes a file, a name or a number from a person raises SimbenchError
if it can't use it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError


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
    """What to do where an extra is missing; the index has no simbench-calcium yet."""
    return f"needs `pip install '.[{extra}]'` in a clone of simbench"


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Context of imports that an extra brings."""
    try:
        yield
    except ImportError:
        raise SimbenchError(f"{what} {needs_extra(extra)}") from None


def first_problem(error: ValidationError) -> str:
    """What pydantic found first: which key, which value, what is allowed."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])[:100]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{where}'"
    if problem["type"] == "missing":
        return f"missing key '{where}'"
    if problem["type"] == "value_error":
        return f"{where}: {message}" if where else message
    return f"{where} = {problem['input']!r:.100}: {message[0].lower()}{message[1:]}"
