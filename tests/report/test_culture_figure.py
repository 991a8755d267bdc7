import numpy as np
import pytest

from simbench.data.real_cultures import STATISTICS
from simbench.report.culture_figure import draw_culture
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import load_scenario


@pytest.mark.parametrize("topology", ["flat", "squares", "modular"])
def test_the_figure_shows_every_neuron_and_spike(topology):
    data = load_scenario("quickstart").model_dump()
    wiring = {**data["culture"]["wiring"], "topology": topology, "mean_in_degree": 8.0}
    data["culture"] = {**data["culture"], "wiring": wiring, "n_neurons": 60, "duration_s": 5.0}
    figure = draw_culture(Scenario.model_validate(data))
    axes = {ax.get_xlabel(): ax for ax in figure.axes}
    dish, raster = axes["x (mm)"], axes["time (s)"]
    shown = [c for c in dish.collections if len(c.get_offsets()) and not hasattr(c, "get_segments")]
    assert sum(len(c.get_offsets()) for c in shown) == 60
    assert bool(dish.images) == (topology == "squares")
    assert sum(len(line.get_xdata()) for line in raster.lines) > 20
    degrees = axes["in-degree"]
    assert sum(bar.get_height() for bar in degrees.patches) == 60
    assert np.isfinite(raster.get_xlim()).all()
    (real,) = (ax for ax in figure.axes if ax.get_title().startswith("beside real hippocampal"))
    (shaded,) = real.patches
    assert (shaded.get_x(), shaded.get_width()) == (-1, 2)
    assert len(real.collections[0].get_offsets()) == len(STATISTICS)


def test_the_culture_is_the_first_that_is_simulated():
    split = {"test_fraction": 0.5, "train_with": {"culture.n_neurons": 30}}
    culture = load_scenario("quickstart").culture.model_copy(update={"duration_s": 1.0})
    changes = {"split": split, "culture": culture}
    figure = draw_culture(load_scenario("quickstart").model_copy(update=changes))
    assert figure.axes[0].get_title().startswith("30 neurons")
