"""A submission: latents and method card in one file that can be sent around."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from simbench.core.errors import SimbenchError
from simbench.core.files import checksum, write_bytes
from simbench.submission.archive import intact, open_archive, read_member
from simbench.submission.card import MethodCard, check_card
from simbench.submission.latents_file import read_matrices, write_matrices, zip_bytes

_CARD, _LATENTS, _CHECKSUMS = "card.json", "latents.npz", "checksums.json"
_MAX_TEXT_BYTES = 64 * 1024


@dataclass(frozen=True, eq=False)
class Submission:
    """A submission that was read and found well formed.

    Parameters
    ----------
    card : MethodCard
    latents : mapping of str to ndarray of float64, shape (n_neurons, n_components)
        By recording, in the order of the exported traces.
    digest : str
        SHA-256 of the file.
    """

    card: MethodCard
    latents: Mapping[str, np.ndarray]
    digest: str


def pack_submission(latents_file: str | Path, card: MethodCard, out: str | Path) -> Path:
    """Put latents and card into one file; the same input gives the same bytes.

    Parameters
    ----------
    latents_file : str or Path
        As `read_latents` wants it.
    card : MethodCard
    out : str or Path
        New file.

    Raises
    ------
    SimbenchError
        If the latents are malformed or not what the card says, or the file is there already.
    """
    out = Path(out)
    if out.exists():
        raise SimbenchError(f"{out}: already there; name a new file")
    latents = read_matrices(latents_file)
    _check_size(latents, card, str(latents_file))
    files = {
        _CARD: json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True).encode(),
        _LATENTS: write_matrices(latents),
    }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[_CHECKSUMS] = json.dumps(checksums, indent=1).encode()
    write_bytes(out, zip_bytes(files))
    return out


def read_submission(file: str | Path) -> Submission:
    """Read and check a submission. Nothing is unpickled, extracted or written.

    Raises
    ------
    SimbenchError
        In one line, if the file is not exactly what `pack_submission` writes.
    """
    with open_archive(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if members.keys() != {_CARD, _LATENTS, _CHECKSUMS}:
            raise ValueError(f"expected are the members {_CARD}, {_LATENTS} and {_CHECKSUMS}")
        for name in (_CARD, _CHECKSUMS):
            if members[name].file_size > _MAX_TEXT_BYTES:
                raise ValueError(f"{name} is above {_MAX_TEXT_BYTES >> 10} KiB")
        files = {name: read_member(archive, info, info.file_size) for name, info in members.items()}
        with intact(_CHECKSUMS):
            checksums = dict(json.loads(files.pop(_CHECKSUMS)))
        for name, content in files.items():
            if checksums.get(name) != hashlib.sha256(content).hexdigest():
                raise ValueError(f"{name} was altered: its checksum is another")
        with intact(_CARD):
            data = json.loads(files[_CARD])
        card = check_card(data, f"{file}, {_CARD}")
        latents = read_matrices(BytesIO(files[_LATENTS]), name=f"{file}, {_LATENTS}")
        _check_size(latents, card, f"{file}, {_LATENTS}")
    return Submission(card, latents, checksum(Path(file)))


def _check_size(latents: Mapping[str, np.ndarray], card: MethodCard, where: str) -> None:
    found = next(iter(latents.values())).shape[1]
    if found != card.latent_size:
        raise SimbenchError(
            f"{where}: {found} latents a neuron; the card says latent_size = {card.latent_size}"
        )
