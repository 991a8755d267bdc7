"""Write the table of the README: four scenarios and five methods of `results/summary.md`.

python tools/write_readme_table.py
"""

import re
from pathlib import Path

from simbench.core.text import markdown_table

ROOT = Path(__file__).parents[1]
SCENARIOS = ("firing-types", "firing-types-matched", "excitation", "topologies")
METHODS = ("best linear", "avae-published", "spectrum", "window-discriminants", "avae")
TABLE = re.compile(r"^\| scenario \|.*\n(?:\|.*\n)+", re.MULTILINE)


def short_table(summary: str) -> str:
    """Lines and columns of the summary's table, each cell as it stands there."""
    table = [line for line in summary.splitlines() if line.startswith("|")]
    header, _, *lines = (line.strip("| ").split(" | ") for line in table)
    cells = {line[0]: dict(zip(header, line)) for line in lines}
    columns = ["scenario", "target", "chance", *METHODS, "spikes"]
    chosen = [[cells[name][column] for column in columns] for name in SCENARIOS]
    return markdown_table(columns, chosen, n_text=2)


def main() -> None:
    """Replace the table in the README."""
    summary = (ROOT / "results" / "summary.md").read_text(encoding="utf-8")
    readme = ROOT / "README.md"
    text = TABLE.sub(short_table(summary), readme.read_text(encoding="utf-8"), count=1)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
