"""All of a submission through the command line: traces out, latents in, on the board."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import simbench as run_here

TINY = Path(__file__).parents[1] / "tiny.toml"


@pytest.fixture
def simbench(tmp_path):
    """Runs a command in the folder of the test; returns its exit code and what it printed."""

    def run(*arguments):
        done = run_here(*arguments, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.slow
def test_traces_out_latents_in_and_on_the_board(simbench, tmp_path):
    code, _, err = simbench("run", TINY, "--seed", 1, "--export-traces", "traces")
    assert code == 2
    assert "--seed: 1 bits can be guessed" in err
    code, out, _ = simbench("run", TINY, "-j", 1, "--export-traces", "traces")
    assert code == 0
    secret = int(re.search(r"kept secret until the board closes: (\d+)\n", out)[1])
    assert secret.bit_length() == 128
    seed = ("--seed", secret, "-j", 1)
    traces = tmp_path / "traces" / "tiny"
    with (traces / "index.csv").open() as file:
        recordings = [row["recording"] for row in csv.DictReader(file)]
    latents = {r: np.load(traces / "dff" / f"{r}.npy")[:, ::40] for r in recordings}
    np.savez(tmp_path / "latents.npz", **latents)

    score = ("score", "latents.npz", "--scenario", TINY, "-j", 1)
    code, out, _ = simbench(*score, "--seed", secret)
    assert code == 0
    assert "firing_type" in out
    code, _, err = simbench(*score, "--seed", 2)
    assert code == 2
    assert err.count("\n") == 1

    card = (traces / "card.toml").read_text()
    for key, value in {
        "name": '"Every 40th frame"', "authors": '["A. Person"]', "link": '"https://example.org"',
        "latent_size": "5", "hardware": '"a laptop"', "training_time_s": "0.1",
    }.items():  # fmt: skip
        line = next(text for text in card.splitlines() if text.startswith(f"{key} ="))
        card = card.replace(line, f"{key} = {value}")
    (tmp_path / "card.toml").write_text(card)
    assert simbench("submit", "latents.npz", "--card", "card.toml")[0] == 0

    accept = ("accept", "submission.zip", "--scenario", TINY, *seed, "--out", "results")
    code, _, err = simbench(*accept)
    assert code == 2
    assert f"simbench run tiny -m all --seed {secret} --out results" in err
    assert not (tmp_path / "results").exists()
    assert simbench("run", TINY, "-m", "pca", *seed, "--out", "results")[0] == 0

    assert simbench(*accept)[0] == 0
    _, board, _ = simbench("leaderboard", "results")
    (line,) = (line for line in board.splitlines() if "Every 40th frame" in line)
    assert "100%" in line, "the submission is not scored on all targets"
    code, _, err = simbench(*accept)
    assert code == 2
    assert "choose another name" in err
