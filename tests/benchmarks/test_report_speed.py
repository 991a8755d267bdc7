"""Speed of the results page; run with `pytest tests/benchmarks/test_report_speed.py`.

Times are processor seconds of one core, so that other work on the machine counts little.
"""

import sys
import time
from pathlib import Path

import pytest

from simbench.benchmark.rows import read_rows
from simbench.board.leaderboard import leaderboard
from simbench.report.page import write_page

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from made import METHODS, made_rows, write_folder

pytestmark = pytest.mark.benchmark(timer=time.process_time)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """5,040 rows: 10 scenarios x 14 methods x 3 seeds x 3 targets x 2 probes x 2 splits."""
    folder = tmp_path_factory.mktemp("results")
    methods = METHODS | {f"method-{k}": ("linear", k / 14) for k in range(8)}
    targets = ("firing_type", "in_degree", "d")
    write_folder(
        folder,
        *(
            made_rows(methods, f"s-{k}", seeds=(0, 1, 2), targets=targets, n_cultures=20)
            for k in range(10)
        ),
    )
    return folder


def test_page_of_5000_rows(benchmark, results):
    """Wanted: below 5 s."""
    path = benchmark.pedantic(write_page, (results,), rounds=3, warmup_rounds=1)
    benchmark.extra_info |= {"rows": len(read_rows(results)), "bytes": path.stat().st_size}


def test_leaderboard_of_one_scenario(benchmark, results):
    rows = read_rows(results / "s-0-0")
    board = benchmark(leaderboard, rows)
    assert len(board.ranked) == 12
