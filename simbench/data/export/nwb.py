"""Export to Neurodata Without Borders: one file per recording, with its truth."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pandas as pd

from simbench import __version__
from simbench.core.errors import needing
from simbench.culture.spikes import SpikeTrains
from simbench.data.dataset import Dataset
from simbench.data.export.rois import Rois, draw_rois
from simbench.data.provenance import fluorescence_unit
from simbench.data.recording import Recording
from simbench.scenario.labels import LABELS

if TYPE_CHECKING:
    from hdmf.common import VectorData
    from pynwb import NWBFile
    from pynwb.ophys import PlaneSegmentation

_DATE = datetime(2025, 1, 1, tzinfo=UTC)
"""A placeholder: the format asks for a date. The same one gives the same bytes."""


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write the NWB file of a recording.

    It passes ``nwbinspector --config dandi``, but for one remark if a recording has more neurons
    than frames: the inspector then takes neurons for time. The same dataset and library versions
    give the same bytes.
    """
    with needing("nwb", "export to nwb"):
        from pynwb import NWBHDF5IO

    path = folder / f"{recording.name}.nwb"
    identifier = content_digest(recording)
    file = _new_file(dataset, recording, identifier)
    segmentation = _add_rois(file, dataset, recording)
    _add_traces(file, dataset, recording, segmentation)
    _add_units(file, dataset, recording, segmentation)
    _add_wiring(file, recording)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    _fix_object_ids(path, identifier)


def content_digest(recording: Recording) -> str:
    """SHA-256 of traces, frame rate, labels and spikes of a recording."""
    truth = recording.truth
    digest = hashlib.sha256()
    spikes = (truth.spikes.times, truth.spikes.offsets) if truth.spikes else ()
    for array in (recording.fluorescence, *spikes):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(f"{recording.frame_rate!r}\n{truth.labels.to_csv(index=False)}".encode())
    return digest.hexdigest()


def _new_file(dataset: Dataset, recording: Recording, identifier: str) -> "NWBFile":
    from pynwb import NWBFile

    scenario = dataset.scenario
    names = [r.name for r in dataset.recordings]
    notes = {
        "scenario": scenario.model_dump(mode="json") if scenario else None,
        "scenario_digest": scenario.digest() if scenario else None,
        "origin": dataset.origin,
        "seed": dataset.seed,
        "test_culture": bool(dataset.test[names.index(recording.name)]),
        "summary": recording.truth.summary,
    }
    told = _simulated_file(dataset, recording) if dataset.is_simulated else _told(dataset)
    return NWBFile(
        identifier=identifier,
        session_start_time=_DATE,
        file_create_date=_DATE,
        session_id=recording.name,
        notes=json.dumps(notes),
        **told,
    )


def _made_light(dataset: Dataset) -> bool:
    """Whether the optics are simbench's; the spikes may be from elsewhere."""
    return dataset.is_simulated or "fluorescence" in (dataset.origin or {}).get("made", ())


def _simulated_file(dataset: Dataset, recording: Recording) -> dict[str, Any]:
    from pynwb.file import Subject

    scenario = dataset.scenario
    return {
        "session_description": "SIMULATED calcium imaging of a neuronal culture (simbench "
        f"{__version__}); no animal was used",
        "experimenter": ["simbench, maintainers"],
        "institution": "none: simulated",
        "lab": "none: simulated",
        "keywords": ["simulated", "calcium imaging", "neuronal culture"],
        "experiment_description": " ".join(scenario.question.split()) if scenario else "Simulated",
        "subject": Subject(
            subject_id=f"simulated-{recording.name}",
            species="Rattus norvegicus",
            sex="U",
            age="P0D",
            description="SIMULATED culture: species, sex and age are placeholders of the format",
        ),
    }


def _told(dataset: Dataset) -> dict[str, Any]:
    """What was told of data from elsewhere; no subject, for simbench knows none."""
    origin = dataset.origin or {}
    given, made = (", ".join(origin.get(key, ())) or "not told" for key in ("given", "made"))
    told = {"data_collection": origin.get("source"), "related_publications": origin.get("citation")}
    return {
        "session_description": f"calcium imaging (simbench {__version__}); the date is a "
        "placeholder of the format",
        "experiment_description": f"from elsewhere: {given}; made by simbench: {made}; "
        f"licence: {origin.get('license') or 'not told'}",
        "keywords": ["calcium imaging"],
        **{key: value for key, value in told.items() if value},
    }


def _add_rois(file: "NWBFile", dataset: Dataset, recording: Recording) -> "PlaneSegmentation":
    """Microscope, plane, one round ROI per neuron, and the labels as columns."""
    from pynwb.ophys import ImageSegmentation, OpticalChannel, PlaneSegmentation

    labels = recording.truth.labels
    rois = draw_rois(recording) if {"x_mm", "y_mm"} <= set(labels) else None
    simulated = dataset.is_simulated
    made = _made_light(dataset)
    word = "SIMULATED " if made else ""
    place = labels["region"].iloc[0] if "region" in labels else "not told"
    plane = file.create_imaging_plane(
        name="ImagingPlane",
        optical_channel=OpticalChannel(
            name="OpticalChannel",
            description=f"{word}green channel" if made else "not told",
            emission_lambda=520.0 if made else np.nan,
        ),
        description=f"{word}plane of somata",
        device=file.create_device(
            "SimulatedMicroscope" if made else "Microscope",
            description="SIMULATED by simbench" if made else "not told",
        ),
        excitation_lambda=488.0 if made else np.nan,
        indicator=_indicator(dataset, labels),
        location="neuronal culture (simulated)" if simulated else str(place),
        imaging_rate=float(recording.frame_rate),
        grid_spacing=[rois.pixel_um * 1e-6] * 2 if rois else None,
        grid_spacing_unit="meters",
    )
    container = ImageSegmentation()
    file.create_processing_module("ophys", f"{word}optical physiology").add(container)
    segmentation = PlaneSegmentation(
        name="PlaneSegmentation",
        description="neurons and their labels" if rois is None else "somata and their labels",
        imaging_plane=plane,
        columns=_pixel_masks(rois, recording.n_neurons),
        id=np.arange(recording.n_neurons),
    )
    container.add_plane_segmentation(segmentation)
    for name, values in _nwb_columns(labels):
        segmentation.add_column(name=name, description=_description(name), data=values)
    return segmentation


def _indicator(dataset: Dataset, labels: pd.DataFrame) -> str:
    if dataset.scenario is not None and dataset.scenario.conditions:
        named = {c.imaging.indicator for c in dataset.scenario.conditions}
        return ", ".join(sorted(n if isinstance(n, str) else "custom" for n in named))
    if "indicator" in labels:
        return ", ".join(sorted(labels["indicator"].unique()))
    named = (dataset.origin or {}).get("imaging", {}).get("indicator")
    return named if isinstance(named, str) else "see notes"


def _pixel_masks(rois: Rois | None, n_neurons: int) -> list["VectorData"]:
    """The column of pixels as one array: row by row takes the library minutes.

    The format asks for it: without positions, a neuron gets a pixel of its own.
    """
    from hdmf.common import VectorData, VectorIndex

    one = np.ones(1)
    pixels = rois.pixels if rois else [(0 * one, i * one, one) for i in range(n_neurons)]
    rows, columns, weights = (np.concatenate(parts) for parts in zip(*pixels))
    masks = np.empty(
        len(weights), dtype=[("x", np.uint32), ("y", np.uint32), ("weight", np.float32)]
    )
    masks["x"], masks["y"], masks["weight"] = columns, rows, weights
    ends = np.cumsum([len(weights) for *_, weights in pixels])
    what = "pixels of the ROI" if rois else "placeholder of the format: positions are not known"
    data = VectorData(name="pixel_mask", description=what, data=masks)
    return [data, VectorIndex(name="pixel_mask_index", target=data, data=ends)]


def _nwb_columns(labels: pd.DataFrame) -> Iterator[tuple[str, np.ndarray | list[str]]]:
    """Label columns in types that the inspector accepts; columns without a value are left out."""
    names = set(map(str, labels))
    for label, column in labels.items():
        if column.isna().all():
            continue
        name = str(label).replace("/", "_").replace(":", "_")  # in NWB they are parts of a path
        while name != label and name in names:
            name += "_"
        names.add(name)
        if pd.api.types.is_numeric_dtype(column) and column.isna().any():
            column = column.astype(float)  # pandas has integers and flags that may be missing
        if pd.api.types.is_bool_dtype(column):
            yield name, column.to_numpy(dtype=bool)
        elif not pd.api.types.is_numeric_dtype(column):
            yield name, column.fillna("").astype(str).to_list()
        elif np.isin(column, (0, 1)).all() or pd.api.types.is_integer_dtype(column):
            # in few bytes: the inspector takes a wide column of 0 and 1 for a flag
            values = column.to_numpy(dtype=np.int64)
            ends = np.min_scalar_type(int(values.min())), np.min_scalar_type(int(values.max()))
            yield name, values.astype(np.result_type(*ends))
        else:
            yield name, column.to_numpy(dtype=np.float64)


def _description(name: str) -> str:
    label = LABELS.get(name)
    if label is None:
        return f"own label {name}"
    return f"{label.meaning} ({label.unit})" if label.unit else label.meaning


def _add_traces(
    file: "NWBFile", dataset: Dataset, recording: Recording, segmentation: "PlaneSegmentation"
) -> None:
    from pynwb import H5DataIO
    from pynwb.ophys import DfOverF, Fluorescence, RoiResponseSeries

    truth = recording.truth
    light, relative = Fluorescence(), DfOverF()
    file.processing["ophys"].add([light, relative])
    counts = fluorescence_unit(dataset.origin)
    seen = "SIMULATED fluorescence" if _made_light(dataset) else "fluorescence"
    neuropil = "SIMULATED fluorescence around each cell"
    percentile = "dF/F against a running percentile"
    for container, name, traces, unit, description in (
        (light, "RoiResponseSeries", recording.fluorescence, counts, seen),
        (light, "Neuropil", truth.neuropil, counts, neuropil),
        (relative, "RoiResponseSeries", recording.dff, "n.a.", percentile),
        (relative, "TrueRoiResponseSeries", truth.clean_dff, "n.a.", "true dF/F, without camera"),
    ):
        if traces is not None:
            everyone = list(range(recording.n_neurons))
            rois = segmentation.create_roi_table_region("all somata", region=everyone)
            data = H5DataIO(np.asarray(traces).T, compression="gzip", shuffle=True)
            series = RoiResponseSeries(
                name=name, data=data, unit=unit, rois=rois, description=description,
                starting_time=0.0, rate=float(recording.frame_rate),
            )  # fmt: skip
            container.add_roi_response_series(series)


def _add_units(
    file: "NWBFile", dataset: Dataset, recording: Recording, segmentation: "PlaneSegmentation"
) -> None:
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex
    from pynwb.misc import Units

    truth, n = recording.truth, recording.n_neurons
    spikes = truth.spikes
    if spikes is None or not len(spikes.times):
        return  # readers fail on a table of spikes without any
    rows, ends = np.arange(n), spikes.offsets[1:]
    times = VectorData(name="spike_times", description="spike times, s", data=spikes.times)
    whole = np.tile([0.0, spikes.duration], (n, 1))
    watched = VectorData(name="obs_intervals", description="the whole recording, s", data=whole)
    columns = [
        times, VectorIndex(name="spike_times_index", target=times, data=ends),
        watched, VectorIndex(name="obs_intervals_index", target=watched, data=rows + 1),
        DynamicTableRegion(
            name="roi", description="ROI of the unit", data=rows, table=segmentation
        ),
    ]  # fmt: skip
    if "firing_type" in truth.labels:
        types = truth.labels["firing_type"].astype(str).to_list()
        description = _description("firing_type")
        columns.append(VectorData(name="firing_type", description=description, data=types))
    file.units = Units(
        name="units",
        description=f"{'SIMULATED: ' if dataset.is_simulated else ''}all spikes of all neurons",
        columns=columns,
        resolution=_resolution_s(dataset, spikes),
    )


def _resolution_s(dataset: Dataset, spikes: SpikeTrains) -> float:
    """Time step of the simulation; for imported spikes the smallest difference between times."""
    if dataset.scenario and dataset.scenario.conditions:
        return min(c.culture.dt_ms for c in dataset.scenario.conditions) / 1000
    differences = np.diff(np.unique(spikes.times))
    return float(differences.min()) if len(differences) else 0.001


def _add_wiring(file: "NWBFile", recording: Recording) -> None:
    from hdmf.common import DynamicTable, VectorData

    weights = recording.truth.weights
    if weights is None or weights.nnz == 0:
        return
    links, n = weights.tocoo(), len(weights.indptr) - 1
    # Sorted by neuron, the first rows would be 0 and 1 only: the inspector takes that for flags.
    order = np.lexsort((links.row, (links.col - links.row) % n))
    index = np.min_scalar_type(n - 1)
    columns = {
        "pre": (links.row[order].astype(index), "presynaptic neuron (row of units)"),
        "post": (links.col[order].astype(index), "postsynaptic neuron (row of units)"),
        "weight": (links.data[order], "signed synaptic weight"),
    }
    data = [VectorData(name=n, description=d, data=v) for n, (v, d) in columns.items()]
    what = "SIMULATED synapses, one row per link"
    table = DynamicTable(name="wiring", description=what, columns=data)
    file.create_processing_module("misc", "SIMULATED wiring of the culture").add(table)


def _fix_object_ids(path: Path, identifier: str) -> None:
    """Replace random object ids by ones that follow from the content."""
    import h5py

    def rename(name: str, item: h5py.HLObject) -> None:
        if "object_id" in item.attrs:
            item.attrs.modify("object_id", str(uuid5(NAMESPACE_URL, f"{identifier}/{name}")))

    with h5py.File(path, "r+") as file:
        rename("", file)
        file.visititems(rename)
