"""The command line: what it does, says and refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import typer
from command_line import simbench, simbench_alone
from scipy.io import savemat
from typer.testing import CliRunner

from simbench.benchmark.rows import read_rows, read_text
from simbench.cli import app
from simbench.cli.common import Backend, Probe
from simbench.core.parallel import BACKENDS
from simbench.culture import planning
from simbench.scoring import PROBES

TINY = Path(__file__).parents[1] / "tiny.toml"
REFUSE_ALL = (
    "simulate ", "show culture ", "import a --scenario ", "release out -s ", "score a --scenario ",
    "accept a --scenario ", "validate cultures x -s ", "check method ",
)  # fmt: skip
HEAVY = {"brian2", "torch", "pandas", "matplotlib", "sklearn", "numba", "scipy"}


def refused(result, complaint):
    assert result.returncode == 2, result.stderr
    assert re.search(complaint, result.stderr), result.stderr
    assert result.stderr.startswith("simbench: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    run = ("run", TINY, "-m", "pca", "-m", "trace-stats", "--seed", 1, "-j", 1, "--out", out)
    result = simbench_alone(*run)
    assert result.returncode == 0, result.stderr
    return out / "tiny", result


def test_run_leaves_rows_tables_and_figures(results):
    pytest.importorskip("torch")
    folder, result = results
    assert {p.name for p in folder.iterdir()} == {
        "rows.jsonl.gz", "scenario.json", "leaderboard.csv", "leaderboard.md", "pairwise.csv",
        "leaderboard.svg", "leaderboard.png", "pairwise.png", "latents.png", "traces.png",
        "similarity.csv", "similarity.png",
    }  # fmt: skip
    assert "spikes (control)" in result.stdout
    assert result.stderr == ""  # no progress bars where there is no terminal
    assert (folder.parent / "index.html").is_file()
    for line in read_text(folder / "rows.jsonl.gz").splitlines():
        json.loads(line)


def test_leaderboard_prints_what_the_run_printed(results):
    folder, run = results
    again = simbench("leaderboard", folder)
    assert again.returncode == 0
    assert again.stdout.strip() in run.stdout
    assert simbench("leaderboard", folder, "--probe", "nonlinear").returncode == 0


@pytest.mark.slow
def test_several_scenarios_and_seeds_in_one_command(tmp_path):
    broken = tmp_path / "broken.toml"
    text = TINY.read_text().replace('"tiny"', '"broken"', 1)
    edges = tmp_path / "edges.csv"
    edges.write_text("no edges")
    wiring = f'topology = "custom"\nedges = "{edges}"'
    broken.write_text(text.replace('topology = "flat"', wiring))
    out = tmp_path / "out"
    seeds = ("--seed", "1", "--seed", "2")
    result = simbench("run", broken, TINY, "-m", "pca", *seeds, "-j", 1, "--out", out)
    assert result.returncode == 2
    assert "edges.csv" in result.stderr.splitlines()[-1]
    assert set(read_rows(out / "tiny")["seed"]) == {1, 2}
    assert f"Rows, tables and figures: {out / 'tiny'}" in result.stdout
    assert {p.name for p in out.glob("*.*")} == {
        "index.html", *(f"summary.{kind}" for kind in ("csv", "md", "png", "svg"))
    }  # fmt: skip


def test_a_changed_scenario_of_the_same_name_is_refused_before_it_runs(results, tmp_path):
    folder, _ = results
    before = {path: path.read_bytes() for path in folder.iterdir()}
    changed = tmp_path / "changed.toml"
    changed.write_text(TINY.read_text().replace("duration_s = 10.0", "duration_s = 11.0"))
    complaint = "rows.jsonl.gz: holds rows of another scenario that is called tiny v1"
    refused(simbench("run", changed, "--out", folder.parent), complaint)
    levels = tmp_path / "levels.toml"
    levels.write_text(TINY.read_text() + '[levels]\n"imaging.nu" = [0.3, 1.0]\n')
    refused(simbench("run", levels, "--out", folder.parent), complaint)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    out = tmp_path / "out"
    refused(simbench("run", TINY, changed, "--out", out), "two different scenarios are called tiny")
    assert not out.exists()


def test_second_run_gives_the_same_values(results, tmp_path):
    folder, _ = results
    simbench("run", TINY, "-m", "pca", "-m", "trace-stats", "--seed", 1, "--out", tmp_path)
    assert (folder / "rows.jsonl.gz").read_bytes() == (tmp_path / "tiny/rows.jsonl.gz").read_bytes()


def test_simulate_and_verify(tmp_path):
    out = tmp_path / "data"
    assert simbench("simulate", TINY, "-o", out, "--seed", 1).returncode == 0
    assert simbench("verify", out).returncode == 0
    refused(simbench("simulate", TINY, "-o", out, "--seed", 1), "not empty")
    export = ("export", out, tmp_path, "--to", "csv", "--overwrite")
    refused(simbench(*export), "holds the dataset itself; name another folder")
    victim = next(out.rglob("labels.csv"))
    content = victim.read_text()
    victim.write_text(content.replace("RS", "CH", 1))
    refused(simbench("verify", out), "labels.csv: altered")
    victim.unlink()
    refused(simbench("verify", out), "labels.csv: missing")


def test_dry_run_does_nothing(tmp_path):
    pytest.importorskip("torch")
    result = simbench("run", "quickstart", "--dry-run", "--out", tmp_path / "none")
    assert result.returncode == 0
    assert "16 (0 cached)" in result.stdout
    assert "avae" in result.stdout
    more = simbench("run", "quickstart", TINY, "--seed", "1", "--seed", "2", "--dry-run")
    assert re.search(r"quickstart v\d+ +32 \(0 cached\)", more.stdout)
    assert re.search(r"tiny v\d+ +12 ", more.stdout)
    assert re.search(r"all +44 ", more.stdout)
    assert not (tmp_path / "none").exists()


def test_every_command_explains_itself_with_an_example():
    runner = CliRunner()
    commands = typer.main.get_command(app).commands
    assert {"list", "simulate", "run", "leaderboard", "report", "score"} <= set(commands)
    for command in commands:
        result = runner.invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert f"Example: simbench {command}" in result.output


def test_list_names_everything():
    result = simbench("list")
    assert result.returncode == 0
    for word in ("quickstart", "avae-published", "spikes", "in_degree"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("n_neurons", "n_neuron", "unknown key 'culture.n_neuron'"),
        ("duration_s = 10.0", "duration_s = -10.0", "culture.duration_s = -10"),
        ("duration_s = 10.0", 'duration_s = "ten"', "culture.duration_s = 'ten'"),
        ("CH = 0.5", "CH = 0.6", "add up to 1.1"),
        ("CH = 0.5", "XY = 0.5", "unknown firing type 'XY'"),
        ("[culture]", "[culture", "not valid TOML"),
    ],
)
def test_bad_scenarios_are_one_line(tmp_path, old, new, complaint):
    path = tmp_path / "bad.toml"
    path.write_text(TINY.read_text().replace(old, new))
    out = tmp_path / "out"
    refused(simbench("run", path, "--out", out), complaint)
    refused(simbench("simulate", path, "-o", out), complaint)
    assert not out.exists()


def test_unknown_names_are_one_line(tmp_path):
    out = tmp_path / "out"
    for command in (simbench, simbench_alone):
        refused(command("run", "nope", "--out", out), "unknown scenario 'nope'")
    refused(simbench("run", TINY, "-m", "psa", "--out", out), "unknown method 'psa'")
    assert not out.exists()
    refused(simbench("leaderboard", tmp_path), "no rows.jsonl.gz")
    refused(simbench("report", tmp_path), "rows.jsonl.gz")
    refused(simbench("run", TINY, "-j", "0", "--out", out), "--n-jobs 0: allowed")
    refused(
        simbench("run", TINY, "--timeout", "nan", "--out", out), "--timeout nan: allowed: 0.001"
    )
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    refused(simbench("run", TINY, "--out", blocked / "x"), "cannot be written")
    refused(simbench("simulate", TINY, "-o", blocked / "x"), "cannot be written")


def test_a_run_in_which_all_methods_fail_is_an_error_and_loses_nothing(results, tmp_path):
    folder, _ = results
    before = (folder / "rows.jsonl.gz").read_bytes()
    again = ("run", TINY, "-m", "pca", "--seed", 1, "--out", folder.parent, "--timeout", 0.001)
    refused(simbench(*again, SIMBENCH_CACHE=str(tmp_path)), "took longer than 0.001 s")
    assert (folder / "rows.jsonl.gz").read_bytes() == before


def test_a_run_that_fails_leaves_no_empty_folder(tmp_path):
    pytest.importorskip("torch")
    broken = tmp_path / "broken.toml"
    (tmp_path / "edges.csv").write_text("no edges")
    wiring = f'topology = "custom"\nedges = "{tmp_path / "edges.csv"}"'
    broken.write_text(TINY.read_text().replace('topology = "flat"', wiring))
    out = tmp_path / "out"
    refused(simbench("run", broken, "--out", out), "edges.csv")
    refused(simbench("simulate", broken, "-o", out), "edges.csv")
    assert not out.exists()


def test_importing_and_helping_need_no_heavy_library():
    code = (
        "import sys, simbench, simbench.cli, typer.testing\n"
        "typer.testing.CliRunner().invoke(simbench.cli.app, ['run', '--help'])\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["list", "moods"], "'moods' is not one of 'scenarios', 'methods'"),
        (["run", "--backend", "ray"], "'--backend': 'ray' is not one of 'loky', 'dask'"),
        (["export", "a", "b", "--to", "hdf"], "'--to': 'hdf' is not one of 'nwb', 'suite2p'"),
        (["show", "mood", "quickstart"], "'mood' is not one of 'culture', 'optics'"),
        (["leaderboard", "x", "--probe", "best"], "not one of 'linear', 'nonlinear'"),
        (["cache", "empty"], "'empty' is not one of 'info', 'prune', 'clear'"),
        (["check", "scenario", "x"], "'scenario' is not one of 'method'"),
        (["simulate"], "missing argument 'SCENARIO'; see .*simbench simulate --help"),
        (["simulate", "quickstart"], "missing option '--out'"),
        (["run", "--moods"], "no such option: --moods"),
        (["run", "--seed"], "requires an argument"),
        (["run", "--seed", "one"], "invalid value for '--seed'"),
        (["walk"], "no such command 'walk'"),
        (["validate"], "missing command; see .*simbench validate --help"),
        (["schema", "-o", "."], "allowed is the name of a file"),
        (["run", str(TINY), "--cache-dir", str(TINY)], "tiny.toml"),
        (["verify", "a", "b"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line(arguments, complaint):
    refused(simbench(*arguments), complaint)


def test_run_stands_first():
    found = re.findall(r"^│ ([a-z]+) ", simbench("--help").stdout.partition("Commands")[2], re.M)
    assert found[0] == "run"


def test_more_or_less_is_said(results, tmp_path):
    run = ("run", TINY, "-m", "pca[whiten=True]", "--seed", 1, "-j", 1, "--out", tmp_path)
    said = simbench(*run, "-v").stderr.splitlines()
    assert "fit pca[whiten=True] on tiny, seed 1: done" in said
    assert "score pca[whiten=True] on tiny, seed 1: done" in said


def test_of_a_scenario_with_levels_one_is_simulated(tmp_path):
    ladder = tmp_path / "ladder.toml"
    ladder.write_text(TINY.read_text() + '[levels]\n"imaging.nu" = [0.3, 3.0]\n')
    simulate = ("simulate", ladder, "--seed", 1, "-j", 1, "-o", tmp_path / "out")
    refused(simbench(*simulate), "ladder.toml has levels; allowed: '0.3', '3.0'")
    refused(simbench(*simulate, "--level", "7"), "'7' is no level of .*; allowed: '0.3', '3.0'")
    refused(simbench("simulate", TINY, "-o", tmp_path / "out", "--level", "7"), "allowed: none")
    assert not (tmp_path / "out").exists()
    assert simbench(*simulate, "--level", "0.3").returncode == 0
    scenario = json.loads((tmp_path / "out" / "manifest.json").read_text())["scenario"]
    assert scenario["imaging"]["nu"] == 0.3


def test_a_missing_compiler_is_said_unless_quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "COMPILE_S", {1: 0.0, 2: 0.0})  # a short simulation is worth it
    monkeypatch.setattr(planning, "_marker", lambda *_: tmp_path / "cold")
    simulate = ("simulate", TINY, "--seed", 43, "-j", 1, "-o")
    said = [
        simbench(*simulate, tmp_path / str(number), *quiet, CXX="no-such-compiler",
                 SIMBENCH_CACHE=str(tmp_path / f"cache{number}")).stderr
        for number, quiet in enumerate(([], ["-q"]))
    ]  # fmt: skip
    assert said == ["no C++ compiler found: simulating with Brian2's NumPy target\n", ""]


def test_without_arguments_it_helps():
    result = simbench()
    assert result.returncode == 0
    assert "Commands" in result.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("export a b --to ", {"nwb", "suite2p", "caiman", "cascade", "csv", "parquet"}),
        ("run qu", {"quickstart"}),
        ("run quickstart -m avae-p", {"avae-published", "avae-pretrained"}),
        ("cache ", {"info", "prune", "clear"}),
        ("simulate topolo", {"topologies"}),
        ("run al", {"all"}),
        ("run -m al", {"all"}),
        ("validate ranks x -m al", {"all"}),
        *((f"{command}al", set()) for command in REFUSE_ALL),
        ("run --dataset x --target isi_cv", {"isi_cv", "isi_cv2"}),
        ("fetch ", {"here-seed1"}),
    ],
)
def test_the_shell_completes_choices_and_names(words, found, tmp_path):
    """Without the libraries that simulate, fit or draw."""
    deposits = {"here-seed1": "https://example.org/a.zip", "nowhere-seed1": ""}
    known = {name: {"url": url, "sha256": "0" * 64} for name, url in deposits.items()}
    (tmp_path / "deposits.json").write_text(json.dumps(known))
    code = (
        "import sys\n"
        f"for name in {sorted(HEAVY)}: sys.modules[name] = None\n"
        "sys.argv = ['simbench']\n"
        "import simbench.cli\n"
        "simbench.cli.main()"
    )
    words = f"simbench {words}"
    asked = {"_SIMBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words,
             "COMP_CWORD": str(len(words.split(" ")) - 1),
             "SIMBENCH_REGISTRY": str(tmp_path / "deposits.json")}  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked
    )
    assert set(result.stdout.split()) == found, result.stderr


def test_choices_are_those_of_the_package():
    assert get_args(Backend) == BACKENDS
    assert set(get_args(Probe)) == set(PROBES)


@pytest.mark.parametrize("name", ["x.xyz", "x.jpg", "noext", "."])
def test_show_refuses_an_unknown_kind_of_picture_before_it_draws(tmp_path, name):
    refused(simbench("show", "culture", TINY, "-o", name, cwd=tmp_path), "allowed: .png, .svg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("scenario", "what"),
    [("recorded-cells", "it has no optics"), ("noise-ladder", "its optics vary .imaging.nu.")],
)
def test_spikes_are_imaged_by_optics_that_a_scenario_has(tmp_path, scenario, what):
    np.savez(tmp_path / "a.npz", times=[0.5, 1.5], neurons=[0, 1])
    done = simbench("import", "a.npz", "--spikes", "--scenario", scenario, "-o", "o", cwd=tmp_path)
    refused(done, f"--scenario {scenario}: {what}; allowed: one with the same for all")


def test_traces_that_anybody_can_make_again_are_not_exported_blindly(tmp_path):
    simbench("simulate", TINY, "-o", tmp_path / "data", "--seed", "1")
    blind = ("--target", "firing_type", "--export-traces", tmp_path / "blind")
    complaint = f"--dataset {tmp_path / 'data'}: its seed: 1 bits can be guessed from the traces"
    refused(simbench("run", "--dataset", tmp_path / "data", *blind), complaint)
    assert not (tmp_path / "blind").exists()


def test_import_of_measured_traces(tmp_path):
    folder = tmp_path / "DS30-GCaMP8f-m-V1"
    folder.mkdir()
    times, cells = np.arange(200) / 20, np.empty((1, 2), dtype=object)
    cells[0, :] = [
        {"fluo_time": times, "fluo_mean": times % 1, "events_AP": spikes}
        for spikes in ([1e4, 2e4], [5e4])
    ]
    savemat(folder / "a.mat", {"CAttached": cells})
    labels, out = tmp_path / "labels.csv", tmp_path / "out"
    labels.write_text("neuron,depth\na-1/0,2\na-0/0,1\n")
    told = ("--source", "an archive", "--license", "CC0", "--citation", "Doe 2020")
    done = simbench("import", folder, "--traces", "--labels", labels, "-o", out, *told)
    assert done.stdout == f"2 recordings, 2 neurons: {out}\n"
    card = (out / "README.md").read_text()
    assert 'license: "CC0"' in card
    assert "| to cite | Doe 2020 |" in card
    assert "`depth`" in card
    refused(simbench("import", folder, "-o", tmp_path / "x"), "allowed: --spikes or --traces")
    length = ("--traces", "--duration", "5", "-o", tmp_path / "x")
    refused(simbench("import", folder, *length), "--duration 5: only with --spikes")
    refused(simbench("import", folder, "--spikes", "-o", tmp_path / "x"), "holds no file that ends")
    labels.write_text("neuron,depth\na-1/0,2\n")
    complaint = "labels.csv: neuron 'a-0/0' is missing"
    again = ("import", folder, "--traces", "--labels", labels, "-o", tmp_path / "x")
    refused(simbench(*again), complaint)
