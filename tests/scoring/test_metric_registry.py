"""The decorator: what is said of a metric stands at its function, once."""

import pytest

from simbench.scoring import metric_registry
from simbench.scoring.metric_registry import metric


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(metric_registry, "REGISTERED", {})
    return metric_registry.REGISTERED


def test_a_metric_says_what_the_first_line_of_its_function_says(registered):
    @metric("share", "class", source="somebody")
    def share(latents, k=2):
        """Share of something.

        More about it.
        """
        return len(latents) / k

    assert registered["share"].meaning == "Share of something"
    assert registered["share"](latents=[1, 2, 3], labels="not taken") == 1.5
    assert registered["share"](latents=[1, 2, 3], k=3) == 1
    assert share([1]) == 0.5  # the function is what it was


def test_one_function_makes_several_metrics_by_the_names_of_its_values(registered):
    @metric("sum", "class", "The sum", source="somebody")
    @metric("product", "class", "The product", source="somebody")
    def both(latents, labels):
        return {"sum": latents + labels, "product": latents * labels}

    values = {name: found(latents=5, labels=2) for name, found in registered.items()}
    assert values == {"sum": 7, "product": 10}


def test_a_missing_input_is_an_error(registered):
    @metric("share", "class", source="somebody")
    def share(latents):
        """Share."""

    with pytest.raises(TypeError, match="latents"):
        registered["share"](labels=[1])


def test_a_property_that_no_metric_has_is_an_error(registered):
    with pytest.raises(TypeError, match="lowest"):
        metric("share", "class", lowest=0, source="somebody")(len)
