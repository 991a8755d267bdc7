"""For libraries that draw from NumPy's global generator."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from simbench.core.seeds import seed32


@contextmanager
def seeded_numpy(random_state: int | None) -> Iterator[None]:
    """NumPy's global generator, seeded, and afterwards left as it was found."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed32(random_state or 0, "numpy"))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
