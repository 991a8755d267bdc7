import sys
from pathlib import Path

import pytest

from simbench import SimbenchError
from simbench.core.parallel import parallel_backend
from simbench.data.export import export


def test_missing_extras_are_one_line(monkeypatch, small_dataset, tmp_path):
    """They are installed from a clone: on PyPI another project has the name."""
    monkeypatch.setitem(sys.modules, "pynwb", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SimbenchError) as no_nwb:
        export(small_dataset, tmp_path, "nwb")
    with pytest.raises(SimbenchError) as no_dask, parallel_backend("dask"):
        pass
    assert str(no_nwb.value) == (
        "export to nwb needs `pip install '.[nwb]'` in a clone of simbench"
    )
    assert str(no_dask.value) == (
        "--backend dask: needs `pip install '.[dask]'` in a clone of simbench"
    )


def test_no_hint_leads_to_the_project_of_that_name_on_pypi():
    package = Path(__file__).parents[2] / "simbench"
    sources = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    assert not [path for path, source in sources.items() if "install simbench" in source]
    assert not [path for path, source in sources.items() if "simbench[" in source]
