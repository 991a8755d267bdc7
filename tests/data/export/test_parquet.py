import sys

import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError
from simbench.data.export import export


def test_pandas_reads_every_neuron(small_dataset, tmp_path):
    pytest.importorskip("pyarrow")
    export(small_dataset, tmp_path / "out", "parquet")
    for recording, is_test in zip(small_dataset.recordings, small_dataset.test):
        table = pd.read_parquet(tmp_path / "out" / f"{recording.name}.parquet")
        truth = recording.truth
        assert set(table["split"]) == {"test" if is_test else "train"}
        assert set(table["frame_rate_hz"]) == {recording.frame_rate}
        for name, expected in (
            ("fluorescence", recording.fluorescence), ("dff", recording.dff),
            ("clean_dff", truth.clean_dff),
        ):  # fmt: skip
            np.testing.assert_array_equal(np.stack(table[name]), expected)
        for neuron, line in table.iterrows():
            np.testing.assert_array_equal(line["spike_times_s"], truth.spikes[neuron])
            column = np.zeros(len(table))
            column[line["inputs"]] = line["input_weights"]
            np.testing.assert_array_equal(column, truth.weights[:, [neuron]].toarray().ravel())
        pd.testing.assert_frame_equal(table[list(truth.labels)], truth.labels, check_dtype=False)


def test_without_pyarrow_it_says_what_to_install(small_dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SimbenchError, match=r"export to parquet needs `pip install '.\[parquet\]'"):
        export(small_dataset, tmp_path / "out", "parquet")
    assert not (tmp_path / "out").exists()
