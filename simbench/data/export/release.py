"""A release: datasets as archives that can be deposited, described for people and machines."""

import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simbench import __version__
from simbench.core.errors import SimbenchError
from simbench.core.files import checksum, files_below, new_folder
from simbench.data.dataset_card import render
from simbench.data.export import Format, export
from simbench.data.simulation import simulate
from simbench.scenario.scenario import Scenario

RELEASED = ("firing-types", "topologies", "noise-ladder")
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
CROISSANT = "http://mlcommons.org/croissant/1.0"
_CROISSANT_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
)  # fmt: skip
"""Words of Croissant 1.0 that are the same in its vocabulary: loaders ask for all of them."""
_DATED = (1980, 1, 1, 0, 0, 0)


def release(
    scenarios: Sequence[Scenario], seed: int, folder: str | Path, nwb: bool = True, n_jobs: int = 1,
    progress: Callable[[str, int, int], None] | None = None, parquet: bool = True,
) -> Path:  # fmt: skip
    """Simulate scenarios and write what a deposit holds, whole or not at all.

    For each scenario and level ``NAME.zip`` (dataset folder) and, with ``nwb`` and ``parquet``,
    ``NAME-nwb.zip`` and ``NAME-parquet.zip``; ``README.md``, ``SHA256SUMS``, the metadata
    ``croissant.json`` (Croissant 1.0), and ``deposits.json``, whose places are filled in when
    the archives have an address.

    Parameters
    ----------
    folder : str or Path
        New or empty.

    Raises
    ------
    SimbenchError
        If a scenario names recordings of others: their licence is not simbench's to give.
    """
    for scenario in scenarios:
        if scenario.recordings is not None:
            raise SimbenchError(
                f"release: scenario {scenario.name} names recordings of others, whose licence is "
                "theirs; allowed: scenarios that are simulated"
            )
    folder = Path(folder)
    asked: dict[Format, bool] = {"nwb": nwb, "parquet": parquet}
    formats = [to for to, is_asked in asked.items() if is_asked]
    with new_folder(folder) as draft:
        cards = []
        for scenario in scenarios:
            for level, plain in scenario.at_levels.items():
                dataset = simulate(plain, seed, n_jobs)
                name = "-".join([scenario.name, *([level] if level else []), f"seed{seed}"])
                _archive(draft / f"{name}.zip", name, dataset.save)
                for to in formats:
                    _archive(draft / f"{name}-{to}.zip", name, partial(export, dataset, to=to))
                first, n_neurons = dataset.recordings[0], len(dataset.recording)
                cards.append(
                    f"- `{name}`: {len(dataset.recordings)} cultures, {n_neurons} neurons, "
                    f"{first.duration_s:g} s at {first.frame_rate:g} Hz"
                )
                if progress:
                    progress("release", len(cards), sum(len(s.at_levels) for s in scenarios))
        sums = {path.name: checksum(path) for path in sorted(draft.glob("*.zip"))}
        lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        card = render("release.md", version=__version__, seed=seed, licence=LICENCE, datasets=cards)
        (draft / "SHA256SUMS").write_text(lines, encoding="utf-8")
        (draft / "README.md").write_text(card, encoding="utf-8")
        places = {
            name.removesuffix(".zip"): {"url": "", "sha256": digest}
            for name, digest in sums.items()
            if not name.endswith(("-nwb.zip", "-parquet.zip"))
        }
        (draft / "deposits.json").write_text(json.dumps(places, indent=1) + "\n", encoding="utf-8")
        about = croissant(sums, {name: (draft / name).stat().st_size for name in sums}, seed)
        (draft / "croissant.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return folder


def croissant(sums: dict[str, str], sizes: dict[str, int], seed: int) -> dict[str, Any]:
    """Metadata in JSON-LD, for search engines of datasets and loaders.

    Parameters
    ----------
    sums, sizes
        SHA-256 and bytes of each archive.
    """
    return {
        "@context": {
            "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
            "rai": "http://mlcommons.org/croissant/RAI/", "conformsTo": "dct:conformsTo",
            **{name: f"cr:{name}" for name in _CROISSANT_TERMS},
            **{name: {"@id": f"cr:{name}", "@type": "@json"} for name in ("data", "examples")},
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        },
        "@type": "sc:Dataset",
        "conformsTo": CROISSANT,
        "name": f"simbench-seed{seed}",
        "description": "Simulated calcium imaging of neuronal cultures with all labels: spikes, "
        f"wiring, firing types and optics. Made by simbench {__version__} with seed {seed}.",
        "license": LICENCE,
        "url": "https://pypi.org/project/simbench-calcium/",
        "version": "1.0.0",
        "creator": {"@type": "sc:Organization", "name": "The simbench maintainers"},
        "datePublished": date.today().isoformat(),
        "citeAs": "The simbench maintainers: simbench, a simulation-first benchmark for calcium "
        f"imaging, version {__version__}",
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
                "contentSize": f"{sizes[name]} B", "encodingFormat": "application/zip",
                "sha256": digest,
            }
            for name, digest in sums.items()
        ],
    }  # fmt: skip


def _archive(path: Path, name: str, write: Callable[[Path], Any]) -> None:
    """Zip what a function writes, uncompressed and dated 1980: the same bytes each time."""
    with TemporaryDirectory() as scratch, zipfile.ZipFile(path, "w") as archive:
        write(Path(scratch) / name)
        for file in files_below(Path(scratch)):
            inside = zipfile.ZipInfo(file, _DATED)
            with (
                open(Path(scratch) / file, "rb") as source,
                archive.open(inside, "w", force_zip64=True) as out,
            ):
                shutil.copyfileobj(source, out, 2**20)
