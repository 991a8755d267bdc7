"""What pages say in words of the results is what the committed rows say."""

import pandas as pd
import pytest
from blocks import ROOT
from findings import (
    ABOVE,
    ALONE,
    AVAE,
    BELOW,
    FINDINGS,
    FOUND,
    LABELLED,
    LADDERS,
    LEARNED_FILTERS,
    LEVEL,
    RANKING,
    README,
    REAL,
    SMALL_CHANGES,
    board_of,
    named,
    relations,
    relations_of,
    words_of,
)

from simbench.benchmark.rows import read_rows
from simbench.board.reality_boards import REGISTERED, verdicts
from simbench.board.scores_by_culture import OVERALL, scores_by_culture
from simbench.report.validation.optics_report import GAIN_RULE, KEPT, MISSED, UNTOLD
from simbench.report.validation.optics_validation import IN_VIVO, SWAPPED


@pytest.mark.parametrize(("page", "words", "held"), FINDINGS)
def test_words_are_those_of_the_rows(page, words, held):
    assert words in words_of(page)
    for scenario, target, one, relation, other in held:
        one, other = (named(method, scenario, target) for method in (one, other))
        assert relations_of(scenario, target)[one][other] == relation, (scenario, one, other)


@pytest.mark.parametrize(("target", "lifted"), [
    ("firing_type", {}),
    ("in_degree", {"cebra": "window_s=1", "segment-vicreg": "gain_sd=0.4"}),
])  # fmt: skip
def test_words_on_the_settings_of_rivals_are_those_of_the_rows(target, lifted):
    rows = read_rows(ROOT / "results" / "validation" / "rivals-rows.jsonl.gz")
    means = scores_by_culture(rows)[target].mean()
    page = words_of(AVAE)
    assert "In the mean none reaches the `avae` on either label" in page
    assert "above all settings of three networks on both labels" in page
    assert "of the two segment methods, and of `cebra` on in-degree" in page
    of_avae = relations(scores_by_culture(rows)[target])["avae"]
    assert "no setting lifts a network by more than .01 in the mean over 16 test" in page
    assert "in-degree two are lifted by .03 or more: `cebra` by windows of 1 s" in page
    for name in ("segment-contrastive", "segment-vicreg", "mlp-vae", "linear-autoencoder", "cebra",
                 "avae-published"):  # fmt: skip
        tried = means[[method for method in means.index if method.startswith(f"{name}[")]]
        assert len(tried) == 7
        assert all(setting[len(name) + 1 : -1] in page for setting in tried.index)
        assert max(*tried, means[name]) < means["avae"]
        found = {of_avae[method] for method in (name, *tried.index)}
        some_level = name.startswith("segment-") or (name, target) == ("cebra", "in_degree")
        assert found == ({ABOVE, LEVEL} if some_level else {ABOVE})
        gain = tried.max() - means[name]
        if name in lifted:
            assert tried.idxmax() == f"{name}[{lifted[name]}]"
            assert gain >= 0.03
        else:
            assert gain < (0.01 if target == "firing_type" else 0.03)


def below(target, one, other="avae"):
    """By how much a method of the table is below another, in each of the five seeds."""
    scores = scores_by_culture(board_of("what-helped")[0])[target]
    difference = scores[other] - scores[one]
    difference.index = pd.MultiIndex.from_tuples(difference.index, names=["seed", "culture"])
    by_seed = difference.groupby("seed").mean()
    assert list(by_seed.index) == list(range(1000, 1005))
    return by_seed


@pytest.mark.parametrize("target", ["firing_type", "in_degree"])
def test_words_on_what_helps_are_those_of_each_seed(target):
    page = words_of(AVAE)
    assert "With 8 or 2 latents it is below the `avae` on firing type and on in-degree" in page
    assert "above or below is so in each of the five seeds" in page
    lower = ("n_components=2", "n_components=8", *LEARNED_FILTERS)
    for one in (*(f"avae[{change}]" for change in lower), ALONE, "untrained"):
        assert (below(target, one) > 0).all(), one
    assert "With 16 latents it is below in four seeds of the five, on both labels" in page
    assert (below(target, "avae[n_components=16]") > 0).sum() == 4
    assert "None is above or below in all seeds, on either label" in page
    for change in SMALL_CHANGES:
        found = below(target, f"avae[{change}]")
        assert 0 < (found > 0).sum() < 5, change
        assert abs(found.mean()) < 0.02, change
    assert "without the prediction of statistics it is below on in-degree" in page
    assert (below(target, "avae[statistics_weight=0]") > 0).all() == (target == "in_degree")
    assert "contrast it is below by .01 in the mean on both labels, and not in all seeds" in page
    contrast = below(target, "avae[contrast_weight=0]")
    assert round(contrast.mean(), 2) == 0.01
    assert (contrast < 0).any()
    assert "without it the `avae` differs by less than .005 on both labels" in page
    assert abs(below(target, "avae[nll_weight=0]").mean()) < 0.005
    assert "above the untrained encoder on both" in page
    assert (below(target, "untrained", ALONE) > 0).all()


def test_words_on_learned_filters_are_those_of_the_table():
    table = pd.read_csv(ROOT / "results" / "validation" / "filters.csv")
    scores = table.pivot_table("value", ["metric", "encoder"], "cultures")
    accuracy, r2 = (scores.loc[metric] for metric in ("balanced_accuracy", "within_type_r2"))
    assert list(scores) == [20, 80, 320, 1280]
    page = words_of(AVAE)
    assert "With statistics made by hand more than 80 cultures add .02 or less" in page
    for by_hand in (accuracy.loc["statistics"], r2.loc["statistics"]):
        assert by_hand[[320, 1280]].max() <= by_hand[80] + 0.02
    assert "better the more cultures there are, and with 1,280 as well as with statistics" in page
    assert r2.loc["learned"].is_monotonic_increasing
    assert abs(r2.loc["learned", 1280] - r2.loc["statistics", 1280]) < 0.015
    assert "Firing type rises late, and stays below what statistics give" in page
    assert accuracy.loc["learned"].idxmax() == 1280
    assert (accuracy.loc["learned"] < accuracy.loc["statistics"] - 0.03).all()


def test_training_adds_on_the_boards():
    page = words_of(AVAE)
    assert "every label with the linear probe, and with boosted trees on all but one" in page
    assert "the wiring of `topologies`, for which cultures vote, it is level" in page
    for scenario in RANKING:
        for probe in ("linear", "nonlinear"):
            scores = scores_by_culture(board_of(scenario)[0], probe)
            for target in scores.keys() - {OVERALL}:
                is_exception = (scenario, probe, target) == ("topologies", "nonlinear", "topology")
                found = relations(scores[target])["avae"]["untrained"]
                assert found == (LEVEL if is_exception else ABOVE), (scenario, probe, target)


def test_with_few_labels_avae_is_above_every_set_of_statistics():
    page, (rows, _) = words_of(FOUND), board_of("label-efficiency")
    with_population = ("spectrum+population", "events+population")
    for n in LABELLED:
        scores = scores_by_culture(rows[rows["level"] == str(n)])
        of_type, of_degree = scores["firing_type"], scores["in_degree"]
        for name in ("spectrum", "pca-spectrum", *with_population):
            is_level = n == 50 and name in with_population
            assert relations(of_type)["avae"][name] == (LEVEL if is_level else ABOVE)
            assert n > 10 or (of_type["avae"] - of_type[name]).mean() >= 0.03
        for name in with_population:
            assert relations(of_degree)["avae"][name] == {2: BELOW, 20: ABOVE}.get(n, LEVEL)
            assert n != 20 or (of_degree["avae"] - of_degree[name]).mean() < 0.01
    assert "the `avae` is above every set of statistics by hand" in page
    assert "with 2, 5 and 10 labelled cultures by .03 or more. With 20 it is above them" in page
    assert "too, and with 50 level with the two that hold the population" in page
    words = (
        "below the two sets that hold the population with 2, above them with 20, by less than .01"
    )
    assert f"{words}, and level with them with 5, 10 and 50" in page


def test_on_parameters_avae_and_discriminants_differ_by_little():
    scores = scores_by_culture(board_of("continuous")[0])
    assert "and below them on a, by less than .01" in words_of(FOUND)
    for name in "cda":
        difference = scores[name]["avae"] - scores[name]["window-discriminants"]
        assert abs(difference.mean()) < 0.01


def test_the_headline_leaves_room_above_features_of_the_spectrum():
    score = board_of("firing-types")[1].table["firing_type", "score"]
    assert score["spikes"] - score["spectrum"] >= 0.15


def test_words_on_cultures_are_those_of_the_table():
    table = pd.read_csv(ROOT / "results" / "validation" / "cultures.csv")
    table = table[~table["scenario"].isin(["firing-types-classic"])]
    parts, table = table[table["condition"].notna()], table[table["condition"].isna()]
    page = words_of(REAL)

    def outside(column, table=table):
        some = table[table[column].abs() > 1]
        return {s: set(mine["scenario"]) for s, mine in some.groupby("statistic")}

    assert outside("distance") == {"silent_share": {"tracks-as-grown"}}
    wirings = parts[(parts["scenario"] == "topologies") & (parts["distance"].abs() > 1)]
    assert set(wirings["condition"]) == {"tracks", "random"}
    assert "those of `tracks` and `random` alone do not" in page
    inside = {"firing-types", "label-efficiency", "quickstart", "topologies", "tracks"}
    others = set(table["scenario"]) - inside - {"ablation"}  # that has cultures of firing-types
    assert outside("held_out") == {"silent_share": others}
    assert (table.loc[table["held_out"].abs() > 1, "held_out"] > 0).all()
    assert "`quickstart`, `topologies` and `tracks` are inside in all nine; in the other" in page
    heard = outside("as_electrodes")
    cortical = set(table.loc[table["region"] == "cortical", "scenario"]) - {"excitation"}
    assert heard == {
        "burst_fraction": cortical, "mean_rate_hz": {"quickstart"},
        "log_rate_sd": {"topologies", "label-efficiency"}, "silent_share": {"tracks-as-grown"},
    }  # fmt: skip
    too_low = table.loc[table["as_electrodes"] < -1, "statistic"]
    assert set(too_low) == {"log_rate_sd"}
    assert "all scenarios but `excitation` leave the range" in page


def test_seeds_are_those_of_the_rows():
    divided = ("recorded-cells", "recorded-cells-twins")
    for file in (ROOT / "results").glob("*/rows.jsonl.gz"):
        named = {1, 2, 3, 4} if file.parent.name in divided else {1, 2, 3}
        assert set(read_rows(file)["seed"]) == named, file
    words = "rows of seeds 1 to 3, and 1 to 4 of `recorded-cells` and `recorded-cells-twins` (four"
    assert words in words_of(FOUND)
    assert "(four divisions of the same cells); no setting was chosen on them" in words_of(FOUND)


def test_draws_of_recorded_cultures_are_those_of_the_rows():
    rows = read_rows(ROOT / "results" / "recorded-cultures")
    tested = rows.dropna(subset=["cultures"]).groupby("seed")["cultures"].first().map(set)
    assert list(map(len, tested)) == [17] * 3
    assert len(set.union(*tested)) == 28
    assert "Three draws of 17 test cultures, 28 in all" in words_of(REAL)


def test_unlike_cells_are_read_less():
    assert "read the type best where cells are alike, less where they differ" in words_of(FOUND)
    curves = pd.read_csv(ROOT / "results" / "cells" / "curves.csv")
    methods = ["avae", "window-discriminants", "spectrum"]
    by_level = curves[curves["method"].isin(methods)].pivot_table("score", "x", "method")
    assert (by_level.diff().iloc[1:] < 0).all(axis=None)


def test_words_on_ranks_are_those_of_the_table():
    table = pd.read_csv(ROOT / "results" / "validation" / "ranks.csv")
    found = verdicts(table)
    fixed = found[~found["is_later"]]
    kept = fixed.groupby([fixed["board"].str.contains("twins"), "measure"])["kept"].sum()
    assert dict(kept) == {(False, "tau"): 3, (True, "concordance"): 3, (True, "tau"): 1}
    page = words_of(REAL)
    assert "Of the three on tau of the twins two were missed" in page
    least = {(kind, measure): value for kind, measure, value in REGISTERED}
    assert f"thresholds are {least['twins', 'concordance']} for concordance and " in page
    assert f"and {least['twins', 'tau']} for tau on the twins, and " in page
    assert f"and {least['suite mean', 'tau']} for the suite's mean tau" in page
    suite = table[table["kind"] == "suite"].assign(
        ladder=lambda t: t["board"].isin([*LADDERS, "cells"])
    )
    means = suite.pivot_table("tau", "target", "ladder")
    assert set(means.index[means[True] >= means[False]]) == {"isi_cv2"}
    assert (
        "and on all labels but `isi_cv2` they agree less with real cells than the other boards"
        in page
    )
    above = (table["tau_low"] > 0).groupby(table["board"]).sum()
    assert above["held-out cultures"] == above["held-out cultures less split by neuron"] == 4
    assert "with intervals of tau above zero for all four labels" in page
    contrast = read_rows(ROOT / "results" / "validation" / "abante2025-rows.jsonl.gz")
    assert contrast["seed"].nunique() == 4
    assert "The contrast rests on four seeds" in page
    neuron = table[table["board"] == "split by neuron"]
    (told,) = neuron[neuron["tau_low"] * neuron["tau_high"] > 0].itertuples()
    assert told.tau > 0
    assert len(neuron) == 4
    name = told.target.replace("_", " ")
    words = f"the interval holds zero on three of them, and tau is {told.tau:.2f} for {name}."
    assert f"with the split by neuron {words}" in page
    words = "the interval of the agreement holds zero on three of four labels"
    assert f"if neurons are split instead, {words}" in words_of(README)


def test_boards_counted_once_miss_one_threshold():
    table = pd.read_csv(ROOT / "results" / "validation" / "ranks.csv")
    means = table[table["kind"] == "suite"].groupby("target")["tau"].mean()
    missed = means[means < REGISTERED[-1][2]]
    assert list(missed.index) == ["log_rate"]
    words = f"mean tau is {missed.iloc[0]:.2f} for log rate, which misses its threshold"
    assert f"with every board counted once the suite's {words}" in words_of(REAL)


def test_the_best_linear_method_is_what_the_table_says():
    summary = pd.read_csv(ROOT / "results" / "summary.csv")
    linear = summary.loc[summary["shown_as"] == "best linear", "method"]
    assert (linear == "pca-spectrum").mean() > 0.75
    assert "the best linear method, often PCA of the log spectrum" in words_of(README)


def optics_of(model):
    table = pd.read_csv(ROOT / "results" / "validation" / "optics.csv")
    return table[table["model"] == model].set_index("indicator")


def test_words_on_gains_are_those_of_the_table():
    preset, swapped, page = optics_of(IN_VIVO), optics_of(SWAPPED), words_of(REAL)
    by = preset.groupby("verdict").groups
    assert f"median gain of {GAIN_RULE[0]} to {GAIN_RULE[1]}" in page
    kept, missed, untold = (" and ".join(by[v][-2:]) for v in (KEPT, MISSED, UNTOLD))
    first = by[KEPT][0]
    assert f"kept for {first}, {kept}, and missed for {missed}, whose" in page
    assert len(by[KEPT]) == 3
    assert f"{untold} was tested on one animal" in page
    off = preset.loc[by[MISSED]]
    assert ((off["gain_low"] < GAIN_RULE[1]) & (off["gain_high"] > GAIN_RULE[0])).all()
    assert set(swapped.index[swapped["verdict"] == KEPT]) == set(by[KEPT])
    assert "is kept for the same three" in page
    assert (preset["r"] >= optics_of("culture")["r"]).all()
    assert "is kept for all six" in page


def test_words_on_single_spikes_are_those_of_the_table():
    preset, culture, page = optics_of(IN_VIVO), optics_of("culture"), words_of(REAL)
    share = preset["peak_simulated"] / preset["peak"]
    assert (share < 1).all()
    assert len(share) == 6
    assert set(share.index[share < 0.5]) == {"GCaMP6s", "GCaMP6f", "jGCaMP7f", "jGCaMP8s"}
    assert "too little, for all six indicators: to less than half of the measured peak for " in page
    bright = culture[culture.index.str.startswith("jGCaMP8")]
    assert (bright["peak_simulated"] / bright["peak"] - 1).abs().max() < 0.2
    assert "a culture preset of jGCaMP8, whose peaks are within a fifth of the measured" in page


def test_words_on_published_indicators_are_those_of_the_table():
    table = pd.read_csv(ROOT / "results" / "validation" / "published.csv")
    explained = table.pivot_table("ev_gain", "indicator", "change")
    more = explained.sub(explained["published"], axis=0)
    new = more.index.str.startswith("j")
    assert (explained["decays fitted"] > explained["preset"] - 0.02)[new].all()
    assert (more["zero moved"] < 0.01).all()
    assert (more["line"] < 0.1).all()
    assert (more.loc[~new, ["decays fitted", "curve fitted"]] > 0.05).all(axis=None)
    page = words_of(REAL)
    assert "they explain as much as the presets for jGCaMP7f and jGCaMP8." in page
    assert "explains nothing more, and taking out saturation adds less than 0.1 to the" in page
    assert "For GCaMP6 decay and saturation curve were off" in page
