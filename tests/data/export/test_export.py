"""What holds for every format."""

from dataclasses import replace
from typing import get_args

import pytest

from simbench.core.errors import SimbenchError
from simbench.data.dataset import Dataset
from simbench.data.export import Format, export


@pytest.fixture(params=get_args(Format))
def to(request):
    if request.param in ("nwb", "caiman"):
        pytest.importorskip("pynwb", reason="the extra nwb writes these files")
    return request.param


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_export_is_listed_carded_and_repeatable(small_dataset, tmp_path, to):
    files = export(small_dataset, tmp_path / "a", to)
    assert sorted(files) == sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file())
    card = (tmp_path / "a" / "README.md").read_text()
    assert "Simulated data: no animal" in card
    assert "`in_degree`" in card
    export(small_dataset, tmp_path / "b", to)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_files_are_never_lost(small_dataset, tmp_path, to):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(SimbenchError, match="not empty"):
        export(small_dataset, tmp_path, to)
    with pytest.raises(SimbenchError, match="not overwritten"):
        export(small_dataset, tmp_path, to, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_dataset_is_not_overwritten_by_its_own_export(small_dataset, tmp_path):
    folder = small_dataset.save(tmp_path / "small")
    with pytest.raises(SimbenchError, match="not overwritten"):
        export(Dataset.load(folder), folder, "csv", overwrite=True)
    assert Dataset.load(folder).seed == 7


def test_an_export_is_replaced_whole(small_dataset, tmp_path):
    export(small_dataset, tmp_path / "a", "cascade")
    with pytest.raises(SimbenchError, match="not empty"):
        export(small_dataset, tmp_path / "a", "csv")
    export(small_dataset, tmp_path / "a", "csv", overwrite=True)
    (tmp_path / "a" / "thesis.tex").write_text("precious")
    with pytest.raises(SimbenchError, match=r"holds thesis.tex, which simbench did not write"):
        export(small_dataset, tmp_path / "a", "csv", overwrite=True)
    (tmp_path / "a" / "thesis.tex").unlink()
    assert not list(tmp_path.rglob("*.mat"))
    assert list((tmp_path / "a").rglob("labels.csv"))


def test_a_failed_export_leaves_nothing(small_dataset, tmp_path, to):
    with pytest.raises(SimbenchError, match="blinded"):
        export(small_dataset.blind(), tmp_path / "a", to)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "a/b", ""])
def test_names_that_lead_elsewhere_are_refused(small_dataset, tmp_path, to, name):
    first, *others = small_dataset.recordings
    odd = replace(small_dataset, recordings=(replace(first, name=name), *others))
    with pytest.raises(SimbenchError, match="allowed are names that a folder can have"):
        export(odd, tmp_path / "out", to)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["nwb", "suite2p"])
def test_a_neuron_without_a_place_is_one_line(small_dataset, tmp_path, kind):
    pytest.importorskip("pynwb")
    first, *others = small_dataset.recordings
    truth = first.truth
    labels = truth.labels.assign(x_mm=truth.labels["x_mm"].where(truth.labels.index != 3))
    lost = replace(first, load_truth=lambda: replace(truth, labels=labels))
    with pytest.raises(SimbenchError, match="neuron 3 has no position x_mm, y_mm"):
        export(replace(small_dataset, recordings=(lost, *others)), tmp_path / "out", kind)


def test_unknown_format():
    with pytest.raises(SimbenchError, match="unknown export format 'hdf'; allowed: nwb, suite2p"):
        export(None, "anywhere", "hdf")


def test_exporting_keeps_nothing_in_memory(small_dataset, tmp_path):
    dataset = Dataset.load(small_dataset.save(tmp_path / "small"))
    export(dataset, tmp_path / "a", "csv")
    assert all({"truth", "dff"}.isdisjoint(vars(r)) for r in dataset.recordings)
