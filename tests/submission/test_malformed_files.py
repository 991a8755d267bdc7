"""Whatever the bytes of a file: a clear refusal, and nothing is written."""

import functools
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import signal
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from latents_files import CARD, COUNTS, VALUES, clear, matrices, npy, savez

from simbench import SimbenchError
from simbench.submission import (
    MethodCard,
    pack_submission,
    read_latents,
    read_submission,
)
from simbench.submission.packing import write_matrices, zip_bytes

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
