"""Answer a pull request that adds a submission: its scores, or the one line of what is wrong.

SIMBENCH_ROUND_SEED=... python tools/answer_submission.py PROPOSED ACCEPTED answer.md

PROPOSED and ACCEPTED are the folders `submissions` of the pull request and of the main branch, with
one folder for each scenario. The proposed one is read as data: nothing of it is run or imported.
"""

import os
import re
import sys
import traceback
from pathlib import Path

from simbench import SimbenchError, load_scenario
from simbench.scenario.scenario_file import available_scenarios
from simbench.submission import read_submission, score_submission
from simbench.submission.card import name_key

SEED = "SIMBENCH_ROUND_SEED"
_COLUMNS = ["target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"]


def answer(proposed: Path, accepted: Path, seed: int) -> str:
    """Scores of the one new submission, in Markdown.

    Raises
    ------
    SimbenchError
        If there is not one new file, it is malformed, or its name is taken.
    """
    file = new_file(proposed, accepted)
    scenario = file.parent.name
    if scenario not in available_scenarios():
        raise SimbenchError(f"{scenario}/{file.name}: expected is the folder of a scenario")
    submission = read_submission(file)
    card, name = submission.card, submission.card.name
    for path in sorted((accepted / scenario).glob("*.zip")):
        other = read_submission(path).card
        is_other_level = other.name == name and other.scenario_digest != card.scenario_digest
        if name_key(other.name) == name_key(name) and not is_other_level:
            raise SimbenchError(f"'{name}' is the name of {path.name} already; choose another one")
    rows = score_submission(submission, load_scenario(scenario), seed)
    shown = rows.loc[rows["probe"] != "none", _COLUMNS].map(
        lambda cell: f"{cell:.3f}" if isinstance(cell, float) else str(cell)
    )
    lines = [_COLUMNS, ["---"] * len(_COLUMNS), *shown.to_numpy().tolist()]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"**{name}** on {scenario}, this round's cultures:\n\n{table}\n"


def new_file(proposed: Path, accepted: Path) -> Path:
    """The one file of the proposed folder that the accepted one lacks."""
    found = [
        path
        for path in sorted(proposed.rglob("*.zip"))
        if not path.is_symlink() and not _same(path, accepted / path.relative_to(proposed))
    ]
    if len(found) != 1:
        raise SimbenchError(f"{len(found)} new or changed .zip files; expected is one")
    (file,) = found
    if not re.fullmatch(
        r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+\.zip", file.relative_to(proposed).as_posix()
    ):
        raise SimbenchError("a file is to have a name of letters, digits, _ and -, in one folder")
    if (accepted / file.relative_to(proposed)).exists():
        raise SimbenchError(f"{file.name} is there already; give a new file another name")
    return file


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and path.read_bytes() == other.read_bytes()


def main() -> int:
    """Write the answer, in which the seed never stands; exit code 1 if there are no scores."""
    proposed, accepted, out = map(Path, sys.argv[1:])
    seed, code = os.environ.get(SEED, "").strip(), 1
    try:
        if not re.fullmatch("[1-9][0-9]*", seed):
            seed = "(secret)"  # what is set in its place is not repeated either
            raise SimbenchError(f"{SEED} is no whole number; a maintainer has to set it")
        text, code = answer(proposed, accepted, int(seed)), 0
    except SimbenchError as error:
        text = f"Not scored: {' '.join(str(error).split())}\n"
    except Exception as error:
        text = f"Not scored: {type(error).__name__}, which a maintainer has to look into\n"
        print(traceback.format_exc().replace(seed, "(secret)"), file=sys.stderr)
    text = text.replace(str(proposed), "submissions").replace(seed, "(secret)")
    out.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
