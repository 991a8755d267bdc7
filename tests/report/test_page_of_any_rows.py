"""Any rows make a page, however odd, many or few; what can't be shown is refused by name."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from made import METHODS, failed_row, made_rows, write_folder
from page_reader import Reader
from PIL import Image
from typer.testing import CliRunner

from simbench import SimbenchError
from simbench.benchmark.rows import PARQUET_FILE, ROWS_FILE, read_rows, write_parquet
from simbench.cli import app
from simbench.report.page import LIMIT, write_page
from simbench.report.result_tables import rebuild


def test_rows_too_large_for_the_page_are_linked(tmp_path, monkeypatch):
    monkeypatch.setattr("simbench.report.page._ROWS", 1000)
    write_folder(tmp_path, made_rows())
    text = write_page(tmp_path, tmp_path / "page" / "index.html").read_text()
    links = [link["href"] for link in Reader(text).attributes("a") if "rows" in link["href"]]
    assert links == ["../made-0/rows.jsonl.gz"]
    assert 'id="rows"' not in text
    assert 'id="download"' not in text


def test_many_rows_with_large_pictures_stay_below_two_megabytes(tmp_path):
    methods = METHODS | {f"method-{k}": ("linear", k / 14) for k in range(8)}
    targets = ("firing_type", "in_degree", "d")
    tables = [
        made_rows(methods, f"s-{k}", seeds=(0, 1, 2), targets=targets, n_cultures=20)
        for k in range(2)
    ]
    assert sum(map(len, tables)) >= 1000
    write_folder(tmp_path, *tables)
    noise = np.random.default_rng(0)
    for k in range(2):
        pixels = noise.integers(0, 255, (500, 1000, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"s-{k}-{k}" / "latents.png")
    assert write_page(tmp_path).stat().st_size < 2_000_000 < LIMIT


def test_broken_picture_is_refused_by_name(tmp_path):
    write_folder(tmp_path, made_rows())
    (tmp_path / "made-0" / "latents.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(SimbenchError, match=r"latents.png: not a picture"):
        write_page(tmp_path)


def test_rows_of_two_scenarios_under_one_name_are_refused(tmp_path):
    write_folder(tmp_path, made_rows(), made_rows(seeds=(1,)).assign(scenario_digest="other"))
    with pytest.raises(SimbenchError, match="2 different scenarios are called made v1"):
        write_page(tmp_path)
    assert not (tmp_path / "index.html").exists()


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(SimbenchError, match=r"no rows.jsonl.gz there"):
        write_page(tmp_path)


def test_card_of_a_submission_is_shown(tmp_path):
    write_folder(tmp_path, made_rows(METHODS | {"Ours 2": ("submission", 0.6)}))
    card = {
        "name": "Ours 2", "authors": ["A. <i>One</i>", "B. Two"], "link": "doi:10.1000/182",
        "hardware": "one GPU", "training_time_s": 12.5,
    }  # fmt: skip
    (tmp_path / "made-0" / "submissions").mkdir()
    (tmp_path / "made-0" / "submissions" / "ours2.json").write_text(json.dumps(card))
    read = Reader(write_page(tmp_path).read_text(encoding="utf-8"))
    words = " ".join(read.words)
    assert "A. <i>One</i>, B. Two" in words
    assert "12.5" in words
    assert "https://doi.org/10.1000/182" in [a.get("href") for a in read.attributes("a")]


def test_one_culture_and_no_ceiling_make_a_page_too(tmp_path):
    rows = made_rows(n_cultures=1).assign(ceiling=0.1)
    write_folder(tmp_path, rows)
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert "No method has a recovery on all targets" in page


def test_a_board_on_which_nobody_is_complete_has_tables_and_a_page_too(tmp_path):
    rows = made_rows()
    foreign = rows[rows["method"] == "pca"].assign(method="lone", family="submission", seed=99)
    write_folder(tmp_path, pd.concat([rows, foreign]))
    rebuild(tmp_path)
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert "No method has a recovery on all targets" in page


def test_a_parquet_copy_is_made_and_linked_if_asked_for(tmp_path):
    pytest.importorskip("pyarrow")
    write_folder(tmp_path, made_rows())
    rows = read_rows(tmp_path)
    command = ["report", str(tmp_path), "--parquet"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert f'href="{PARQUET_FILE}"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, command[:-1]).exit_code == 0
    assert PARQUET_FILE not in (tmp_path / "index.html").read_text(encoding="utf-8")
    found = pd.read_parquet(tmp_path / PARQUET_FILE)
    assert list(found) == list(rows)
    np.testing.assert_array_equal(found["value"], rows["value"])
    assert list(found["per_culture"].iloc[0]) == rows["per_culture"].iloc[0]
    assert json.loads(found["versions"].iloc[0]) == rows["versions"].iloc[0]


def test_a_parquet_copy_needs_its_extra(tmp_path, monkeypatch):
    rows = made_rows()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SimbenchError, match=r"rows\.parquet: needs `pip install '\.\[parquet\]'"):
        write_parquet(rows, tmp_path / "rows.parquet")
    assert not list(tmp_path.iterdir())


def test_failures_alone_make_a_page_too(tmp_path):
    write_folder(tmp_path, failed_row(made_rows(), "broken", "RuntimeError: no"))
    assert "failed: RuntimeError: no" in write_page(tmp_path).read_text(encoding="utf-8")


def test_scenario_beside_the_rows_gives_question_and_axis(tmp_path):
    from simbench.scenario.scenario_file import load_scenario

    scenario = load_scenario("quickstart").model_copy(update={"levels": {"imaging.nu": [0.3, 1.2]}})
    rows = [
        made_rows(scenario="quickstart", levels=(level,)).assign(scenario_digest=plain.digest())
        for level, plain in scenario.at_levels.items()
    ]
    write_folder(tmp_path, pd.concat(rows))
    (tmp_path / "quickstart-0" / "scenario.json").write_text(scenario.model_dump_json())
    text = write_page(tmp_path).read_text(encoding="utf-8")
    assert "Half of the cultures are never seen in training." in text
    assert "Score by level (noise ν (%/√Hz))" in text


def test_a_bad_scenario_beside_the_rows_is_named(tmp_path):
    write_folder(tmp_path, made_rows())
    (tmp_path / "made-0" / "scenario.json").write_text('{"name": "made"}')
    for make in (write_page, rebuild):
        with pytest.raises(SimbenchError, match=r"made-0/scenario\.json: missing key"):
            make(tmp_path)


def test_a_page_of_one_file_of_rows_lies_beside_it(tmp_path):
    write_folder(tmp_path, made_rows())
    assert write_page(tmp_path / "made-0" / ROWS_FILE) == tmp_path / "made-0" / "index.html"
