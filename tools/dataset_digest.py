"""One SHA-256 of all files of the tiny dataset, to compare Pythons and systems.

CXX=none python tools/dataset_digest.py

Without a compiler Brian2 runs on NumPy. Manifest and card, which name versions, are left out.
"""

import hashlib
import tempfile
from pathlib import Path

import simbench

TINY = Path(__file__).parents[1] / "tests" / "tiny.toml"


def digest_of_files(folder: Path) -> str:
    """SHA-256 of names and contents of all files of recordings below a dataset folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*/*")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        dataset = simbench.simulate(simbench.load_scenario(TINY), seed=1)
        print(digest_of_files(dataset.save(Path(scratch) / "tiny")))
