import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError
from simbench.board.leaderboard import boards, flat_table, leaderboard, pairwise
from simbench.board.scores_by_culture import OVERALL, scores_by_culture
from simbench.report.texts import leaderboard_text, readable


def made_rows(per_culture, method="m", target="firing_type", family="linear", **others):
    metric = "within_type_r2" if target == "in_degree" else "balanced_accuracy"
    row = {
        "scenario": "s", "scenario_version": 1, "scenario_digest": "d", "level": "", "seed": 0,
        "method": method, "family": family, "target": target, "metric": metric, "probe": "linear",
        "per_culture": per_culture, "cultures": None, "per_training": None, "chance": 0.5,
        "ceiling": 0.9, "status": "ok", "error": None,
        "n_components": 2, "n_parameters": None, "seconds": 1.0, "peak_memory_mb": 100.0,
        "scoring_version": 1, "settings_tried": None,
    }  # fmt: skip
    return pd.DataFrame(
        [
            row | {"split": split, "value": np.nanmean(np.array(per_culture, float)) + gap} | others
            for split, gap in (("culture", 0.0), ("neuron", 0.125))
        ]
    )


def spread(mean, n=12):
    """Cultures around a mean, one like the other for every method."""
    return list(mean + np.linspace(-0.05, 0.05, n))


def test_numbers_are_those_of_the_rows():
    table = leaderboard(pd.concat([made_rows([0.6, 0.8]), made_rows([0.7, 0.9], "better")])).table
    assert list(table.index) == ["better", "m"]
    line = table.loc["m", "firing_type"]
    assert line["score"] == pytest.approx(0.7)
    assert line["recovery"] == pytest.approx(0.5)
    assert line["leakage_gap"] == pytest.approx(0.125)
    assert (line["low"], line["high"]) == pytest.approx((0.6, 0.8))
    assert (line["recovery_low"], line["recovery_high"]) == pytest.approx((0.25, 0.75))


def test_overall_recovery_is_the_mean_over_targets_culture_by_culture():
    rows = pd.concat([made_rows([0.6, 0.8]), made_rows([0.8, 0.6], target="in_degree")])
    about = leaderboard(rows).table.loc["m", "method"]
    # cultures cancel each other, so the interval has no width
    assert about["recovery"] == pytest.approx(0.5)
    assert (about["recovery_low"], about["recovery_high"]) == pytest.approx((0.5, 0.5))


def test_a_missing_target_is_missing_and_not_averaged_away():
    rows = pd.concat([
        made_rows([0.6, 0.8]), made_rows([0.6, 0.8], target="in_degree"),
        made_rows([0.9, 0.9], "half"),
    ])  # fmt: skip
    table = leaderboard(rows).table
    assert np.isnan(table.loc["half", ("method", "recovery")])
    assert table["method", "coverage"].to_dict() == {"m": 1.0, "half": 0.5}
    assert list(table.index) == ["m", "half"]
    assert table["method", "rank"].tolist() == pytest.approx([1, np.nan], nan_ok=True)


def test_a_missing_seed_is_missing_and_not_averaged_away():
    rows = pd.concat([made_rows([0.6]), made_rows([0.6], seed=1), made_rows([0.9], "lucky")])
    table = leaderboard(rows).table
    assert np.isnan(table.loc["lucky", ("firing_type", "score")])
    assert table.loc["lucky", ("method", "coverage")] == 0.5
    assert table.loc["m", ("firing_type", "score")] == pytest.approx(0.6)


def test_a_failed_unit_counts_in_the_coverage_of_all():
    failed = made_rows([0.5], "m").iloc[[0]]
    failed = failed.assign(seed=1, status="failed", error="no | luck", target=None, metric=None)
    table = leaderboard(pd.concat([made_rows([0.6]), failed])).table
    assert table.loc["m", ("method", "coverage")] == 0.5
    assert table.loc["m", ("method", "status")] == "no | luck"


def test_a_board_on_which_nobody_is_complete_shows_dashes():
    rows = pd.concat([made_rows([0.6, 0.8]), made_rows([0.9, 0.9], "lone", seed=9)])
    board = leaderboard(rows)
    assert board.targets == ["firing_type"]
    assert board.table["method", "rank"].isna().all()
    header, cells = readable(board.table)
    assert [dict(zip(header, line))["firing type"] for line in cells] == ["–", "–"]
    assert pairwise(board).empty


def test_without_room_between_floor_and_ceiling_nobody_has_a_rank():
    rows = pd.concat([made_rows([0.6, 0.8]), made_rows([0.7, 0.9], "better")])
    table = leaderboard(rows.assign(ceiling=0.4)).table
    assert table["method", "rank"].isna().all()
    assert table.loc["better", ("firing_type", "score")] == pytest.approx(0.8)
    assert table["firing_type", "letters"].ne("").all()


def test_failures_alone_make_a_table_too():
    failed = made_rows([0.5]).iloc[[0]]
    failed = failed.assign(status="failed", error="no | luck", target=None, metric=None)
    text = leaderboard_text(leaderboard(failed))
    assert "failed: no \\| luck" in text


def test_controls_stand_below_the_ranking():
    rows = pd.concat([made_rows([0.9], "oracle", family="control"), made_rows([0.6, 0.8])])
    table = leaderboard(rows).table
    assert list(table.index) == ["m", "oracle"]
    assert "| 1 | m |" in leaderboard_text(leaderboard(rows))
    assert table.loc["oracle", ("method", "letters")] == ""


def test_letters_part_what_twelve_cultures_can_part():
    rng = np.random.default_rng(0)
    wobble = rng.normal(0, 1e-4, 12)
    rows = pd.concat([
        made_rows(spread(0.8), "best"), made_rows(list(np.array(spread(0.8)) + wobble), "equal"),
        made_rows(spread(0.6), "worse"),
    ])  # fmt: skip
    board = leaderboard(rows)
    ties, is_best = board.table["method", "letters"], board.table["method", "is_best"]
    assert ties["best"] == ties["equal"] == "a"
    assert ties["worse"] == "b"
    assert is_best.to_dict() == {"best": True, "equal": True, "worse": False}
    pairs = pairwise(board).set_index(["target", "method", "other"])
    line = pairs.xs("firing_type").filter(like="worse", axis=0).iloc[0]
    assert line["n_cultures"] == 12
    assert line["p_adjusted"] == pytest.approx(3 * 2 / 2**12)  # every culture on one side, Holm
    assert abs(line["difference"]) == pytest.approx(0.2, abs=1e-3)


def test_a_culture_at_several_levels_is_one_culture():
    rows = pd.concat([
        made_rows([0.5, 0.7], level="0.3", scenario_digest="a"),
        made_rows([0.7, 0.9], level="1.2", scenario_digest="b"),
    ])  # fmt: skip
    scores = scores_by_culture(rows)["firing_type"]["m"]
    assert scores.tolist() == pytest.approx([0.6, 0.8])
    assert leaderboard(rows).table.loc["m", ("firing_type", "score")] == pytest.approx(0.7)


def test_a_culture_without_the_label_keeps_its_place_and_is_left_out():
    low, high = {"level": "0.3"}, {"level": "1.2", "scenario_digest": "e"}
    rows = pd.concat([
        made_rows([None, 0.5, None, 0.7], "m", **low),
        made_rows([0.6, 0.7, None, 0.9], "m", **high),
        made_rows([None, 0.6, None, 0.8], "n", **low),
        made_rows([0.7, 0.8, None, 1.0], "n", **high),
    ])  # fmt: skip
    board = leaderboard(rows)
    assert board.scores["firing_type"]["m"].tolist() == pytest.approx([0.6, 0.6, 0.8])
    assert board.scores["firing_type"].index.tolist() == [(0, 0), (0, 1), (0, 3)]
    pair = pairwise(board).iloc[0]
    assert (pair["n_cultures"], abs(pair["difference"])) == (3, pytest.approx(0.1))
    assert pair["p_adjusted"] == pytest.approx(0.25)  # three cultures on one side
    other = [made_rows([0.6] * 4, m, "in_degree", **at) for m in "mn" for at in (low, high)]
    overall = leaderboard(pd.concat([rows, *other])).scores[OVERALL]
    assert overall.index.tolist() == [(0, 0), (0, 1), (0, 3)]
    assert overall["m"].tolist() == pytest.approx([0.25, 0.25, 0.5])


def test_further_metrics_stay_out_of_the_ranking():
    further = made_rows([0.1, 0.1]).assign(metric="ari")
    rows = pd.concat([made_rows([0.6, 0.8]), further])
    assert leaderboard(rows).table.loc["m", ("firing_type", "score")] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"scenario": "t"}, "rows of scenario s and t can't share"),
        ({"scenario_version": 2}, "rows of scenario version 1 and 2 can't share"),
        ({"scoring_version": 2}, "rows of scoring version 1 and 2 can't share"),
        ({"scenario_digest": "e"}, "2 different scenarios are called s v1"),
        ({}, r"the row of m, seed 0, firing_type, .* is a duplicate"),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(change, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        leaderboard(pd.concat([made_rows([0.6]), made_rows([0.6]).assign(**change)]))


def test_no_rows_and_an_unknown_probe_are_refused():
    with pytest.raises(SimbenchError, match="no rows; needed are those of one scenario"):
        leaderboard(made_rows([0.6]).iloc[:0])
    with pytest.raises(SimbenchError, match="unknown probe 'linaer'; allowed: linear, nonlinear"):
        leaderboard(made_rows([0.6]), "linaer")


def test_versions_make_boards_of_their_own_newest_first():
    rows = pd.concat(
        [
            made_rows([0.6]),
            made_rows([0.6], scenario_version=2),
            made_rows([0.6], scoring_version=2),
        ]
    )
    assert [title for title, _ in boards(rows)] == [
        "s v2, scoring v1",
        "s v1, scoring v2",
        "s v1, scoring v1",
    ]
    for _, mine in boards(rows):
        assert len(leaderboard(mine).table) == 1


def test_tables_for_people_and_for_programs():
    table = leaderboard(made_rows([0.6, 0.8], n_parameters=31_000, seconds=90.0)).table
    header, cells = readable(table)
    assert dict(zip(header, cells[0])) | {"leakage gap": ""} == {
        "": "1", "method": "m", "recovery": "0.50", "ties": "a",
        "firing type": "0.70 [0.60, 0.80]", "leakage gap": "", "coverage": "100%", "latents": "2",
        "time": "1.5 min", "memory": "100 MB", "parameters": "31 k",
    }  # fmt: skip
    flat = flat_table(table)
    assert {"firing_type_recovery_low", "letters", "coverage", "memory_mb", "parameters"} <= {*flat}
    assert OVERALL not in flat


def test_the_table_says_how_many_settings_were_tried():
    one = made_rows([0.6, 0.8], settings_tried=12.0)
    header, cells = readable(leaderboard(pd.concat([one, made_rows([0.6, 0.7], "other")])).table)
    assert header[-1] == "settings tried"
    assert [line[-1] for line in cells] == ["12", "not counted"]


def test_interval_of_the_score_agrees_with_scipy():
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(0.7, 0.1, 20)
    line = leaderboard(made_rows(list(values))).table.loc["m", "firing_type"]
    expected = ttest_1samp(values, 0).confidence_interval()
    assert line["low"] == pytest.approx(expected.low, abs=0.004)
    assert line["high"] == pytest.approx(expected.high, abs=0.004)


def test_the_leakage_gap_is_what_chance_has_not():
    rows = pd.concat([made_rows([0.6, 0.8]), made_rows([0.5, 0.5], "chance", family="control")])
    is_neuron = (rows["split"] == "neuron") & (rows["method"] == "chance")
    rows.loc[is_neuron, "value"] = 0.52
    assert leaderboard(rows).table.loc["m", ("firing_type", "leakage_gap")] == pytest.approx(0.105)


def trained(values, deviations, method="m", **others):
    """Rows of a method that was trained several times with seed 0 and once with seed 1."""
    several = [[v + d for v in values] for d in deviations]
    rows = pd.concat([made_rows(values, method, seed=s, **others) for s in (0, 1)])
    rows["per_training"] = [several if s == 0 else None for s in rows["seed"]]
    return rows


def test_intervals_hold_the_spread_between_trainings():
    """Cultures that hardly differ, trainings that do: their s.d. and nothing else is left."""
    values = list(0.7 + np.linspace(-1e-3, 1e-3, 12))
    deviations = [-0.04, -0.02, 0.0, 0.02, 0.04]
    steady = leaderboard(trained(values, [0.0] * 5)).table.loc["m", "firing_type"]
    shaky = leaderboard(trained(values, deviations)).table.loc["m", "firing_type"]
    assert steady["high"] - steady["low"] < 0.002
    sd = np.std(deviations, ddof=1)  # five in seed 0, one in seed 1
    expected = 2 * 1.96 * sd * np.sqrt(1 / 5 + 1) / 2
    assert shaky["high"] - shaky["low"] == pytest.approx(expected, rel=0.15)


def test_a_lead_that_a_training_could_turn_is_no_lead():
    values, ahead = spread(0.7), spread(0.71)
    once = pd.concat([made_rows(v, m, seed=s) for m, v in (("a", ahead), ("b", values))
                      for s in (0, 1)])  # fmt: skip
    assert leaderboard(once).table["firing_type", "is_best"].to_dict() == {"a": True, "b": False}
    often = pd.concat([trained(ahead, [-0.04, 0, 0.04], "a"), trained(values, [0, 0, 0], "b")])
    assert leaderboard(often).table["firing_type", "is_best"].all()
    assert leaderboard(often).table["firing_type", "letters"].eq("a").all()


def test_the_votes_of_cultures_are_tested_exactly():
    votes = [1.0] * 55 + [0.0] * 5
    rows = made_rows(votes, target="topology", metric="vote_accuracy", chance=0.5)
    board = leaderboard(rows)
    line = board.table.loc["m", "topology"]
    assert (board.votes, board.classes) == ({"topology"}, frozenset())
    assert line["score"] == pytest.approx(55 / 60)
    assert line["vote_p"] == pytest.approx(5e-12, rel=0.1)  # sum of binomial(60, k) / 2**60, k > 54


@pytest.mark.parametrize("track", ["pretrained", "taught-elsewhere"])
def test_tracks_of_their_own_are_listed_and_not_ranked(track):
    rows = pd.concat([made_rows([0.6, 0.8]), made_rows([0.8, 0.9], "elsewhere", family=track)])
    board = leaderboard(rows)
    assert list(board.table.index) == ["m", "elsewhere"]
    assert np.isnan(board.table.loc["elsewhere", ("method", "rank")])
    assert board.ranked == ["m"]
    assert f"elsewhere ({track})" in leaderboard_text(board)


def test_recovery_is_given_against_both_ends():
    taught = made_rows([0.75, 0.85], "traces-taught", family="control")
    table = leaderboard(pd.concat([made_rows([0.6, 0.7]), taught])).table
    line = table.loc["m", "firing_type"]
    assert line["recovery"] == pytest.approx(0.15 / 0.4)
    assert line["recovery_of_traces"] == pytest.approx(0.15 / 0.3)
    assert table.loc["traces-taught", ("firing_type", "recovery_of_traces")] == pytest.approx(1)
    header, cells = readable(table)
    assert dict(zip(header, cells[0]))["share of what traces hold"] == "0.50"
    assert "recovery_of_traces" not in leaderboard(made_rows([0.6, 0.7])).table["firing_type"]


def test_a_score_is_the_mean_that_its_interval_and_tests_are_of():
    """Animals that several seeds share count once, however often they tested."""
    seeds = [
        made_rows(values, seed=seed, cultures=names)
        for seed, (values, names) in enumerate([([0.6, 0.8], ["a", "b"]), ([0.6], ["a"])])
    ]
    board = leaderboard(pd.concat(seeds))
    line = board.table.loc["m", "firing_type"]
    assert line["score"] == pytest.approx(0.7) == board.scores["firing_type"]["m"].mean()
    assert line["recovery"] == pytest.approx(0.5)


def test_trainings_of_one_seed_stand_for_all_seeds_of_animals_that_these_share():
    deviations, names = [-0.05, 0.0, 0.05], [f"animal-{k}" for k in range(12)]
    values = list(0.7 + np.linspace(-1e-3, 1e-3, 12))
    apart = leaderboard(trained(values, deviations)).table.loc["m", "firing_type"]
    shared = trained(values, deviations).assign(cultures=[names] * 4)
    line = leaderboard(shared).table.loc["m", "firing_type"]
    assert line["high"] - line["low"] == pytest.approx(apart["high"] - apart["low"], rel=0.1)
