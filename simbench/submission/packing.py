"""A submission: latents and method card in one file, written and read."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from simbench.core.errors import SimbenchError
from simbench.core.files import validated, write_bytes
from simbench.submission.card import MethodCard
from simbench.submission.latents_file import (
    LIMITS,
    check_size,
    naming,
    open_archive,
    read_matrices,
    read_parts,
)

_CARD, _LATENTS, _CHECKSUMS = "card.json", "latents.npz", "checksums.json"


@dataclass(frozen=True, eq=False)
class Submission:
    """A submission that was read and found well formed.

    Parameters
    ----------
    latents : mapping of str to ndarray of float64, shape (n_neurons, n_components)
        By recording, in the order of the exported traces.
    """

    card: MethodCard
    latents: Mapping[str, np.ndarray]


def pack_submission(
    latents_file: str | Path | Sequence[str | Path], card: MethodCard, out: str | Path
) -> Path:
    """Put latents and card into a new file; the same input gives the same bytes.

    ``latents_file`` has the form that `read_latents` describes; of a cross-fitted scenario there is
    one for each part.
    """
    out = Path(out)
    if out.exists():
        raise SimbenchError(f"{out}: exists; name a new file")
    latents = read_parts(latents_file)
    _check_size(latents, card, "latents")
    files = {
        _CARD: json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True).encode(),
        _LATENTS: write_matrices(latents),
    }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[_CHECKSUMS] = json.dumps(checksums, indent=1).encode()
    content = zip_bytes(files)
    with naming(str(out)):
        check_size(len(content))
    write_bytes(out, content)
    return out


def read_submission(file: str | Path) -> Submission:
    """Read a file that `pack_submission` wrote; anything else is refused, and nothing written."""
    with open_archive(file) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sizes.keys() != {_CARD, _LATENTS, _CHECKSUMS}:
            raise SimbenchError(f"expected are the members {_CARD}, {_LATENTS} and {_CHECKSUMS}")
        if max(sizes[_CARD], sizes[_CHECKSUMS]) > LIMITS.text_bytes:
            raise SimbenchError(f"{_CARD} or {_CHECKSUMS} is above {LIMITS.text_bytes >> 10} KiB")
        files = {name: archive.read(name) for name in sizes}
        with naming(_CHECKSUMS):
            checksums = dict(json.loads(files.pop(_CHECKSUMS)))
        for name, content in files.items():
            if checksums.get(name) != hashlib.sha256(content).hexdigest():
                raise SimbenchError(f"{name} was altered: its checksum differs")
        with naming(_CARD):
            card = validated(MethodCard, json.loads(files[_CARD]))
        latents = read_matrices(BytesIO(files[_LATENTS]), _LATENTS)
        _check_size(latents, card, _LATENTS)
    return Submission(card, latents)


def write_matrices(matrices: Mapping[str, np.ndarray]) -> bytes:
    """A file of latents; the same latents give the same bytes, whoever packed them before."""
    files = {}
    for recording in sorted(matrices):
        stream = BytesIO()
        npy.write_array(stream, np.ascontiguousarray(matrices[recording], dtype="<f8"), (1, 0))
        files[f"{recording}.npy"] = stream.getvalue()
    return zip_bytes(files)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file, uncompressed: the same bytes for the same content on every machine."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)  # dated 1980
            info.create_system = 3
            archive.writestr(info, content)
    return stream.getvalue()


def _check_size(latents: Mapping[str, np.ndarray], card: MethodCard, where: str) -> None:
    found, said = next(iter(latents.values())).shape[1], card.latent_size
    if found != said:
        raise SimbenchError(
            f"{where}: {found} latents per neuron; the card says latent_size = {said}"
        )
