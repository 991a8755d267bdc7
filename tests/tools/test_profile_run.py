"""The script that says where the time of a run goes."""

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from profile_run import COLUMNS, profile, table


@pytest.mark.slow
def test_every_station_has_its_share(tiny):
    before = dict(os.environ)
    seconds = profile(tiny.model_copy(update={"methods": ["pca"]}))
    assert os.environ == before
    assert {station for station, _ in seconds} == {
        "simulate", "image", "dF/F", "fit", "score", "report"
    }  # fmt: skip
    assert {("fit", "pca"), ("score", "linear"), ("score", "nonlinear"), ("score", "dci")} <= {
        *seconds
    }
    assert all(spent >= 0 for spent in seconds.values())
    found = pd.DataFrame([("tiny", *key, s) for key, s in seconds.items()], columns=COLUMNS)
    assert "| fit pca |" in table(found)
