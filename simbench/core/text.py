"""Numbers as people read them, and Markdown tables."""

import math
from collections.abc import Collection, Iterable, Sequence

MISSING = "–"


def number(value: float, form: str = ".2f") -> str:
    """A number as people read it; a dash if it is missing, and no minus before a rounded zero."""
    if not math.isfinite(value):
        return MISSING
    text = format(value, form)
    return text if any(c in text for c in "123456789") else text.replace("-", "")


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, two figures."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{number(seconds, '.2g')} s" if math.isfinite(seconds) else MISSING


def memory(megabytes: float) -> str:
    """Megabytes or gigabytes."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if math.isfinite(megabytes) else MISSING


def count(value: float) -> str:
    """A count: 912, 31 k, 4.2 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:  # not 1000 of the smaller unit
            return f"{value / size:.3g} {unit}"
    return number(value, ".0f")


def counted(n: int, noun: str) -> str:
    """A number of things: "1 neuron", "2 neurons"."""
    return f"{n} {noun}{'s' * (n != 1)}"


def span(values: Collection[float]) -> str:
    """The lowest and the highest number, or the only one: "5 to 20"."""
    low, high = (
        f"{value:.0f}" if value % 1 == 0 else f"{value:g}" for value in (min(values), max(values))
    )
    return low if low == high else f"{low} to {high}"


def markdown_table(
    header: Sequence[str], lines: Iterable[Sequence[object]], n_text: int = 1
) -> str:
    """A Markdown table, its cells escaped; columns from the ``n_text``-th on hold numbers."""
    rule = ["---"] * n_text + ["---:"] * (len(header) - n_text)
    escaped = [[str(cell).replace("|", "\\|") for cell in line] for line in (header, *lines)]
    escaped.insert(1, rule)
    return "".join("| " + " | ".join(line) + " |\n" for line in escaped)
