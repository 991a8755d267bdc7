"""Recovery: where a score lies between its floor, random latents, and its ceiling, the spikes."""

import pandas as pd

from simbench.scoring import HEADLINE

_KEYS = ["target", "metric", "probe", "split"]


def with_recovery(scores: pd.DataFrame, floor: pd.DataFrame, ceiling: pd.DataFrame) -> pd.DataFrame:
    """Place scores between a floor and a ceiling: adds ``chance``, ``ceiling``, ``recovery``.

    They are NaN where floor or ceiling have no such score.
    """
    known = scores["chance"] if "chance" in scores else pd.Series(dtype=float)  # of a vote
    scores = scores.drop(columns="chance", errors="ignore")
    for name, reference in {"chance": floor, "ceiling": ceiling}.items():
        values = reference[[*_KEYS, "value"]].rename(columns={"value": name})
        scores = scores.merge(values, on=_KEYS, how="left", validate="many_to_one")
    scores["chance"] = known.reindex(scores.index).fillna(scores["chance"])
    span = scores["ceiling"] - scores["chance"]
    has_recovery = scores["metric"].isin(HEADLINE) & (span > 0)
    scores["recovery"] = (scores["value"] - scores["chance"]) / span.where(has_recovery)
    return scores
