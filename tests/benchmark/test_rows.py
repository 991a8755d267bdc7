"""Rows in their file: written, merged, read again, and refused where they are damaged."""

import gzip
import json
import time

import numpy as np
import pandas as pd
import pytest

from simbench import SimbenchError
from simbench.benchmark.rows import (
    ROWS_FILE,
    as_written,
    read_rows,
    read_text,
    write_parquet,
    write_rows,
)


def test_rows_survive_the_file_and_replace_only_their_own(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    written = write_rows(path, rows)
    read = read_rows(tmp_path)
    pd.testing.assert_frame_equal(read, written, check_dtype=False)
    pd.testing.assert_frame_equal(read, as_written(rows), check_dtype=False)
    rest = rows.columns.drop("per_culture")
    pd.testing.assert_frame_equal(read[rest], rows[rest], check_dtype=False)
    for kept, exact in zip(read["per_culture"], rows["per_culture"]):
        np.testing.assert_allclose(kept, exact, atol=5.01e-6)
    pca = rows[rows["method"] == "pca"].assign(value=0.25)
    merged = write_rows(path, pca)
    assert len(merged) == len(read_rows(path)) == len(rows)
    assert (merged.loc[merged["method"] == "pca", "value"] == 0.25).all()
    assert len(write_rows(path, rows.assign(scenario_version=2))) == len(rows)


def test_a_failure_replaces_no_scores(rows, tmp_path, caplog):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows)
    failed = rows[rows["method"] == "pca"].head(1).assign(status="failed", error="no luck")
    lost = failed.assign(method="fa")
    kept = write_rows(path, pd.concat([failed, lost]))
    assert len(kept) == len(rows) + 1
    assert set(kept.loc[kept["status"] == "failed", "method"]) == {"fa"}
    assert "pca failed; its rows of an earlier run are kept" in caplog.text


def test_rows_of_a_changed_scenario_need_a_new_version(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows)
    before = path.read_bytes()
    changed = rows.assign(scenario_digest="another")
    with pytest.raises(SimbenchError, match="another scenario that is called tiny v1; raise"):
        write_rows(path, changed)
    assert path.read_bytes() == before
    assert len(write_rows(path, changed.assign(scenario_version=2))) == len(rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not a JSON row"), ("3", "not a JSON row"), ("", "not a JSON row"),
        ("[" * 100_000, "not a JSON row"), ('{"a":' * 100_000, "not a JSON row"),
        ("{}", "missing key 'scenario'"),
    ],
)  # fmt: skip
def test_broken_rows_are_refused(tmp_path, text, complaint):
    (tmp_path / ROWS_FILE).write_bytes(gzip.compress(f"{text}\n".encode()))
    with pytest.raises(SimbenchError, match=rf"rows.jsonl.gz, line 1: {complaint}$"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"value": "abc"}, "value = 'abc': "), ({"per_culture": "abc"}, "per_culture = 'abc': "),
        ({"per_culture": None}, "per_culture = null beside a metric"),
        ({"per_culture": [0.5, "x"]}, "per_culture.1 = 'x': "),
        ({"scenario_digest": None}, "scenario_digest = None: "), ({"seed": "x"}, "seed = 'x': "),
        ({"seed": None}, "seed = None: "), ({"seed": -1}, "seed = -1: "),
        ({"status": None}, "status = None: "), ({"status": "maybe"}, "status = 'maybe': "),
        ({"family": ...}, "missing key 'family'"), ({"mood": 1}, "unknown key 'mood'"),
        ({"scenario_digest": ...}, "missing key 'scenario_digest'"),
        ({"value": "x" * 10_000}, "value = 'xxx"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_one_is_told_by_file_line_and_key(rows, tmp_path, change, complaint):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows.head(2))
    first, second = read_text(path).splitlines()
    changed = {key: value for key, value in (json.loads(second) | change).items() if value != ...}
    path.write_bytes(gzip.compress(f"{first}\n{json.dumps(changed)}\n".encode()))
    with pytest.raises(SimbenchError, match=rf"rows.jsonl.gz, line 2: {complaint}") as caught:
        read_rows(path)
    assert len(str(caught.value)) < 600


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(SimbenchError, match=r"no rows.jsonl.gz there"):
        read_rows(tmp_path)


def test_damaged_files_of_rows_are_refused_by_name(rows, tmp_path):
    path = tmp_path / ROWS_FILE
    write_rows(path, rows)
    whole = path.read_bytes()
    for damaged in (b"", b"{}", whole[: len(whole) // 2], whole[:-4] + b"\0\0\0\0"):
        path.write_bytes(damaged)
        with pytest.raises(SimbenchError, match=r"rows.jsonl.gz: (truncated|not a JSON)"):
            read_rows(tmp_path)


def test_the_same_rows_give_the_same_bytes(rows, tmp_path, monkeypatch):
    write_rows(tmp_path / "one" / ROWS_FILE, rows)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    write_rows(tmp_path / "two" / ROWS_FILE, rows)
    one, two = ((tmp_path / name / ROWS_FILE).read_bytes() for name in ("one", "two"))
    assert one == two


def test_rows_are_plain_json(rows, tmp_path):
    write_rows(tmp_path / ROWS_FILE, rows)
    for line in read_text(tmp_path / ROWS_FILE).splitlines():
        assert json.loads(line)["scenario"] == "tiny"


def test_seeds_of_128_bits_stay_whole_beside_small_ones(rows, tmp_path):
    large = 2**127 + 5
    write_rows(tmp_path / ROWS_FILE, rows)
    write_rows(tmp_path / ROWS_FILE, rows.assign(seed=large))
    assert set(read_rows(tmp_path)["seed"]) == {1, large}
    pytest.importorskip("pyarrow")
    write_parquet(read_rows(tmp_path), tmp_path / "rows.parquet")
    assert set(pd.read_parquet(tmp_path / "rows.parquet")["seed"]) == {"1", str(large)}
