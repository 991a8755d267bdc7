"""An outside group's whole way, through the command line: traces out, latents in, on the board."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

TINY = Path(__file__).parents[1] / "tiny.toml"


def simbench(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "simbench", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, timeout=300, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip


def test_traces_out_latents_in_and_on_the_board(tmp_path):
    exported = simbench("run", TINY, "--seed", 1, "--export-traces", "traces", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    traces = tmp_path / "traces" / "tiny"
    with (traces / "index.csv").open() as file:
        recordings = [row["recording"] for row in csv.DictReader(file)]
    latents = {r: np.load(traces / "dff" / f"{r}.npy")[:, ::40] for r in recordings}
    np.savez(tmp_path / "latents.npz", **latents)

    scored = simbench("score", "latents.npz", "--scenario", TINY, "--seed", 1, cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    assert "firing_type" in scored.stdout
    wrong_seed = simbench("score", "latents.npz", "--scenario", TINY, "--seed", 2, cwd=tmp_path)
    assert wrong_seed.returncode == 2
    assert wrong_seed.stderr.count("\n") == 1

    card = (traces / "card.toml").read_text()
    for key, value in {
        "name": '"Every 40th frame"', "authors": '["A. Person"]', "link": '"https://example.org"',
        "latent_size": "5", "hardware": '"a laptop"', "training_time_s": "0.1",
    }.items():  # fmt: skip
        line = next(text for text in card.splitlines() if text.startswith(f"{key} ="))
        card = card.replace(line, f"{key} = {value}")
    (tmp_path / "card.toml").write_text(card)
    packed = simbench("submit", "latents.npz", "--card", "card.toml", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr

    alone = simbench("accept", "submission.zip", "--scenario", TINY, "--seed", 1, cwd=tmp_path)
    assert alone.returncode == 2
    assert "simbench run tiny -m all --seed 1 --out runs" in alone.stderr
    assert not (tmp_path / "runs").exists()
    run = simbench("run", TINY, "-m", "pca", "--seed", 1, cwd=tmp_path)
    assert run.returncode == 0, run.stderr

    accept = ("accept", "submission.zip", "--scenario", TINY, "--seed", 1)
    accepted = simbench(*accept, cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    board = simbench("leaderboard", "runs", cwd=tmp_path).stdout
    (line,) = (line for line in board.splitlines() if "Every 40th frame" in line)
    assert line.split()[0] in ("1", "2", "3"), "the submission has no rank"
    again = simbench(*accept, cwd=tmp_path)
    assert again.returncode == 2
    assert "choose another name" in again.stderr
