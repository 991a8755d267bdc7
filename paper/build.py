"""Build the paper: numbers, tables and figures from the committed rows, then the PDF.

python paper/build.py            # stops at the first number that no row gives
python paper/build.py --draft    # marks what is missing instead
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import typst
from facts import facts, figures
from proofs import proofs
from reality import reality

from simbench.core.errors import SimbenchError
from simbench.report.style import save

PAPER = Path(__file__).parent
RESULTS = PAPER.parent / "results"
COPIED = ("cultures", "ranks")  # figures of simbench validate


def collect(results: Path, home: Path = PAPER) -> None:
    """Write the numbers, tables and figures that the text names.

    Parameters
    ----------
    results : Path
        Folder of the committed rows.
    home : Path
        Folder of the text; its subfolder ``generated`` takes what is made for it.
    """
    drawn = figures(results)
    copied = [results / "validation" / f"{name}.png" for name in COPIED]
    copied = [file for file in copied if file.is_file()]
    there = sorted([*drawn, *(file.stem for file in copied)])
    known = facts(results) | {"proofs": proofs(), "reality": reality(results), "figures": there}
    made = home / "generated"
    made.mkdir(exist_ok=True)
    for old in (*made.glob("*.svg"), *made.glob("*.png")):
        old.unlink()
    with mpl.rc_context({"svg.fonttype": "path"}):  # typst has not the fonts of a browser
        for name, figure in drawn.items():
            save(figure, made / f"{name}.svg")
    for file in copied:
        shutil.copyfile(file, made / file.name)
    (made / "facts.json").write_text(json.dumps(known, indent=1), encoding="utf-8")


def typeset(out: Path, is_draft: bool, home: Path = PAPER, **options: Any) -> None:
    """Typeset the text with what was collected for it.

    Parameters
    ----------
    out : Path
        PDF; or a PNG for each page, with ``{p}`` in its name.
    is_draft : bool
        Whether to mark what is missing in the text, instead of refusing.
    home : Path
        Folder of the text.

    Raises
    ------
    SimbenchError
        If the text names a number, table or figure that no row gives.
    """
    source, inputs = home / "simbench.typ", {"draft": str(is_draft).lower()}
    try:
        typst.compile(source, output=out, root=home, sys_inputs=inputs, **options)
    except typst.TypstError as error:
        missing = re.search(r"panicked with: \"?(.*?)\"?$", str(error.message))
        why = missing[1].replace("\\", "") if missing else error.message
        hint = "; --draft marks what is missing" if missing else ""
        raise SimbenchError(f"{source.name}: {why}{hint}") from None


def main() -> None:
    """Command line: bad results are one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draft", action="store_true", help="mark what is missing")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    parser.add_argument("--out", type=Path, default=PAPER / "simbench.pdf", metavar="FILE")
    parser.add_argument("--pages", type=Path, metavar="DIR", help="put the pages there as PNG")
    chosen = parser.parse_args()
    try:
        collect(chosen.results)
        typeset(chosen.out, chosen.draft)
        if chosen.pages:
            chosen.pages.mkdir(parents=True, exist_ok=True)
            typeset(chosen.pages / "page-{p}.png", chosen.draft, ppi=90)
    except SimbenchError as error:
        print(f"paper: {error}", file=sys.stderr)
        sys.exit(2)
    print(chosen.out)


if __name__ == "__main__":
    main()
