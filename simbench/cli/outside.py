"""The outside door: latents made elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from simbench.cli.common import Jobs, Seed, app, load
from simbench.console import print_table

Card = Annotated[Path | None, typer.Option("--card", help="Method card, TOML.")]
ScenarioOption = Annotated[str, typer.Option("--scenario", help="Name or .toml file.")]


@app.command(epilog="Example: simbench score latents.npz --scenario quickstart --seed 8276451093")
def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Latents (.npz) or submission.")],
    scenario: ScenarioOption = "quickstart",
    card: Card = None,
    seed: Seed = 0,
    n_jobs: Jobs = -1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Results folder that a submission joins.")
    ] = None,
) -> None:
    """Score latents made elsewhere, by the same rules as every method."""
    (chosen,) = load([scenario])
    from simbench import submission as door

    if out is None:
        rows = door.score_latents(
            file, chosen, seed, door.read_card(card) if card else None, n_jobs
        )
    else:
        submitted = door.read_submission(file)
        rows = door.score_submission(submitted, chosen, seed, n_jobs)
        door.add_submission(rows, submitted.card, out / chosen.name)
    columns = ["target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"]
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in rows[columns].itertuples(index=False)
    ]
    print_table(str(rows["method"].iloc[0]), columns, cells)


@app.command(epilog="Example: simbench submit latents.npz --card card.toml -o submission.zip")
def submit(
    file: Annotated[Path, typer.Argument(metavar="LATENTS", help="Latents, .npz.")],
    card: Annotated[Path, typer.Option("--card", help="Method card, TOML.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New file.")] = Path("submission.zip"),
) -> None:
    """Pack latents and a method card into one file for the board."""
    from simbench.submission import pack_submission, read_card

    pack_submission(file, read_card(card), out)
    typer.echo(str(out))
