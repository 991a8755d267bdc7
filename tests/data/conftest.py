import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real():
    """Public recordings of others: `ground_truth` (CASCADE) and `cultures` (Eglen et al. 2014)."""
    folder = os.environ.get("SIMBENCH_REAL", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SIMBENCH_REAL names no folder of public recordings")
    return Path(folder)
