"""Wiring from a file: a sparse matrix or an edge list, checked before it is used."""

from pathlib import Path

import numpy as np
from scipy import sparse

from simbench.core.errors import SimbenchError
from simbench.core.files import read_table, reading


def read_edges(path: str, n_neurons: int) -> tuple[sparse.csr_array, sparse.csr_array | None]:
    """Read links, and weights if the file has them.

    Parameters
    ----------
    path : str
        ``.npz`` of ``scipy.sparse.save_npz``, presynaptic x postsynaptic, or ``.csv`` with the
        columns ``pre,post`` or ``pre,post,weight`` (neurons count from 0).
    n_neurons : int

    Returns
    -------
    links : scipy.sparse.csr_array of bool, shape (n_neurons, n_neurons)
    weights : scipy.sparse.csr_array or None
        None for an edge list without weights and for a boolean matrix.

    Raises
    ------
    SimbenchError
        If the file can't be read, the matrix is not square or of another size, holds self-links,
        or a row holds weights of both signs.
    """
    where = f"wiring.edges = '{path}'"
    if not path.endswith((".npz", ".csv")):
        raise SimbenchError(f"{where}: allowed are .npz and .csv")
    with reading(Path(where)):
        is_matrix = path.endswith(".npz")
        weights, weighted = _read_matrix(path) if is_matrix else _read_table(path, n_neurons)
    try:
        _check(weights, n_neurons)
    except ValueError as error:
        raise SimbenchError(f"{where}: {error}") from None
    links = sparse.csr_array(weights != 0)
    return links, weights if weighted else None


def _read_matrix(path: str) -> tuple[sparse.csr_array, bool]:
    matrix = sparse.load_npz(path)
    if matrix.ndim != 2:
        raise ValueError(f"shape {matrix.shape}; allowed is a square matrix")
    matrix = sparse.csr_array(matrix)
    weighted = matrix.dtype != bool
    return matrix.astype(float), weighted


def _read_table(path: str, n_neurons: int) -> tuple[sparse.csr_array, bool]:
    table = read_table(Path(path))
    if list(table) not in (["pre", "post"], ["pre", "post", "weight"]):
        raise ValueError(f"columns {', '.join(map(str, table))}; allowed: pre,post[,weight]")
    weighted = "weight" in table
    if table.empty:  # its columns have no types
        return sparse.csr_array((n_neurons, n_neurons)), weighted
    ends = table[["pre", "post"]].to_numpy()
    is_whole = np.issubdtype(ends.dtype, np.integer)
    if not is_whole or ends.min() < 0 or ends.max() >= n_neurons:
        raise ValueError(f"pre and post must be whole numbers in 0..{n_neurons - 1}")
    if table.duplicated(["pre", "post"]).any():
        row = table[table.duplicated(["pre", "post"])].iloc[0]
        raise ValueError(f"the link {row['pre']:g} -> {row['post']:g} is a duplicate")
    weights = table["weight"].to_numpy(float) if weighted else np.ones(len(table))
    return sparse.csr_array((weights, ends.T), shape=(n_neurons, n_neurons)), weighted


def _check(weights: sparse.csr_array, n_neurons: int) -> None:
    if weights.shape[0] != weights.shape[1]:
        raise ValueError(f"shape {weights.shape}; allowed is a square matrix")
    if weights.shape[0] != n_neurons:
        raise ValueError(f"{weights.shape[0]} neurons; the culture has n_neurons = {n_neurons}")
    if not np.isfinite(weights.data).all():
        raise ValueError("a weight is not finite")
    weights.sum_duplicates()
    weights.eliminate_zeros()
    own = np.flatnonzero(weights.diagonal())
    if len(own):
        raise ValueError(f"neuron {own[0]} links to itself; allowed are links between neurons")
    mixed = np.flatnonzero(((weights > 0).sum(axis=1) > 0) & ((weights < 0).sum(axis=1) > 0))
    if len(mixed):
        raise ValueError(
            f"row {mixed[0]} has weights of both signs; a neuron either excites or inhibits"
        )
