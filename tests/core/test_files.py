import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from simbench.core.errors import SimbenchError
from simbench.core.files import (
    check_new,
    check_writable,
    new_folder,
    read_array,
    read_json,
    read_model,
    read_table,
    write_bytes,
    write_table,
    write_text,
)

MARKER = "manifest.json"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "a" / "b") as draft:
        (draft / "x").write_text("1")
        assert not (tmp_path / "a" / "b").exists()
    assert files(tmp_path / "a") == ["b"]
    assert files(tmp_path / "a" / "b") == ["x"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "a") as draft:
        (draft / "x").write_text(str(1 / 0))
    assert files(tmp_path) == []


def write_marker(folder, *names):
    (folder / MARKER).write_text(json.dumps({"files": dict.fromkeys(names, "checksum")}))


def test_a_failure_leaves_what_was_to_be_replaced(tmp_path):
    with new_folder(tmp_path / "a") as draft:
        write_marker(draft, "old")
    with pytest.raises(KeyError), new_folder(tmp_path / "a", replaces=MARKER):
        raise KeyError
    assert "old" in (tmp_path / "a" / MARKER).read_text()
    assert files(tmp_path) == ["a"]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path, monkeypatch):
    import os

    with new_folder(tmp_path / "a") as draft:
        write_marker(draft, "old")
    replace = os.replace

    def fail_on_draft(source, target):
        if source.name == "new":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_on_draft)
    with (
        pytest.raises(SimbenchError, match="No space left"),
        new_folder(tmp_path / "a", replaces=MARKER),
    ):
        pass
    assert "old" in (tmp_path / "a" / MARKER).read_text()


@pytest.mark.parametrize("marker", [None, "{}", '{"files": ["thesis.tex"]}', '{"files": {}}', "x"])
def test_files_are_not_overwritten_unless_simbench_wrote_them(tmp_path, marker):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("precious")
    if marker is not None:  # of simbench it has the name at most
        (tmp_path / "a" / MARKER).write_text(marker)
    before = files(tmp_path / "a")
    for replaces in (None, MARKER):
        with pytest.raises(SimbenchError), new_folder(tmp_path / "a", replaces=replaces):
            pass
    assert files(tmp_path / "a") == before


def test_a_folder_with_the_marker_is_replaced_whole(tmp_path):
    for name in ("x", "y"):
        with new_folder(tmp_path / "a", replaces=MARKER) as draft:
            write_marker(draft, name)
            (draft / name).touch()
    assert files(tmp_path / "a") == [MARKER, "y"]


def test_an_existing_folder_is_kept_if_another_worker_was_first(tmp_path):
    for text in ("first", "second"):
        with new_folder(tmp_path / "a", keep_existing=True) as draft:
            (draft / "x").write_text(text)
    assert (tmp_path / "a" / "x").read_text() == "first"


def test_a_file_that_cannot_be_put_in_place_leaves_no_draft(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(SimbenchError, match="taken: cannot be written"):
        write_text(tmp_path / "taken", "text")
    assert files(tmp_path) == ["taken"]


def test_asking_whether_a_folder_can_be_written_makes_none(tmp_path):
    check_writable(tmp_path / "a" / "b")
    check_new(tmp_path / "a" / "b")
    assert files(tmp_path) == []
    (tmp_path / "file").touch()
    for check in (check_writable, check_new):
        with pytest.raises(SimbenchError, match="cannot be written"):
            check(tmp_path / "file" / "b")
    with pytest.raises(SimbenchError, match="exists and is not empty"):
        check_new(tmp_path)


def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / "plain").mkdir()
    with new_folder(tmp_path / "a"):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(SimbenchError, match="cannot be written"), new_folder(tmp_path / "a" / "b"):
        pass


@pytest.mark.parametrize(
    "array",
    [np.zeros(3, np.float32), np.zeros((2, 2)), np.array([[object()]]), np.zeros((2, 3), "f4")],
)
def test_only_the_expected_matrix_is_read(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(SimbenchError, match=r"x\.npy: truncated or not of the right form"):
        read_array(tmp_path / "x.npy", (2, 2))


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", pytest.param("[" * 100_000, id="deep")])
def test_broken_json_is_one_line(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SimbenchError) as error:
        read_json(tmp_path / "x.json")
    assert "x.json" in str(error.value)
    assert "\n" not in str(error.value)


class Point(BaseModel, extra="forbid"):
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "missing key 'x'"),
        ('{"x": 1, "z": 2}', "unknown key 'z'"),
        ('{"x": "one"}', "x = 'one': input should be a valid integer"),
        ("[1]", "not a JSON object"),
        pytest.param('{"x": "' + "one" * 1000 + '"}', "x = 'oneone", id="long"),
    ],
)
def test_a_file_that_does_not_fit_its_model_is_one_line(tmp_path, text, complaint):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SimbenchError, match=complaint) as error:
        read_model(tmp_path / "x.json", Point)
    assert str(error.value).startswith(f"{tmp_path / 'x.json'}: ")
    assert len(str(error.value)) < 500


def test_a_file_is_read_into_its_model(tmp_path):
    (tmp_path / "x.json").write_text('{"x": 1}')
    assert read_model(tmp_path / "x.json", Point) == Point(x=1)


@pytest.mark.parametrize("text", ["a\n1,2\n", "a\nx,\n", "a,b\n1,2,3\n"])
def test_a_table_with_more_fields_than_its_header_is_refused(tmp_path, text):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ValueError, match="more fields than the header"):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize("text", ["x\r", "a\r\nb"])
def test_text_that_no_table_gives_back_is_not_written(tmp_path, text):
    path = tmp_path / "labels.csv"
    with pytest.raises(SimbenchError, match=r"labels.csv: animal: holds text with a carriage"):
        write_table(path, pd.DataFrame({"rate_hz": [1.0, 2.0], "animal": ["fine, ä\n", text]}))
    assert not path.exists()


def test_a_folder_is_no_name_of_a_file():
    with pytest.raises(SimbenchError, match="allowed is the name of a file"):
        write_bytes(Path("/"), b"")


def test_a_table_is_read_to_the_last_bit_and_without_a_warning(tmp_path):
    rng = np.random.default_rng(0)
    written = rng.standard_normal(2000) * 10.0 ** rng.integers(-8, 8, 2000)
    (tmp_path / "table.csv").write_text("x\n" + "\n".join(map(repr, written.tolist())))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_table(tmp_path / "table.csv")
    assert np.array_equal(read["x"], written)
