import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made import IMAGE, METHODS, SCRIPT, failed_row, made_rows, with_further, write_folder
from PIL import Image

EXTRA = {SCRIPT: ("outside", 0.4), IMAGE: ("submission", 0.45)}


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    """Results of three runs: two versions of one scenario, and one with levels and bad names."""
    folder = tmp_path_factory.mktemp("results")
    ladder = with_further(made_rows(METHODS | EXTRA, "ladder", levels=("0.3", "1.2", "5.0")))
    old = made_rows(scenario="types", targets=("firing_type",))
    new = made_rows(scenario="types", version=2)
    new = pd.concat([new, failed_row(new, "broken", "RuntimeError: <b>memory</b>")])
    write_folder(folder, ladder, old, new)
    pixels = np.random.default_rng(0).integers(0, 255, (450, 900, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "ladder-0" / "latents.png")
    return folder


@pytest.fixture(scope="session")
def page(results) -> Path:
    from simbench.report.page import write_page

    return write_page(results)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that the system brings."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium found; on Debian: apt-get install chromium")
    return found
