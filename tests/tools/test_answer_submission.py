"""A dry run of what answers pull requests: on a good, a malformed and a duplicate submission."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from simbench import simulate
from simbench.core.seeds import draw_secret_seed
from simbench.scenario import scenario_file
from simbench.submission import export_traces, pack_submission, read_card

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
import answer_submission  # noqa: E402

SCENARIO, SCENARIOS = "tiny", ROOT / "tests"
"""A small scenario in place of those that are shipped."""
FILLED = {
    "name": '"Every 40th frame"', "authors": '["A. Person"]', "link": '"https://example.org"',
    "latent_size": "5", "hardware": '"a laptop"', "training_time_s": "0.1",
}  # fmt: skip


@pytest.fixture(scope="module")
def round_(tiny, tmp_path_factory):
    """Seed of a round, and a submission that was made from its traces."""
    folder, seed = tmp_path_factory.mktemp("round"), draw_secret_seed()
    traces = export_traces(simulate(tiny, seed), folder / "traces")
    latents = {path.stem: np.load(path)[:, ::40] for path in (traces / "dff").iterdir()}
    np.savez(folder / "latents.npz", **latents)
    card = (traces / "card.toml").read_text()
    for key, value in FILLED.items():
        card = re.sub(rf"^{key} = \S+", f"{key} = {value}", card, flags=re.MULTILINE)
    (folder / "card.toml").write_text(card)
    pack_submission(folder / "latents.npz", read_card(folder / "card.toml"), folder / "a.zip")
    return seed, (folder / "a.zip").read_bytes()


@pytest.fixture
def answered(round_, tmp_path, monkeypatch, capsys):
    """Exit code and answer of a pull request that adds files to those that are accepted."""
    seed, _ = round_
    monkeypatch.setattr(scenario_file, "_SHIPPED", SCENARIOS)

    def run(proposed, accepted=None, secret=str(seed)):
        for name, files in {"proposed": {**(accepted or {}), **proposed}, "main": accepted}.items():
            (tmp_path / name).mkdir()
            for path, content in (files or {}).items():
                (tmp_path / name / path).parent.mkdir(exist_ok=True)
                (tmp_path / name / path).write_bytes(content)
        folders = [str(tmp_path / name) for name in ("proposed", "main", "out")]
        monkeypatch.setattr(sys, "argv", ["answer_submission.py", *folders])
        monkeypatch.setenv("SIMBENCH_ROUND_SEED", secret)
        code = answer_submission.main()
        text = (tmp_path / "out").read_text()
        said = text + "".join(capsys.readouterr())
        assert not secret or secret not in said
        return code, text

    return run


def refused(found, complaint):
    code, text = found
    assert code == 1
    assert re.fullmatch(rf"Not scored: .*{complaint}.*\n", text), text


def test_a_good_submission_is_answered_with_its_scores(answered, round_):
    code, text = answered({f"{SCENARIO}/mine.zip": round_[1]})
    assert code == 0
    assert "**Every 40th frame** on tiny" in text
    assert re.search(r"\| firing_type \| .* \| linear \| culture \| 0\.\d{3} \|", text)


def test_a_malformed_one_with_what_is_wrong(answered, round_):
    refused(answered({f"{SCENARIO}/mine.zip": round_[1][:-40]}), "mine.zip: ")


def test_a_name_that_is_taken_is_refused(answered, round_):
    found = answered({f"{SCENARIO}/new.zip": round_[1]}, {f"{SCENARIO}/old.zip": round_[1]})
    refused(found, "'Every 40th frame' is the name of old.zip already; choose another one")


def test_a_file_that_is_there_is_not_replaced(answered, round_):
    found = answered({f"{SCENARIO}/old.zip": round_[1]}, {f"{SCENARIO}/old.zip": b"older"})
    refused(found, "old.zip is there already")


def test_one_file_in_the_folder_of_a_scenario(answered, round_):
    refused(answered({"a.zip": b"", "b.zip": b""}), "2 new or changed .zip files")


def test_a_folder_that_is_no_scenario_is_refused(answered, round_):
    refused(answered({"moods/a.zip": round_[1]}), "moods/a.zip: expected is the folder of a")


def test_a_name_with_markup_is_refused(answered, round_):
    found = answered({f"{SCENARIO}/![x](y).zip": round_[1]})
    refused(found, "a file is to have a name of letters")
    assert "![x]" not in found[1]


@pytest.mark.parametrize("secret", ["", "12 34", "0x1f", "five"])
def test_a_secret_that_is_missing_or_malformed_is_said(answered, round_, secret):
    found = answered({f"{SCENARIO}/mine.zip": round_[1]}, secret=secret)
    refused(found, "SIMBENCH_ROUND_SEED is no whole number")


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError])
def test_an_unexpected_error_is_one_line_without_the_seed(answered, round_, kind, monkeypatch):
    def fail(submission, scenario, seed):
        raise kind(f"broke\nat seed {seed}")

    monkeypatch.setattr(answer_submission, "score_submission", fail)
    refused(answered({f"{SCENARIO}/mine.zip": round_[1]}), f"{kind.__name__}, which a maintainer")


def test_the_workflow_runs_nothing_of_the_pull_request():
    yaml = pytest.importorskip("yaml")
    path = ROOT / ".github" / "workflows" / "submissions.yml"
    steps = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["answer"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert not [line for line in commands if re.search(r"proposed/(?!submissions )", line)]
    secrets = [step for step in steps if "secrets." in str(step)]
    assert [step["run"].split()[1] for step in secrets] == ["tools/answer_submission.py"]
