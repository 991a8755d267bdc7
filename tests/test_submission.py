"""The outside door, with honest guests and with all others."""

import functools
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simbench import SimbenchError, evaluate
from simbench.benchmark import COLUMNS
from simbench.dataset import Dataset
from simbench.leaderboard import leaderboard
from simbench.recording import Recording
from simbench.rows import ROWS_FILE, read_rows, read_text, write_rows
from simbench.scenario import Scenario
from simbench.submission import (
    MethodCard,
    add_submission,
    export_traces,
    pack_submission,
    read_card,
    read_latents,
    read_submission,
    score_latents,
    score_submission,
)
from simbench.submission.latents import write_matrices, zip_bytes
from simbench.submission.traces import blind_orders

COUNTS = {"recording-b": 5, "recording-a": 4}
CARD = {
    "name": "Spike2Vec v1.2",
    "authors": ["Ada Łukasz", "李四"],
    "link": "https://example.org/spike2vec?v=1",
    "latent_size": 3,
    "hardware": "1 x H100",
    "training_time_s": 12.5,
    "scenario": "tiny",
    "scenario_digest": "0" * 64,
    "traces_digest": "1" * 64,
}


def matrices(width=3):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(n, width)) for name, n in COUNTS.items()}


def savez(path, save=np.savez, **arrays):
    save(path, **(arrays or matrices()))
    return path


def npy(header, values=b"", version=(1, 0)):
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + size + header + values


def zipped(path, files, kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return path


# --- traces out ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tiny_dataset, tmp_path_factory):
    return export_traces(tiny_dataset, tmp_path_factory.mktemp("traces") / "out")


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_exported_traces_are_those_that_methods_get(exported, tiny_dataset):
    index = pd.read_csv(exported / "index.csv")
    by_name = {order.name: i for i, order in enumerate(blind_orders(tiny_dataset))}
    assert set(index["recording"]) == set(by_name)
    for row in index.itertuples():
        i = by_name[row.recording]
        recording = tiny_dataset.recordings[i]
        assert row.split == ("test" if tiny_dataset.test[i] else "train")
        assert row.frame_rate_hz == recording.frame_rate
        for kind, expected in {
            "dff": recording.dff,
            "fluorescence": recording.fluorescence,
        }.items():
            traces = np.load(exported / kind / f"{row.recording}.npy")
            assert traces.dtype == np.dtype("<f4")
            assert traces.shape == (row.n_neurons, row.n_frames)
            order = blind_orders(tiny_dataset)[i].neurons
            np.testing.assert_array_equal(traces, expected[order])


def test_the_export_depends_on_the_traces_alone(exported, tiny_dataset, tmp_path):
    """Whatever the order of simulation was, and whatever the labels are: the same bytes."""
    rng = np.random.default_rng(3)
    order = rng.permutation(len(tiny_dataset.recordings))
    shuffled = tuple(
        Recording(f"x{i}", r.fluorescence[rng.permutation(r.n_neurons)], r.frame_rate)
        for i, r in enumerate(tiny_dataset.recordings[j] for j in order)
    )
    again = Dataset(shuffled, tiny_dataset.test[order], tiny_dataset.scenario, seed=99)
    assert content(export_traces(again, tmp_path / "again")) == content(exported)


def test_the_order_of_writing_is_that_of_the_names(exported):
    for kind in ("dff", "fluorescence"):
        files = sorted((exported / kind).iterdir())
        times = [path.stat().st_mtime_ns for path in files]
        assert times == sorted(times)


def test_the_seed_stays_secret(tiny_dataset, tmp_path):
    secret = 918273645546372819
    dataset = Dataset(tiny_dataset.recordings, tiny_dataset.test, tiny_dataset.scenario, secret)
    for name, data in content(export_traces(dataset, tmp_path / "out")).items():
        assert str(secret).encode() not in data, name
        assert b"culture-0" not in data, name


def test_recordings_that_cannot_be_told_apart_are_refused(tiny_dataset, tmp_path):
    first = tiny_dataset.recordings[0]
    twin = Recording("twin", first.fluorescence, first.frame_rate)
    with pytest.raises(SimbenchError, match="same traces"):
        export_traces(Dataset((first, twin), np.array([False, True])), tmp_path / "out")


def test_an_export_replaces_only_an_export(exported, tiny_dataset, tmp_path):
    with pytest.raises(SimbenchError, match="not empty"):
        export_traces(tiny_dataset, exported)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SimbenchError, match="not overwritten"):
        export_traces(tiny_dataset, tmp_path, overwrite=True)
    assert content(tmp_path) == {"mine.txt": b"mine"}


# --- the whole way ------------------------------------------------------------------------------

COMMANDS = {
    "python": ([sys.executable, "make_latents.py"], "latents.npz"),
    "Rscript": (["Rscript", "make_latents.R"], "latents.zip"),
    "octave": (["octave", "--no-gui", "make_latents.m"], "latents.zip"),
}


def principal_components(dataset):
    """What the examples do, in the order of the dataset."""
    train = dataset.traces(np.flatnonzero(~dataset.test))
    components = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)[2][:8]
    return (dataset.traces() - train.mean(axis=0)) @ components.T


@pytest.mark.parametrize("program", COMMANDS)
def test_the_examples_send_principal_components(program, exported, tiny_dataset, tmp_path):
    command, name = COMMANDS[program]
    needed = [command[0]] if program == "python" else [program, "zip"]
    if not all(map(shutil.which, needed)):
        pytest.skip(f"needs {' and '.join(needed)}")
    shutil.copytree(exported, tmp_path / "work")
    result = subprocess.run(
        command, cwd=tmp_path / "work", capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    expected = outside(tiny_dataset)
    counts = {recording: len(latents) for recording, latents in expected.items()}
    sent = read_latents(tmp_path / "work" / name, counts)
    latents = np.concatenate(list(expected.values()))
    signs = np.sign((sent * latents).sum(axis=0))
    np.testing.assert_allclose(sent * signs, latents, atol=1e-3 * np.abs(latents).max())


@pytest.fixture(scope="module")
def latents_file(tiny_dataset, tmp_path_factory):
    """Principal components of the tiny scenario, as an outside group would send them."""
    return savez(tmp_path_factory.mktemp("latents") / "pca.npz", **outside(tiny_dataset))


def outside(dataset):
    latents = np.split(
        principal_components(dataset), np.cumsum([r.n_neurons for r in dataset.recordings])[:-1]
    )
    return {o.name: z[o.neurons] for o, z in zip(blind_orders(dataset), latents)}


@pytest.fixture(scope="module")
def card(exported):
    text = (exported / "card.toml").read_text()
    filled = {
        "name": '"Spike2Vec"', "authors": '["Ada"]', "link": '"doi:10.1234/abc"',
        "latent_size": "8", "hardware": '"laptop"',
    }  # fmt: skip
    for key, value in filled.items():
        text, n = re.subn(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.MULTILINE)
        assert n == 1, key
    path = exported.parent / "filled.toml"
    path.write_text(text)
    return read_card(path)


@pytest.fixture(scope="module")
def submission(latents_file, card):
    packed = pack_submission(latents_file, card, latents_file.with_name("submission.zip"))
    return read_submission(packed)


@pytest.fixture(scope="module")
def rows(submission, tiny):
    return score_submission(submission, tiny, seed=1)


def test_a_submission_has_the_scores_of_evaluate_exactly(rows, tiny, tiny_dataset, card):
    expected = evaluate(principal_components(tiny_dataset), tiny_dataset)
    for column in ("target", "metric", "probe", "split", "value", "chance", "ceiling", "recovery"):
        assert rows[column].equals(expected[column]), column
    assert list(rows.columns) == COLUMNS
    about = rows.iloc[0]
    assert (about["method"], about["family"], about["seconds"]) == ("Spike2Vec", "submission", 0)
    assert about["scenario_digest"] == tiny.digest() == card.scenario_digest
    assert leaderboard(rows).index.tolist() == ["Spike2Vec"]


def test_a_file_has_the_scores_of_its_submission(rows, latents_file, tiny, card):
    again = score_latents(latents_file, tiny, 1, card)
    pd.testing.assert_frame_equal(again, rows)


def test_packing_gives_the_same_bytes_whoever_zipped(latents_file, card, tmp_path):
    with np.load(latents_file) as file:
        arrays = {name: file[name] for name in reversed(file.files)}
    fortran = {name: np.asfortranarray(array).astype(">f8") for name, array in arrays.items()}
    other = savez(tmp_path / "other.npz", np.savez_compressed, **fortran)
    files = [
        pack_submission(source, card, tmp_path / f"{i}.zip").read_bytes()
        for i, source in enumerate([latents_file, latents_file, other])
    ]
    assert files[0] == files[1] == files[2]
    with pytest.raises(SimbenchError, match="already there"):
        pack_submission(latents_file, card, tmp_path / "0.zip")


def test_what_was_packed_is_read(submission, card, latents_file):
    assert submission.card == card
    file = latents_file.with_name("submission.zip")
    assert submission.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    with np.load(latents_file) as arrays:
        for name in arrays.files:
            np.testing.assert_array_equal(submission.latents[name], arrays[name])


def test_a_card_must_fit_its_latents(latents_file, card, tmp_path):
    wrong = card.model_copy(update={"latent_size": 7})
    with pytest.raises(SimbenchError, match="8 latents a neuron; the card says latent_size = 7"):
        pack_submission(latents_file, wrong, tmp_path / "out.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seed": 2}, "seed = 2; scored is seed 1"),
        ({"scenario_digest": "f" * 64}, "of digest ffffffffffff; scored is tiny"),
        ({"scenario": "other"}, "made for scenario other"),
        ({"traces_digest": "f" * 64}, "made from other traces"),
    ],
)
def test_a_card_of_other_traces_is_refused(latents_file, card, tiny, change, complaint):
    with pytest.raises(SimbenchError, match=complaint):
        score_latents(latents_file, tiny, 1, card.model_copy(update=change))


def test_latents_of_other_traces_are_refused(latents_file, tiny, small_dataset, tmp_path):
    with pytest.raises(SimbenchError, match="lacks 'recording-"):
        score_latents(savez(tmp_path / "a.npz"), tiny, 1)
    with np.load(latents_file) as file:
        arrays = {name: file[name] for name in file.files}
    cut = {name: array[:-1] if name == min(arrays) else array for name, array in arrays.items()}
    with pytest.raises(SimbenchError, match="has 23 rows; expected one for each of 24 neurons"):
        score_latents(savez(tmp_path / "cut.npz", **cut), tiny, 1)


def test_the_card_tells_the_level(tiny, card, latents_file, tiny_dataset):
    data = tiny.model_dump(mode="json")
    levels = Scenario(**data | {"levels": {"n_components": [2, 3]}})
    digest = levels.at_levels["3"].digest()
    rows = score_latents(
        latents_file, levels, 1, card.model_copy(update={"scenario_digest": digest})
    )
    assert set(rows["level"]) == {"3"}
    assert set(rows["scenario_digest"]) == {digest}
    with pytest.raises(SimbenchError, match="2 levels; a card must tell which"):
        score_latents(latents_file, levels, 1)


def test_rows_are_added_once_and_replace_nothing(rows, card, tmp_path):
    mine = rows.assign(method="pca", family="linear")
    path = tmp_path / ROWS_FILE
    write_rows(path, mine)
    before, written = path.read_bytes(), read_text(path)
    for name in ("pca", "P.C.A"):
        with pytest.raises(SimbenchError, match="has rows of 'pca' already"):
            add_submission(
                rows.assign(method=name), card.model_copy(update={"name": name}), tmp_path
            )
    for column in ("scenario_version", "scoring_version"):
        with pytest.raises(SimbenchError, match="another version"):
            add_submission(rows.assign(**{column: 7}), card, tmp_path)
    assert content(tmp_path) == {ROWS_FILE: before}
    add_submission(rows, card, tmp_path)
    stored = read_rows(tmp_path)
    assert set(stored["method"]) == {"pca", "Spike2Vec"}
    assert read_text(path).startswith(written)
    told = json.loads((tmp_path / "submissions" / "spike2vec.json").read_text())
    assert MethodCard.model_validate(told) == card
    with pytest.raises(SimbenchError, match="'Spike2Vec' already"):
        add_submission(rows, card, tmp_path)


# --- cards --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""), ("name", "x" * 49), ("name", "a\nb"), ("name", "<b>"), ("name", "аvae"),
        ("name", "avae"), ("name", "All"), ("name", "A-VAE"), ("name", "spike oracle"),
        ("name", "../../x"), ("name", 3), ("name", "a\n"), ("name", " a"), ("name", "."),
        ("authors", []), ("authors", [""]), ("authors", ["a"] * 101), ("authors", ["a" * 201]),
        ("authors", ["<script>alert(1)</script>"]), ("authors", ["a\u202eb"]), ("authors", "Ada"),
        ("link", "javascript:alert(1)"), ("link", "ftp://a.org"), ("link", "https://a.org/ x"),
        ("link", 'https://a.org/"onclick='), ("link", "https://good.org@evil.org/"),
        ("link", "https://a.org/" + "x" * 200), ("link", "doi:11.1/x"), ("link", "https://a.org\n"),
        ("link", "data:text/html,x"), ("link", "https://а.org"),
        ("latent_size", 0), ("latent_size", 1025), ("latent_size", 8.0), ("latent_size", True),
        ("hardware", "a\0b"), ("hardware", "   "),
        ("training_time_s", -1.0), ("training_time_s", float("nan")),
        ("training_time_s", float("inf")), ("training_time_s", "1"),
        ("scenario", "../x"), ("scenario_digest", "0" * 63), ("scenario_digest", "0" * 64 + "\n"),
        ("traces_digest", None), ("seed", -1), ("seed", 2**300), ("licence", "x" * 201),
        ("rank", 1),
    ],
)  # fmt: skip
def test_a_bad_card_is_one_short_line(tmp_path, key, value):
    from simbench.submission.card import check_card

    check_card(CARD, "card")
    with pytest.raises(SimbenchError) as error:
        check_card(CARD | {key: value}, "card")
    clear(error.value)
    assert key in str(error.value)


@pytest.mark.parametrize("text", [b"name = ", b"\xff", b"a" * 100_000, b"[" * 5000])
def test_a_broken_card_file_is_one_line(tmp_path, text):
    (tmp_path / "card.toml").write_bytes(text)
    with pytest.raises(SimbenchError) as error:
        read_card(tmp_path / "card.toml")
    clear(error.value)


# --- latents ------------------------------------------------------------------------------------


def clear(error):
    text = str(error)
    assert text.isprintable()
    assert 0 < len(text) < 500, text


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_latents_are_read_as_they_were_written(tmp_path, save, dtype, order):
    sent = {name: m.astype(dtype, order=order) for name, m in matrices().items()}
    read = read_latents(savez(tmp_path / "z.npz", save, **sent), COUNTS)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, np.concatenate([sent[name] for name in COUNTS]))


GOOD = b"{'descr': '<f8', 'fortran_order': False, 'shape': (5, 3), }\n"
VALUES = bytes(5 * 3 * 8)


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (npy(GOOD, VALUES, (3, 0)), "not a .npy file of format 1.0 or 2.0"),
        (b"", "not a .npy file"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b" " * 100, "header of 65535 bytes"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of 4294967295 bytes"),
        (npy(GOOD, VALUES)[:40], "header of 'recording-b.npy' is damaged"),
        (npy(GOOD, VALUES[:-1]), "not what its shape"),
        (npy(GOOD, VALUES + b"x"), "not what its shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(15,)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(-5, -3)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(0, 3)"), b""), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(5, 0)"), b""), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(1, 15)"), VALUES), "3 to 15 latents"),
        (npy(GOOD.replace(b"(5, 3)", b"(5, 10000000000)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(10000000000, 3)"), VALUES), "not what its shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(1" + b"0" * 300 + b", 3)"), VALUES), "not what its shape"),
        (npy(GOOD.replace(b"<f8", b"<i8"), VALUES), "holds int64"),
        (npy(GOOD.replace(b"<f8", b"|O8"), VALUES), "holds object"),
        (npy(GOOD.replace(b"<f8", b"<c8"), VALUES), "holds complex"),
        (npy(GOOD.replace(b"<f8", b"|V8000000000"), VALUES), "damaged|holds"),
        (npy(GOOD.replace(b"'<f8'", b"[('a', '<f8')]"), VALUES), "holds"),
        (npy(b"(" * 900 + b"\n"), "damaged"),
        (npy(b"-" * 900 + b"1\n"), "damaged"),
        (npy(b"__import__('os').system('touch x')\n"), "damaged"),
        (npy(GOOD.replace(b"(5, 3)", b"(5L, 3L)"), VALUES), "damaged"),
        (npy(GOOD, np.full(15, np.nan).tobytes()), "not finite"),
        (pickle.dumps(np.zeros((5, 3))), "not a .npy file"),
    ],
)
def test_a_bad_member_is_refused(tmp_path, member, complaint):
    other = npy(GOOD.replace(b"5", b"4"), bytes(4 * 3 * 8))
    members = [("recording-a.npy", other), ("recording-b.npy", member)]
    with pytest.raises(SimbenchError, match=complaint) as error:
        read_latents(zipped(tmp_path / "z.npz", members), COUNTS)
    clear(error.value)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["recording-a", "recording-c"], "lacks 'recording-b.npy'"),
        (["recording-a"], "lacks 'recording-b.npy'"),
        (["recording-a", "recording-b", "c"], "unknown 'c.npy'"),
        (["recording-a", "recording-b", "../c"], "without folders"),
        (["recording-a", "recording-b", "/etc/c"], "without folders"),
        (["recording-a", "recording-b", "x/c"], "without folders"),
        (["recording-a", "recording-b", "C:\\c"], "without folders"),
        (["recording-a", "recording-b", "c\n"], "without folders"),
        (["recording-a", "recording-b", "x" * 60_000], "directory of"),
        ([], "empty"),
    ],
)
def test_bad_names_are_refused(tmp_path, names, complaint):
    good = {name: npy(GOOD.replace(b"5", b"%d" % n), bytes(n * 24)) for name, n in COUNTS.items()}
    members = [(f"{name}.npy", good.get(name, npy(GOOD, VALUES))) for name in names]
    with pytest.raises(SimbenchError, match=complaint) as error:
        read_latents(zipped(tmp_path / "z.npz", members), COUNTS)
    clear(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path):
    members = [("recording-a.npy", b""), ("recording-a.npy", b"")]
    with pytest.raises(SimbenchError, match="the same name"):
        read_latents(zipped(tmp_path / "z.npz", members), COUNTS)


def test_other_packings_are_refused(tmp_path):
    path = zipped(tmp_path / "z.npz", [("recording-a.npy", npy(GOOD, VALUES))], zipfile.ZIP_LZMA)
    with pytest.raises(SimbenchError, match="packed by method 14"):
        read_latents(path, COUNTS)
    data = bytearray(savez(tmp_path / "y.npz").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "y.npz").write_bytes(data)
    with pytest.raises(SimbenchError, match="encrypted"):
        read_latents(tmp_path / "y.npz", COUNTS)


def end_record(n_members, directory_bytes, offset=0):
    return struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, n_members, n_members, directory_bytes, offset, 0
    )


def bombs():
    def deflated(size):
        stream = io.BytesIO()
        zipped(stream, [("recording-a.npy", bytes(size))], zipfile.ZIP_DEFLATED)
        return stream.getvalue()

    huge = npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (20000000, 1), }\n")
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 15, 0)
    entries = entry * 60_000
    return {
        "deflated zeros": (deflated(200_000_000), "unpacks to more than 200 times"),
        "shape without values": (zip_bytes({"a.npy": huge}), "not what its shape"),
        "a million members": (entries + end_record(60_000, len(entries)), "60000 members"),
        "members not counted": (entries + end_record(1, len(entries)), "1 members in a directory"),
        "zip64": (b"PK\6\7" + bytes(16) + end_record(0, 0), "zip64"),
        "long comment": (end_record(0, 0)[:-2] + b"\2\0ab", "not a zip file"),
        "nothing": (b"", "not a zip file"),
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_before_they_unfold(tmp_path, name):
    data, complaint = bombs()[name]
    (tmp_path / "z.npz").write_bytes(data)
    read = functools.partial(read_latents, tmp_path / "z.npz", {"a": 20_000_000})
    tracemalloc.start()
    try:
        with pytest.raises(SimbenchError, match=complaint):
            read()
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_above_the_limit_is_not_read(tmp_path):
    with (tmp_path / "z.npz").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse
    with pytest.raises(SimbenchError, match="300 MiB; allowed are 256 MiB"):
        read_latents(tmp_path / "z.npz", COUNTS)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in {"pipe": "not a file", "none": "missing", ".": "not a file"}.items():
        with pytest.raises(SimbenchError, match=complaint):
            read_latents(tmp_path / name, COUNTS)


# --- fuzzing ------------------------------------------------------------------------------------

WRITING = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate",
    "os.chmod", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class",
    "socket.connect", "tempfile.mkstemp", "tempfile.mkdtemp",
}  # fmt: skip
MAX_SECONDS = 10
_watched: list[str] = []
_watching = False


def _watch(event, args):
    if not _watching:
        return
    if event == "open":
        _, mode, flags = args
        opens_to_write = set(mode or "") & set("wxa+") or flags & (os.O_WRONLY | os.O_RDWR)
        if opens_to_write:
            _watched.append(f"open {args}")
    elif event in WRITING:
        _watched.append(f"{event} {args}")


@functools.cache
def _install_watch():
    sys.addaudithook(_watch)


class NoEnd(BaseException):
    """Not an Exception, so that no reader takes it for a fault of the file."""


@contextmanager
def guarded():
    """Nothing is written, started or unpickled, and there is an end."""
    global _watching
    _install_watch()
    _watched.clear()

    def too_long(*_):
        raise NoEnd(f"no end after {MAX_SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS)
    _watching = True
    try:
        yield
    finally:
        _watching = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not _watched


def test_the_guard_sees_writing(tmp_path):
    for bad in (
        lambda: (tmp_path / "x").write_text("x"),
        lambda: os.mkdir(tmp_path / "y"),
        lambda: pickle.loads(pickle.dumps(Path)),
    ):
        with pytest.raises(AssertionError), guarded():
            bad()


def survives(path, data):
    """Whatever the bytes: a clear refusal, or latents and a card as they should be."""
    path.write_bytes(data)
    refusals = 0
    with guarded():
        try:
            latents = read_latents(path, COUNTS)
        except SimbenchError as error:
            clear(error)
            refusals += 1
        else:
            assert latents.shape[0] == sum(COUNTS.values())
            assert np.isfinite(latents).all()
        try:
            read = read_submission(path)
        except SimbenchError as error:
            clear(error)
            refusals += 1
        else:
            assert MethodCard.model_validate(read.card.model_dump()) == read.card
            for matrix in read.latents.values():
                assert matrix.shape[1] == read.card.latent_size
                assert np.isfinite(matrix).all()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    return refusals


def originals(folder):
    """Honest files, as bytes, and the members of each."""
    folder.mkdir()
    plain = savez(folder / "plain.npz").read_bytes()
    small = savez(folder / "small.npz", np.savez_compressed).read_bytes()
    pack_submission(folder / "plain.npz", MethodCard(**CARD), folder / "packed.zip")
    packed = (folder / "packed.zip").read_bytes()
    shutil.rmtree(folder)
    return [plain, small, packed]


def unzip(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def mutate(data, rng):
    """Bytes with one to four wounds: flips, cuts, copies, and extreme numbers in zip's records."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 40))
        match rng.integers(7):
            case 0:
                data[at : at + 1] = bytes([rng.integers(256)])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = rng.bytes(length)
            case 3:
                del data[at:]
            case 4:
                start = int(rng.integers(len(data) + 1))
                data[at:at] = data[start : start + length]
            case 5:
                data[at : at + length] = rng.bytes(length)
            case 6:
                marks = [m.start() for m in re.finditer(rb"PK..|\x93NUMPY", bytes(data), re.DOTALL)]
                if marks:
                    field = marks[rng.integers(len(marks))] + int(rng.integers(4, 46))
                    value = EXTREMES[rng.integers(len(EXTREMES))]
                    size = 2 if value <= 0xFFFF and rng.integers(2) else 4
                    data[field : field + size] = value.to_bytes(size, "little")
    return bytes(data)


def mutate_inside(data, rng):
    """A member mutated and zipped again, so that all checksums are right."""
    files = unzip(data)
    names = list(files)
    name = names[rng.integers(len(names))]
    if name == "latents.npz" and rng.integers(2):
        files[name] = mutate_inside(files[name], rng)
    else:
        files[name] = mutate(files[name], rng)
    if "checksums.json" in files and name != "checksums.json":
        sums = {n: hashlib.sha256(files[n]).hexdigest() for n in ("card.json", "latents.npz")}
        files["checksums.json"] = json.dumps(sums).encode()
    return zip_bytes(files)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
HEADERS = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda descr, order, shape: (
            f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}\n".encode(
                errors="replace"
            )
        ),
        st.sampled_from(["<f8", ">f4", "|O", "<U9", "V", [("a", "<f8")], "<f8,<f4", 3, None])
        | st.text(max_size=8),
        st.booleans() | st.none() | st.integers(),
        st.tuples(st.sampled_from([4, 5, -1, 0, 2**63]), st.integers(-2, 5))
        | st.lists(st.integers()).map(tuple)
        | st.integers(),
    ),
)
MEMBERS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        npy,
        HEADERS,
        st.sampled_from([VALUES, VALUES[:96], b""]) | st.binary(max_size=130),
        st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9)]),
    ),
)
NAMES = st.sampled_from(
    ["recording-a.npy", "recording-b.npy", "card.json", "latents.npz", "checksums.json"]
) | st.text(min_size=1, max_size=20)


@st.composite
def built_files(draw):
    """Zip files and submissions with anything inside, and plain bytes."""
    kind = draw(st.sampled_from(["zip", "card", "pair", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=300))
    if kind == "card":
        card = CARD | draw(st.dictionaries(st.sampled_from(list(CARD)), JSON, max_size=2))
        text = draw(st.sampled_from([json.dumps(card), json.dumps(draw(JSON)), "[" * 60_000]))
        files = {"card.json": text.encode(), "latents.npz": write_matrices(matrices())}
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        return zip_bytes(files | {"checksums.json": json.dumps(sums).encode()})
    if kind == "pair":
        return zip_bytes({"recording-a.npy": draw(MEMBERS), "recording-b.npy": draw(MEMBERS)})
    return zip_bytes(draw(st.dictionaries(NAMES, MEMBERS, max_size=4)))


def fuzz(folder, n_cases):
    """Mutated files (three in five) and built ones; returns how many of each were refused."""
    honest = originals(folder / "originals")
    path = folder / "case" / "file.zip"
    path.parent.mkdir()
    accepted = sum(2 - survives(path, data) for data in honest)
    assert accepted == len(honest)  # each by its own reader
    rng = np.random.default_rng(0)
    n_mutated = n_cases * 3 // 5
    refused = 0
    for case in range(n_mutated):
        wound = mutate_inside if case % 2 else mutate
        refused += survives(path, wound(honest[case % len(honest)], rng)) == 2
    built = 0

    @settings(
        max_examples=n_cases - n_mutated, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(built_files())
    def build(data):
        nonlocal built
        built += 1
        survives(path, data)

    build()
    return n_mutated, refused, built


def test_500_malformed_files_are_refused(tmp_path):
    n_mutated, refused, built = fuzz(tmp_path, 500)
    assert n_mutated + built >= 500
    assert refused > 0.5 * n_mutated


@pytest.mark.slow
def test_10_000_malformed_files_are_refused(tmp_path):
    n_mutated, refused, built = fuzz(tmp_path, 10_000)
    assert n_mutated + built >= 10_000
    assert refused > 0.5 * n_mutated
