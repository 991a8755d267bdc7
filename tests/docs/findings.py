"""What pages say in words of the results, and what has to hold for it."""

import sys
from functools import cache

from blocks import ROOT

from simbench.benchmark.rows import read_rows
from simbench.board.leaderboard import leaderboard
from simbench.board.scores_by_culture import OVERALL, scores_by_culture

sys.path.append(str(ROOT / "paper"))
from facts import relations

README, FOUND = "README.md", "docs/explanation/what-was-found.md"
REAL, AVAE = "docs/explanation/what-real-cells-say.md", "docs/explanation/the-avae.md"
LEVEL, ABOVE, BELOW = "level with", "above", "below"

RANKING = (
    "firing-types", "firing-types-matched", "excitation", "continuous", "topologies", "tracks"
)  # fmt: skip
"""Scenarios run with three seeds and all methods, which rank these."""
LADDERS = ("noise-ladder", "haze", "frame-rate", "indicators", "batch", "duration")
LEARNED_FILTERS = (
    "filters=learned", "filters=learned, nll_weight=0", "filters=learned, contrast_weight=0",
)  # fmt: skip
SMALL_CHANGES = (
    "n_hidden=64", "n_steps=1500", "dropout=0", "window_s=20", "n_statistics=64", "beta=0",
    "population=False", "centre=all",
)  # fmt: skip
ALONE = "avae[statistics_weight=0, contrast_weight=0]"
LABELLED = (2, 5, 10, 20, 50)
"""Cultures whose labels a probe sees, in `label-efficiency`."""

# Page, its words, and what has to hold for them: scenario (at one level), target, one method,
# relation, another.
FINDINGS = [
    (README, "on `firing-types`, and below the best linear method", [
        ("firing-types", "firing_type", "avae-published", LEVEL, "pca"),
        ("firing-types", "firing_type", "avae-published", BELOW, "best linear"),
    ]),
    (README, "above the best linear method and above `spectrum` on all four boards", [
        ("firing-types", "firing_type", "avae", ABOVE, "best linear"),
        ("firing-types-matched", "firing_type", "avae", ABOVE, "best linear"),
        ("excitation", "inhibitory", "avae", ABOVE, "best linear"),
        ("topologies", "topology", "avae", ABOVE, "best linear"),
        ("firing-types", "firing_type", "avae", ABOVE, "spectrum"),
        ("firing-types-matched", "firing_type", "avae", ABOVE, "spectrum"),
        ("excitation", "inhibitory", "avae", ABOVE, "spectrum"),
        ("topologies", "topology", "avae", ABOVE, "spectrum"),
    ]),
    (README, "on all four boards, and level with `window-discriminants`", [
        ("firing-types", "firing_type", "avae", LEVEL, "window-discriminants"),
        ("firing-types-matched", "firing_type", "avae", LEVEL, "window-discriminants"),
        ("excitation", "inhibitory", "avae", LEVEL, "window-discriminants"),
        ("topologies", "topology", "avae", LEVEL, "window-discriminants"),
    ]),
    (README, "all methods are below statistics of the true spikes counted in camera frames", [
        ("firing-types", "firing_type", "best ranked", BELOW, "spikes-frames"),
        ("firing-types-matched", "firing_type", "best ranked", BELOW, "spikes-frames"),
    ]),
    (README, "statistics by hand lead", [
        ("recorded-cells", OVERALL, "spectrum", ABOVE, "avae"),
    ]),
    (FOUND, "level with principal components of the trace there, and below three amplitudes", [
        ("firing-types", "firing_type", "avae-published", LEVEL, "pca"),
        ("firing-types", "firing_type", "avae-published", BELOW, "trace-stats"),
    ]),
    (FOUND, "is above the best linear method and above `spectrum` and `spectrum+population`, "
     "statistics by hand that it reads; it is level with `events+population` and with "
     "`window-discriminants`", [
        ("firing-types", "firing_type", "avae", ABOVE, "best linear"),
        ("firing-types", "firing_type", "avae", ABOVE, "spectrum"),
        ("firing-types", "firing_type", "avae", ABOVE, "spectrum+population"),
        ("firing-types", "firing_type", "avae", LEVEL, "events+population"),
        ("firing-types", "firing_type", "avae", LEVEL, "window-discriminants"),
    ]),
    (FOUND, "(`avae[filters=learned]`) it is below them", [
        ("firing-types", "firing_type", "avae[filters=learned]", BELOW, "spectrum"),
        ("firing-types", "firing_type", "avae[filters=learned]", BELOW, "spectrum+population"),
        ("firing-types", "firing_type", "avae[filters=learned]", BELOW, "events+population"),
        ("firing-types", "firing_type", "avae[filters=learned]", BELOW, "window-discriminants"),
    ]),
    (FOUND, "the `avae` is above `spectrum`, `spectrum+population` and `events+population`, and "
     "level with `window-discriminants`. On both", [
        ("firing-types-matched", "firing_type", "avae", ABOVE, "spectrum"),
        ("firing-types-matched", "firing_type", "avae", ABOVE, "spectrum+population"),
        ("firing-types-matched", "firing_type", "avae", ABOVE, "events+population"),
        ("firing-types-matched", "firing_type", "avae", LEVEL, "window-discriminants"),
    ]),
    (FOUND, "On both boards the `avae` is below what spikes counted in frames say", [
        ("firing-types", "firing_type", "avae", BELOW, "spikes-frames"),
        ("firing-types-matched", "firing_type", "avae", BELOW, "spikes-frames"),
    ]),
    (FOUND, "in `firing-types` and in `topologies` the `avae` is above the best linear method and "
     "above `spectrum`, and level with `window-discriminants`", [
        (scenario, "in_degree", "avae", relation, other)
        for scenario in ("firing-types", "topologies")
        for relation, other in (
            (ABOVE, "best linear"), (ABOVE, "spectrum"), (LEVEL, "window-discriminants")
        )
    ]),
    (FOUND, "it is above `spectrum` and above both sets of statistics that hold the population, "
     "and level with `window-discriminants`", [
        ("continuous", "in_degree", "avae", ABOVE, "spectrum"),
        ("continuous", "in_degree", "avae", ABOVE, "spectrum+population"),
        ("continuous", "in_degree", "avae", ABOVE, "events+population"),
        ("continuous", "in_degree", "avae", LEVEL, "window-discriminants"),
    ]),
    (FOUND, "a (recovery rate, 1/ms) it is above `spectrum`, too", [
        ("continuous", name, "avae", ABOVE, "spectrum") for name in "cda"
    ]),
    (FOUND, "it is level with `window-discriminants` on c, above them on d and below them on a", [
        ("continuous", "c", "avae", LEVEL, "window-discriminants"),
        ("continuous", "d", "avae", ABOVE, "window-discriminants"),
        ("continuous", "a", "avae", BELOW, "window-discriminants"),
    ]),
    (FOUND, "and `events+population`, and above `spectrum` and `pca`", [
        ("topologies", "topology", "avae", ABOVE, "spectrum"),
        ("topologies", "topology", "avae", LEVEL, "window-discriminants"),
        ("topologies", "topology", "avae", LEVEL, "events+population"),
        ("topologies", "topology", "avae", ABOVE, "pca"),
    ]),
    (FOUND, "the published AVAE is below the first two, and level with `pca`", [
        ("topologies", "topology", "avae-published", BELOW, "window-discriminants"),
        ("topologies", "topology", "avae-published", BELOW, "events+population"),
        ("topologies", "topology", "avae-published", LEVEL, "pca"),
    ]),
    (FOUND, "there the `avae` is above `spectrum` and level with `window-discriminants`, and the "
     "published AVAE is level with `pca`", [
        ("tracks", "topology", "avae", ABOVE, "spectrum"),
        ("tracks", "topology", "avae", LEVEL, "window-discriminants"),
        ("tracks", "topology", "avae-published", LEVEL, "pca"),
    ]),
    (FOUND, "`trace-stats` is level with the `avae`, and so is the published AVAE, itself level "
     "with `pca`", [
        ("tracks-as-grown", "topology", "trace-stats", LEVEL, "avae"),
        ("tracks-as-grown", "topology", "avae-published", LEVEL, "avae"),
        ("tracks-as-grown", "topology", "avae-published", LEVEL, "pca"),
    ]),
    (FOUND, "from the `avae` above `spectrum` and above the best linear method, level with "
     "`window-discriminants`, and below `spectrum+population`", [
        ("excitation", "inhibitory", "avae", ABOVE, "spectrum"),
        ("excitation", "inhibitory", "avae", ABOVE, "best linear"),
        ("excitation", "inhibitory", "avae", LEVEL, "window-discriminants"),
        ("excitation", "inhibitory", "avae", BELOW, "spectrum+population"),
    ]),
    (FOUND, "(`avae[population=False]`) it is below the full `avae`. The published AVAE is level "
     "with `trace-stats`", [
        ("excitation", "inhibitory", "avae[population=False]", BELOW, "avae"),
        ("excitation", "inhibitory", "avae-published", LEVEL, "trace-stats"),
    ]),
    (FOUND, "Over its levels the `avae` is below `window-discriminants` in `haze`, and level with "
     "them in the other five", [
        (ladder, "firing_type", "avae", BELOW if ladder == "haze" else LEVEL,
         "window-discriminants") for ladder in LADDERS
    ]),
    (FOUND, "It is above `spectrum` over the levels of each ladder", [
        (ladder, "firing_type", "avae", ABOVE, "spectrum") for ladder in LADDERS
    ]),
    (FOUND, "(`noise-ladder`, nu = 8 %/√Hz) the `avae` is level with `trace-stats`", [
        ("noise-ladder@8.0", "firing_type", "avae", LEVEL, "trace-stats"),
    ]),
    (FOUND, "of 15 s (`duration`) it is above `trace-stats` and `spectrum`", [
        ("duration@15.0", "firing_type", "avae", ABOVE, "trace-stats"),
        ("duration@15.0", "firing_type", "avae", ABOVE, "spectrum"),
    ]),
    (FOUND, "the `avae` is above `trace-stats` and level with `window-discriminants`, and "
     "`spectrum` is level with chance", [
        ("indicators@jGCaMP8m", "firing_type", "avae", ABOVE, "trace-stats"),
        ("indicators@jGCaMP8m", "firing_type", "avae", LEVEL, "window-discriminants"),
        ("indicators@jGCaMP8m", "firing_type", "spectrum", LEVEL, "chance"),
    ]),
    (FOUND, "level with `pca` over the levels of noise, haze, frame rate, indicator and duration, "
     "and above it over those of batch effects", [
        (ladder, "firing_type", "avae-published", ABOVE if ladder == "batch" else LEVEL, "pca")
        for ladder in LADDERS
    ]),
    (FOUND, "With two labelled cultures it is above `window-discriminants`, too, which also learns "
     "without labels, and with more it is level", [
        ("label-efficiency@2", "firing_type", "avae", ABOVE, "window-discriminants"),
        *((f"label-efficiency@{n}", "firing_type", "avae", LEVEL, "window-discriminants")
          for n in LABELLED[1:]),
    ]),
    (FOUND, "below `spectrum` with two labelled cultures, level with it with five, and above it "
     "with more", [
        (f"label-efficiency@{n}", "in_degree", "avae", relation, "spectrum")
        for n, relation in zip(LABELLED, (BELOW, LEVEL, ABOVE, ABOVE, ABOVE))
    ]),
    (FOUND, "It is above `window-discriminants` with 2 and 5, and level with more", [
        (f"label-efficiency@{n}", "in_degree", "avae", ABOVE if n < 10 else LEVEL,
         "window-discriminants") for n in LABELLED
    ]),
    (REAL, "On rate and on the irregularity of intervals `spectrum` is above the `avae`, as on "
     "measured cells", [
        (scenario, name, "spectrum", ABOVE, "avae")
        for scenario in ("recorded-cultures", "recorded-cells") for name in ("log_rate", "isi_cv")
    ]),
    (REAL, "on the share of spikes in bursts they are level", [
        ("recorded-cultures", "burst_fraction", "spectrum", LEVEL, "avae"),
    ]),
    (REAL, "is told from the `avae` and from `spectrum` above `trace-stats`", [
        ("recorded-cultures", "region", name, ABOVE, "trace-stats") for name in ("avae", "spectrum")
    ]),
    (REAL, "the `avae` is below them, and below the shipped `avae-pretrained`", [
        ("recorded-cells", OVERALL, "avae", BELOW, "spectrum"),
        ("recorded-cells", OVERALL, "avae", BELOW, "avae-pretrained"),
    ]),
    (AVAE, "agree on firing type for the number of latents and for learned filters, and the "
     "likelihood alone is below the whole there, too", [
        ("ablation", "firing_type", f"avae[{change}]", BELOW, "avae")
        for change in ("n_components=16", "n_components=8", "n_components=2", *LEARNED_FILTERS)
    ] + [("ablation", "firing_type", ALONE, BELOW, "avae")]),
    (AVAE, "Without the likelihood the `avae` is level with the whole on both labels", [
        ("ablation", label, "avae[nll_weight=0]", LEVEL, "avae")
        for label in ("firing_type", "in_degree")
    ]),
    (AVAE, "On in-degree no dropout, windows of 20 s and no KL divergence are below the `avae`", [
        ("ablation", "in_degree", f"avae[{change}]", BELOW, "avae")
        for change in ("dropout=0", "window_s=20", "beta=0")
    ]),
    (AVAE, "The likelihood alone is level with the untrained encoder on firing type, and without "
     "the prediction of statistics the `avae` is level with the whole on in-degree", [
        ("ablation", "firing_type", ALONE, LEVEL, "untrained"),
        ("ablation", "in_degree", "avae[statistics_weight=0]", LEVEL, "avae"),
    ]),
    (FOUND, "statistics by hand lead, and the `avae` does not", [
        ("recorded-cells", OVERALL, "spectrum", ABOVE, "avae"),
    ]),
    (FOUND, "Over its levels the `avae` is level with `window-discriminants` and above "
     "`spectrum`", [
        ("cells", "firing_type", "avae", ABOVE, "spectrum"),
        ("cells", "firing_type", "avae", LEVEL, "window-discriminants"),
    ]),
]  # fmt: skip


@cache
def board_of(scenario):
    name, _, level = scenario.partition("@")
    apart = ROOT / "results" / "validation" / f"{name}-rows.jsonl.gz"
    rows = read_rows(apart if name == "what-helped" else ROOT / "results" / name)
    rows = rows[rows["level"] == level] if level else rows
    return rows, leaderboard(rows)


@cache
def relations_of(scenario, target):
    return relations(scores_by_culture(board_of(scenario)[0])[target])


def named(method, scenario, target):
    """A method by its name, or the best of those that are ranked, or of the linear ones."""
    board = board_of(scenario)[1]
    family = board.table["method", "family"]
    among = {"best linear": family == "linear", "best ranked": family.index.isin(board.ranked)}
    if method not in among:
        return method
    return str(board.table.loc[among[method], (target, "score")].idxmax())


def words_of(page):
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())
