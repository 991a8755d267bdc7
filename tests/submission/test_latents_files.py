"""Latents files are read as they were written, or refused."""

import functools
import io
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from latents_files import COUNTS, VALUES, clear, matrices, npy, savez, zipped

from simbench import SimbenchError
from simbench.submission import (
    read_latents,
)
from simbench.submission.packing import zip_bytes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_latents_are_read_as_they_were_written(tmp_path, save, dtype, order):
    sent = {name: m.astype(dtype, order=order) for name, m in matrices().items()}
    read = read_latents(savez(tmp_path / "z.npz", save, **sent), COUNTS)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, np.concatenate([sent[name] for name in COUNTS]))


GOOD = b"{'descr': '<f8', 'fortran_order': False, 'shape': (5, 3), }\n"


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (npy(GOOD, VALUES, (3, 0)), "not a .npy file of format 1.0 or 2.0"),
        (b"", "not a .npy file"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b" " * 100, "header of at most 1024 bytes"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header of at most 1024 bytes"),
        (npy(GOOD, VALUES)[:40], "'recording-b.npy': not a .npy file"),
        (npy(GOOD, VALUES[:-1]), "not what its shape"),
        (npy(GOOD, VALUES + b"x"), "not what its shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(15,)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(-5, -3)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(0, 3)"), b""), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(5, 0)"), b""), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(1, 15)"), VALUES), "3 to 15 latents per neuron"),
        (npy(GOOD.replace(b"(5, 3)", b"(5, 10000000000)"), VALUES), "has shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(10000000000, 3)"), VALUES), "not what its shape"),
        (npy(GOOD.replace(b"(5, 3)", b"(1" + b"0" * 300 + b", 3)"), VALUES), "not what its shape"),
        (npy(GOOD.replace(b"<f8", b"<i8"), VALUES), "holds int64"),
        (npy(GOOD.replace(b"<f8", b"|O8"), VALUES), "holds object"),
        (npy(GOOD.replace(b"<f8", b"<c8"), VALUES), "holds complex"),
        (npy(GOOD.replace(b"<f8", b"|V8000000000"), VALUES), "not a .npy file|holds"),
        (npy(GOOD.replace(b"'<f8'", b"[('a', '<f8')]"), VALUES), "holds"),
        (npy(b"(" * 900 + b"\n"), "not a .npy file"),
        (npy(b"-" * 900 + b"1\n"), "not a .npy file"),
        (npy(b"__import__('os').system('touch x')\n"), "not a .npy file"),
        (npy(GOOD.replace(b"(5, 3)", b"(5L, 3L)"), VALUES), "not a .npy file"),
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
        (["recording-a", "recording-b", "x" * 60_000], "without folders"),
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


@functools.cache
def bombs():
    def deflated(size):
        stream = io.BytesIO()
        zipped(stream, [("recording-a.npy", bytes(size))], zipfile.ZIP_DEFLATED)
        return stream.getvalue()

    huge = npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (20000000, 1), }\n")
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 15, 0)
    entries = entry * 60_000
    too_long = f"directory of {len(entries)} bytes"
    return {
        "deflated zeros": (deflated(200_000_000), "unpacks to more than 200 times"),
        "shape without values": (zip_bytes({"a.npy": huge}), "not what its shape"),
        "a million members": (
            entries + end_record(60_000, len(entries)),
            too_long,
        ),
        "members not counted": (
            entries + end_record(1, len(entries)),
            too_long,
        ),
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
    with pytest.raises(SimbenchError, match=r"300\.0 MiB; allowed are 256 MiB"):
        read_latents(tmp_path / "z.npz", COUNTS)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in {"pipe": "not a file", "none": "missing", ".": "not a file"}.items():
        with pytest.raises(SimbenchError, match=complaint):
            read_latents(tmp_path / name, COUNTS)
