import pytest

from simbench.benchmark.plan import plan
from simbench.benchmark.run import run


@pytest.fixture(scope="module")
def rows(tiny):
    """Of a run of two methods, beside the controls."""
    return run(plan([tiny], ["pca", "trace-stats"], seeds=[1]))
