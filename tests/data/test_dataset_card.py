import re
from dataclasses import replace

import pytest

from simbench.data.provenance import provenance
from simbench.data.real_cultures import STATISTICS, real_ranges
from simbench.scenario.labels import LABELS


def rows(card):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card.splitlines()
        if line.startswith("|")
    ]


def test_every_column_is_described_with_its_unit(small_dataset, tmp_path):
    card = (small_dataset.save(tmp_path / "small") / "README.md").read_text()
    described = {row[0].strip("`"): row[1:] for row in rows(card)}
    for name in small_dataset.labels.columns:
        assert name in described
        if name in LABELS:
            label = LABELS[name]
            assert described[name] == [label.unit, label.kind, label.meaning]


def test_the_card_says_what_how_and_whose(small_dataset):
    card = small_dataset.card()
    scenario = small_dataset.scenario
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    for part in (
        f"quickstart, version {scenario.version}",
        "Simulated data: no animal",
        "| neurons | 24 |",
        "| frames | 200 at 20 Hz (10 s) |",
        "CC BY 4.0",
        scenario.digest()[:16],
        "seed 7",
        "`culture.wiring.topology` | flat",
        "`imaging.indicator` | GCaMP6s",
    ):
        assert part in card


def test_the_card_says_how_far_its_cultures_are_from_real_ones(tiny_dataset):
    _, section = tiny_dataset.card().split("## Beside real cultures")
    region = re.search(r"beside (\w+)\s+cultures of days 14 to 28", section)[1]
    ranges = real_ranges().set_index(["region", "statistic"]).loc[region]
    said = {row[0]: row[2] for row in rows(section)}
    for name, title in STATISTICS.items():
        assert said[title] == "{p5:.2g} to {p95:.2g}".format(**ranges.loc[name])


def test_the_card_of_a_blinded_dataset_gives_nothing_away(small_dataset):
    card = small_dataset.blind().card()
    for secret in ("Beside real", "quickstart", "firing_type", "GCaMP6s", "labels.csv", "seed 7"):
        assert secret not in card
    assert "fluorescence.npy" in card


FALSE = ("Simulated data", "no animal", "CC BY 4.0", "cc-by", "simbench maintainers")
TOLD = {"source": "a {public} archive", "license": "CC0 | 1.0", "citation": "Doe, 2020"}


@pytest.mark.parametrize("origin", [None, {}, provenance(["spikes"], ["fluorescence"])])
def test_a_card_claims_nothing_that_nobody_told(small_dataset, origin):
    card = replace(small_dataset, scenario=None, origin=origin).card()
    assert not [claim for claim in FALSE if claim in card]
    assert card.count("not told") == 3
    assert "license:" not in card
    assert ("From elsewhere: spikes" in card) == bool(origin)


def test_a_card_says_what_it_was_told(small_dataset):
    origin = provenance(["spikes", "fluorescence"], [], **TOLD)
    dataset = replace(small_dataset, scenario=None, origin=origin)
    card = dataset.card()
    assert not [claim for claim in (*FALSE, "not told") if claim in card]
    assert card.startswith('---\nlicense: "CC0 | 1.0"\n')
    assert "| source | a {public} archive |" in card
    blinded = dataset.blind().card()
    assert "CC0" in blinded
    assert "archive" not in blinded
    assert not [claim for claim in FALSE if claim in blinded]


def test_the_card_of_blinded_simulated_data_keeps_its_licence(small_dataset):
    card = small_dataset.blind().card()
    assert "Simulated data: no animal" in card
    assert card.startswith("---\nlicense: cc-by-4.0\n")


def test_the_card_names_files_that_are_there(small_dataset, tmp_path):
    folder = small_dataset.save(tmp_path / "small")
    named = {row[0].strip("`") for row in rows((folder / "README.md").read_text())}
    for path in folder.rglob("*.np[yz]"):
        assert path.name in named
