"""Submissions: their cards, their scores, and where these are added."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from latents_files import CARD, clear, content, savez
from principal import principal_components

from simbench import SimbenchError, evaluate
from simbench.benchmark.rows import COLUMNS, ROWS_FILE, read_rows, read_text, write_rows
from simbench.board.leaderboard import leaderboard
from simbench.core.files import validated
from simbench.data.simulation import simulate
from simbench.scenario.scenario import Scenario
from simbench.submission import (
    MethodCard,
    accept_submission,
    add_submission,
    export_traces,
    pack_submission,
    read_card,
    score_latents,
)
from simbench.submission import latents_file as limited
from simbench.submission.blind_traces import as_counted


def test_a_submission_has_the_scores_of_evaluate_exactly(rows, tiny, tiny_dataset, card):
    expected = evaluate(principal_components(tiny_dataset), tiny_dataset)
    for column in ("target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"):
        assert rows[column].equals(expected[column]), column
    assert list(rows.columns) == COLUMNS
    about = rows.iloc[0]
    assert (about["method"], about["family"], about["seconds"]) == ("Spike2Vec", "submission", 0)
    assert about["scenario_digest"] == tiny.digest() == card.scenario_digest
    assert leaderboard(rows).table.index.tolist() == ["Spike2Vec"]


def test_rows_say_how_many_settings_the_authors_tried(rows, latents_file, tiny, card):
    counted = card.model_copy(update={"settings_tried": 7})
    assert (score_latents(latents_file, tiny, 1, counted)["settings_tried"] == 7).all()
    assert rows["settings_tried"].isna().all()


def test_a_file_has_the_scores_of_its_submission(rows, latents_file, tiny, card):
    again = score_latents(latents_file, tiny, 1, card)
    pd.testing.assert_frame_equal(again, rows)


def test_packing_gives_the_same_bytes_whoever_zipped(latents_file, card, tmp_path):
    with np.load(latents_file) as file:
        arrays = {name: file[name] for name in reversed(file.files)}
    fortran = {name: np.asfortranarray(array).astype(">f8") for name, array in arrays.items()}
    other = savez(tmp_path / "other.npz", np.savez_compressed, **fortran)
    files = [
        pack_submission(source, card, tmp_path / f"{i}.zip").read_bytes()
        for i, source in enumerate([latents_file, latents_file, other])
    ]
    assert files[0] == files[1] == files[2]
    with pytest.raises(SimbenchError, match="exists; name a new file"):
        pack_submission(latents_file, card, tmp_path / "0.zip")


def test_what_was_packed_is_read(submission, card, latents_file):
    assert submission.card == card
    with np.load(latents_file) as arrays:
        for name in arrays.files:
            np.testing.assert_array_equal(submission.latents[name], arrays[name])


def test_a_card_must_fit_its_latents(latents_file, card, tmp_path):
    wrong = card.model_copy(update={"latent_size": 7})
    with pytest.raises(SimbenchError, match="8 latents per neuron; the card says latent_size = 7"):
        pack_submission(latents_file, wrong, tmp_path / "out.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seed": 2}, "seed = 2; scored is seed 1"),
        ({"scenario_digest": "f" * 64}, "of digest ffffffffffff; scored is tiny"),
        ({"scenario": "other"}, "made for scenario other"),
        ({"traces_digest": "f" * 64}, "made from other traces"),
    ],
)
def test_a_card_of_other_traces_is_refused(latents_file, card, tiny, change, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        score_latents(latents_file, tiny, 1, card.model_copy(update=change))


def test_latents_of_other_traces_are_refused(latents_file, tiny, small_dataset, tmp_path):
    with pytest.raises(SimbenchError, match="lacks 'recording-"):
        score_latents(savez(tmp_path / "a.npz"), tiny, 1)
    with np.load(latents_file) as file:
        arrays = {name: file[name] for name in file.files}
    cut = {name: array[:-1] if name == min(arrays) else array for name, array in arrays.items()}
    with pytest.raises(SimbenchError, match="has 23 rows; expected is one for each of 24 neurons"):
        score_latents(savez(tmp_path / "cut.npz", **cut), tiny, 1)


def test_the_card_tells_the_level(tiny, card, latents_file, tiny_dataset):
    data = tiny.model_dump(mode="json")
    levels = Scenario(**data | {"levels": {"n_components": [2, 3]}})
    digest = levels.at_levels["3"].digest()
    rows = score_latents(
        latents_file, levels, 1, card.model_copy(update={"scenario_digest": digest})
    )
    assert set(rows["level"]) == {"3"}
    assert set(rows["scenario_digest"]) == {digest}
    with pytest.raises(SimbenchError, match="2 levels; a card must name one"):
        score_latents(latents_file, levels, 1)


def board_rows(rows, *others):
    """What a run leaves: rows of the controls, and of other methods."""
    return pd.concat([rows.assign(method=name) for name in ("chance", "spikes", *others)])


def test_rows_are_added_once_and_replace_nothing(rows, card, tmp_path):
    path = tmp_path / ROWS_FILE
    write_rows(path, board_rows(rows, "pca"))
    before, written = path.read_bytes(), read_text(path)
    for name in ("pca", "P.C.A"):
        with pytest.raises(SimbenchError, match="'pca' has rows there already"):
            add_submission(
                rows.assign(method=name), card.model_copy(update={"name": name}), tmp_path
            )
    for column in ("scenario_version", "scoring_version"):
        with pytest.raises(SimbenchError, match="another version"):
            add_submission(rows.assign(**{column: 7}), card, tmp_path)
    with pytest.raises(SimbenchError, match="another scenario that is called tiny v1"):
        add_submission(rows.assign(scenario_digest="f" * 64), card, tmp_path)
    assert content(tmp_path) == {ROWS_FILE: before}
    add_submission(rows, card, tmp_path)
    stored = read_rows(tmp_path)
    assert set(stored["method"]) == {"chance", "spikes", "pca", "Spike2Vec"}
    assert read_text(path).startswith(written)
    told = json.loads((tmp_path / "submissions" / "spike2vec.json").read_text())
    assert MethodCard.model_validate(told) == card
    with pytest.raises(SimbenchError, match="'Spike2Vec' has rows there already"):
        add_submission(rows, card, tmp_path)


def test_a_method_may_have_rows_at_each_level_under_one_name(rows, card, tmp_path):
    write_rows(
        tmp_path / ROWS_FILE, pd.concat(board_rows(rows.assign(level=x)) for x in ("2", "3"))
    )
    for level in ("2", "3"):
        add_submission(rows.assign(level=level), card, tmp_path)
        with pytest.raises(SimbenchError, match="'Spike2Vec' has rows there already"):
            add_submission(rows.assign(level=level), card, tmp_path)
    with pytest.raises(SimbenchError, match="'Spike2Vec' has rows there already"):
        add_submission(rows.assign(level="3", method="spike-2-vec"), card, tmp_path)
    told = read_rows(tmp_path).query("method == 'Spike2Vec'")
    assert set(told["level"]) == {"2", "3"}
    assert leaderboard(read_rows(tmp_path)).table.loc["Spike2Vec", ("method", "coverage")] == 1


def test_a_file_that_would_be_refused_is_not_packed(latents_file, card, tmp_path, monkeypatch):
    with np.load(latents_file) as file:
        small = {name: file[name].astype("f4") for name in file.files}
    path = savez(tmp_path / "small.npz", **small)
    limits = replace(limited.LIMITS, file_bytes=path.stat().st_size)
    monkeypatch.setattr(limited, "LIMITS", limits)
    with pytest.raises(SimbenchError, match=r"out.zip: .* MiB; allowed are"):
        pack_submission(path, card, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.usefixtures("submission")
def test_a_board_that_could_not_place_a_submission_is_refused_untouched(
    rows, tiny, card, latents_file, tmp_path
):
    advice = "simbench run tiny -m all --seed 1 --out "
    board = board_rows(rows, "pca")
    failed = board.assign(status=board["method"].map({"chance": "failed"}).fillna("ok"))
    boards = {
        "of other seeds": (board.assign(seed=2), "rows on seed 2; .* holds seed 1 alone"),
        "of more seeds": (pd.concat([board, board.assign(seed=3)]), "rows on seed 3;"),
        "without oracle": (board[board["method"] != "spikes"], advice),
        "without a floor": (failed, advice),
        "of another level": (board.assign(level="2"), advice),
    }
    for name, (old, complaint) in boards.items():
        path = tmp_path / name / ROWS_FILE
        write_rows(path, old)
        before = content(path.parent)
        with pytest.raises(SimbenchError, match=complaint):
            add_submission(rows, card, path.parent)
        with pytest.raises(SimbenchError, match=complaint):
            accept_submission(latents_file.with_name("submission.zip"), tiny, path.parent, 1)
        assert content(path.parent) == before, name
    with pytest.raises(SimbenchError, match=f"{advice}{tmp_path}$"):
        add_submission(rows, card, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""), ("name", "x" * 49), ("name", "a\nb"), ("name", "<b>"), ("name", "аvae"),
        ("name", "avae"), ("name", "All"), ("name", "A-VAE"), ("name", "spikes own"),
        ("name", "../../x"), ("name", 3), ("name", "a\n"), ("name", " a"), ("name", "."),
        ("authors", []), ("authors", [""]), ("authors", ["a"] * 101), ("authors", ["a" * 201]),
        ("authors", ["<script>alert(1)</script>"]), ("authors", ["a\u202eb"]), ("authors", "Ada"),
        ("link", "javascript:alert(1)"), ("link", "ftp://a.org"), ("link", "https://a.org/ x"),
        ("link", 'https://a.org/"onclick='), ("link", "https://good.org@evil.org/"),
        ("link", "https://a.org/" + "x" * 200), ("link", "doi:11.1/x"), ("link", "https://a.org\n"),
        ("link", "data:text/html,x"), ("link", "https://а.org"),
        ("latent_size", 0), ("latent_size", 1025), ("latent_size", 8.0), ("latent_size", True),
        ("hardware", "a\0b"), ("hardware", "   "),
        ("training_time_s", -1.0), ("training_time_s", float("nan")),
        ("training_time_s", float("inf")), ("training_time_s", "1"),
        ("scenario", "../x"), ("scenario_digest", "0" * 63), ("scenario_digest", "0" * 64 + "\n"),
        ("traces_digest", None), ("seed", -1), ("seed", 2**300), ("licence", "x" * 201),
        ("rank", 1), ("settings_tried", 0),
    ],
)  # fmt: skip
def test_a_bad_card_is_one_short_line(tmp_path, key, value):
    validated(MethodCard, CARD)
    with pytest.raises(SimbenchError) as error:
        validated(MethodCard, CARD | {key: value}, "card")
    clear(error.value)
    assert key in str(error.value)


@pytest.mark.parametrize("text", [b"name = ", b"\xff", b"a" * 100_000, b"[" * 5000])
def test_a_broken_card_file_is_one_line(tmp_path, text):
    (tmp_path / "card.toml").write_bytes(text)
    with pytest.raises(SimbenchError) as error:
        read_card(tmp_path / "card.toml")
    clear(error.value)


@pytest.mark.slow
def test_of_a_cross_fitted_scenario_each_culture_is_scored_once(tiny, tmp_path):
    split = tiny.split.model_copy(update={"cross_fitted": True})
    crossed = tiny.model_copy(update={"split": split})
    dataset = simulate(crossed, 1)
    out = export_traces(dataset, tmp_path / "traces")
    files, tests = [], []
    for part in sorted(out.iterdir()):
        index = pd.read_csv(part / "index.csv")
        tests.append(set(index.loc[index["split"] == "test", "recording"].str[:22]))
        assert part.name.replace("part-", "This is part ") in (part / "README.md").read_text()
        latents = {
            name: np.load(part / "dff" / f"{name}.npy")[:, ::40] for name in index["recording"]
        }
        files.append(savez(part / "latents.npz", **latents))
    assert [part.name for part in sorted(out.iterdir())] == ["part-1", "part-2"]
    assert not set.intersection(*tests)
    assert len(set.union(*tests)) == len(dataset.recordings)
    rows = score_latents(files, crossed, 1)
    latents = np.concatenate([recording.dff[:, ::40] for recording in as_counted(dataset)])
    folds = [replace(dataset, test=turned) for turned in (dataset.test, ~dataset.test)]
    expected = [evaluate(latents, fold) for fold in folds]
    mine, *each = (
        table[(table["metric"] == "balanced_accuracy") & (table["split"] == "culture")].iloc[0]
        for table in (rows, *expected)
    )
    by_culture = [score for one in each for score in one["per_culture"]]
    assert mine["per_culture"] == pytest.approx(by_culture)
    assert mine["value"] == pytest.approx(np.nanmean(mine["per_culture"]))
    assert mine["ceiling"] == pytest.approx(np.mean([one["ceiling"] for one in each]))
    place = (mine["value"] - mine["chance"]) / (mine["ceiling"] - mine["chance"])
    assert mine["recovery"] == pytest.approx(place)
    with pytest.raises(SimbenchError, match="lacks 'recording-.*-part2.npy'"):
        score_latents(files[0], crossed, 1)
    with pytest.raises(SimbenchError, match=r"'recording-.*\.npy' is in another file, too"):
        score_latents([files[0]] * 2, crossed, 1)
