"""Export to Parquet: one line per neuron, for pandas, polars, R's arrow and hubs of data sets."""

from pathlib import Path

from simbench.core.errors import needing
from simbench.data.dataset import Dataset
from simbench.data.recording import Recording


def write(recording: Recording, folder: Path, dataset: Dataset) -> None:
    """Write a recording as one table."""
    with needing("parquet", "export to parquet"):
        import pyarrow  # noqa: F401
    truth = recording.truth
    names = [other.name for other in dataset.recordings]
    is_test = bool(dataset.test[names.index(recording.name)])
    table = truth.labels.reset_index(drop=True)
    about = {
        "recording": recording.name, "neuron": range(recording.n_neurons),
        "split": "test" if is_test else "train", "frame_rate_hz": recording.frame_rate,
    }  # fmt: skip
    for place, (name, value) in enumerate(about.items()):
        table.insert(place, name, value)
    columns = {"fluorescence": list(recording.fluorescence), "dff": list(recording.dff)}
    if truth.clean_dff is not None:
        columns["clean_dff"] = list(truth.clean_dff)
    if truth.spikes is not None:
        columns["spike_times_s"] = [truth.spikes[n] for n in range(recording.n_neurons)]
    if truth.weights is not None:
        links = truth.weights.tocsc()  # a column holds the inputs of a neuron
        ends = zip(links.indptr, links.indptr[1:])
        parts = [(links.indices[start:end], links.data[start:end]) for start, end in ends]
        columns["inputs"], columns["input_weights"] = map(list, zip(*parts))
    path = folder / f"{recording.name}.parquet"
    table.assign(**columns).to_parquet(path, index=False, compression="zstd", engine="pyarrow")
