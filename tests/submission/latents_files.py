"""Latents files, honest and hostile."""

import struct
import zipfile

import numpy as np

COUNTS = {"recording-b": 5, "recording-a": 4}
VALUES = bytes(5 * 3 * 8)
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


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def clear(error):
    text = str(error)
    assert text.isprintable()
    assert 0 < len(text) < 500, text
