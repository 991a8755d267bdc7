"""A tiny dataset sent out, and what came back."""

import re

import pytest
from latents_files import savez
from principal import exported_components

from simbench.submission import (
    export_traces,
    pack_submission,
    read_card,
    read_submission,
    score_submission,
)


@pytest.fixture(scope="module")
def exported(tiny_dataset, tmp_path_factory):
    return export_traces(tiny_dataset, tmp_path_factory.mktemp("traces") / "out")


@pytest.fixture(scope="module")
def latents_file(tiny_dataset, tmp_path_factory):
    """Principal components of the tiny scenario, as another group would send them."""
    return savez(
        tmp_path_factory.mktemp("latents") / "pca.npz", **exported_components(tiny_dataset)
    )


@pytest.fixture(scope="module")
def card(exported):
    text = (exported / "card.toml").read_text()
    filled = {
        "name": '"Spike2Vec"', "authors": '["Ada"]', "link": '"doi:10.1234/abc"',
        "latent_size": "8", "hardware": '"laptop"',
    }  # fmt: skip
    for key, value in filled.items():
        text, n = re.subn(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.MULTILINE)
        assert n == 1, key
    path = exported.parent / "filled.toml"
    path.write_text(text)
    return read_card(path)


@pytest.fixture(scope="module")
def submission(latents_file, card):
    packed = pack_submission(latents_file, card, latents_file.with_name("submission.zip"))
    return read_submission(packed)


@pytest.fixture(scope="module")
def rows(submission, tiny):
    return score_submission(submission, tiny, seed=1)
