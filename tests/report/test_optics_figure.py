import numpy as np

from simbench.core.files import validated
from simbench.report.optics_figure import draw_optics
from simbench.scenario.presets import CULTURE_MEDIANS
from simbench.scenario.scenario import Scenario
from simbench.scenario.scenario_file import load_scenario


def small_scenario(**imaging):
    data = load_scenario("quickstart").model_dump(exclude_unset=True)
    data["culture"] |= {"n_neurons": 30, "duration_s": 10.0}
    return validated(Scenario, {**data, "imaging": imaging})


def points(axes):
    return [
        line.get_ydata()[0]
        for line in axes.lines
        if line.get_marker() == "o" and len(line.get_ydata())
    ]


def test_figure_shows_medians_curves_and_traces():
    responses, noise, *traces = draw_optics(small_scenario(preset="culture-widefield")).axes
    assert points(responses) == list(CULTURE_MEDIANS["GCaMP6s"][:3])
    curves = [line.get_ydata() for line in responses.lines if len(line.get_ydata()) > 1]
    np.testing.assert_allclose(
        [curve.max() for curve in curves], CULTURE_MEDIANS["GCaMP6s"][:3], rtol=0.1
    )
    assert len(noise.collections[0].get_offsets()) == 30
    assert len(traces) == 3
    assert [len(axes.lines[0].get_xdata()) for axes in traces] == [200] * 3


def test_indicator_without_published_medians_has_no_points():
    figure = draw_optics(small_scenario(indicator="jGCaMP8f-in-vivo", nu=1.0))
    assert points(figure.axes[0]) == []
