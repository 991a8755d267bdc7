"""Commands about latents made elsewhere: score, accept, submit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import simbench
from simbench.cli.common import Jobs, Recordings, Seed, app, print_frame, scenario_names

if TYPE_CHECKING:
    from pandas import DataFrame

ScenarioOption = Annotated[
    str, typer.Option("--scenario", help="Name or .toml file.", autocompletion=scenario_names)
]

LatentsFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="LATENTS",
        help="Latents: .npz, or .zip of .npy files; one for each part of a cross-fitted scenario.",
    ),
]


@app.command(epilog="Example: simbench score latents.npz --scenario quickstart")
def score(
    files: LatentsFiles,
    scenario: ScenarioOption = "quickstart",
    card: Annotated[Path | None, typer.Option("--card", help="Method card, TOML.")] = None,
    seed: Seed = 0,
    n_jobs: Jobs = -1,
    recordings: Recordings = None,
) -> None:
    """Score latents made elsewhere by the same rules as every method."""
    from simbench.submission import read_card, score_latents

    chosen = _chosen(scenario)
    _print_scores(score_latents(files, chosen, seed, read_card(card) if card else None, n_jobs))


@app.command(epilog="Example: simbench accept submission.zip --scenario quickstart --out board")
def accept(
    file: Annotated[Path, typer.Argument(metavar="SUBMISSION", help="From `simbench submit`.")],
    scenario: ScenarioOption = "quickstart",
    seed: Seed = 0,
    n_jobs: Jobs = -1,
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("runs"),
    recordings: Recordings = None,
) -> None:
    """Score a submission and put it on the board, if its name is not taken."""
    from simbench.submission import accept_submission

    chosen = _chosen(scenario)
    _print_scores(accept_submission(file, chosen, out / chosen.name, seed, n_jobs))


@app.command(epilog="Example: simbench submit latents.npz --card card.toml -o submission.zip")
def submit(
    files: LatentsFiles,
    card: Annotated[Path, typer.Option("--card", help="Method card, TOML.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New file.")] = Path("submission.zip"),
) -> None:
    """Pack latents and a method card into one file for the board."""
    from simbench.submission import pack_submission, read_card

    pack_submission(files, read_card(card), out)
    typer.echo(str(out))


def _chosen(scenario: str) -> "simbench.Scenario":
    """The scenario as `simbench run` has it, recordings of others with their checksum."""
    from simbench.data.recorded import pinned

    return pinned(simbench.load_scenario(scenario))


def _print_scores(rows: "DataFrame") -> None:
    columns = ["target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"]
    shown = rows.loc[rows["probe"] != "none", columns]
    print_frame(str(rows["method"].iloc[0]), shown, ".3f")
