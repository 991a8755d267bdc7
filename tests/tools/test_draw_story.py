"""The picture of the README is drawn from what simbench simulates and scores."""

import sys
from pathlib import Path

import pytest
import torch  # noqa: F401

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))
import draw_story  # noqa: E402


@pytest.mark.slow
def test_it_has_four_panels_and_the_scores_of_a_scenario():
    figure = draw_story.story(ROOT / "tests" / "tiny.toml")
    assert len(figure.axes) == 4
    scores = figure.axes[3]
    means = [bar.get_width() for bar in scores.patches]
    assert len(means) == len(draw_story.METHODS)
    assert all(0 <= mean <= 1 for mean in means)
    assert [label.get_text() for label in scores.get_yticklabels()][-1] == "true spikes"
