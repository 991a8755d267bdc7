"""Named random streams: a draw depends on its name, never on the order of the work."""

import hashlib
import operator
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from simbench.core.errors import SimbenchError

SECRET_BITS = 128


def draw_secret_seed() -> int:
    """A seed that nobody can guess, from the system's source of randomness."""
    return secrets.randbits(SECRET_BITS - 1) | 1 << (SECRET_BITS - 1)


def whole(seed: int) -> int:
    """A seed as a plain int, also if it comes as an integer of NumPy, which no JSON takes."""
    try:
        return operator.index(seed)
    except TypeError:
        raise SimbenchError(f"seed = {seed!r:.100}; allowed: a whole number") from None


def check_secret(
    seed: int, where: str = "--seed", instead: str = "leave it out, and one of {} bits is drawn"
) -> None:
    """Refuse a seed that can be found by trial: the noise of three frames would give it away."""
    if seed.bit_length() < SECRET_BITS:
        raise SimbenchError(
            f"{where}: {seed.bit_length()} bits can be guessed from the traces; "
            f"{instead.format(SECRET_BITS)}"
        )


def seed_of(base: int, *names: str | int) -> int:
    """256-bit seed of a named stream.

    Parameters
    ----------
    base : int
        Seed of the run.
    *names : str or int
        Path of the stream, e.g. ``"culture", 3, "noise"``. ``3`` and ``"3"`` differ, ``3`` and
        ``np.int64(3)`` do not.
    """
    parts = [part if isinstance(part, str) else operator.index(part) for part in (base, *names)]
    text = "/".join(f"{type(part).__name__}:{part!r}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def stream(base: int, *names: str | int) -> np.random.Generator:
    """Independent random generator for a named stream (PCG64 seeded by SHA-256 of the names)."""
    return np.random.default_rng(seed_of(base, *names))


def seed32(base: int, *names: str | int) -> int:
    """32-bit seed of a named stream, for libraries that take only small integers."""
    return seed_of(base, *names) & 0xFFFFFFFF


def random_state_of(seed: int) -> int:
    """The seed as scikit-learn takes it: below 2**32 as it is, above it modulo 2**32."""
    return seed % 2**32


@contextmanager
def seeded_numpy(random_state: int | None) -> Iterator[None]:
    """NumPy's global generator, seeded for libraries that draw from it, and then as it was."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed32(random_state or 0, "numpy"))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
