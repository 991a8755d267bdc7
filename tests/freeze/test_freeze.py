"""What users hold on to stays: digests, formats, names, help; on one machine, every bit."""

import json
import os
from pathlib import Path

import pytest
from freeze import FROZEN, bits, frozen

BITS = os.environ.get("SIMBENCH_FREEZE", "")


@pytest.fixture(scope="module")
def now():
    return json.loads(json.dumps(frozen()))


@pytest.mark.parametrize("part", json.loads(FROZEN.read_text(encoding="utf-8")))
def test_nothing_that_users_hold_on_to_has_changed(part, now):
    assert now[part] == json.loads(FROZEN.read_text(encoding="utf-8"))[part]


@pytest.mark.skipif(not BITS, reason="SIMBENCH_FREEZE names no file that freeze.py wrote here")
def test_no_bit_has_changed_on_this_machine():
    before = json.loads(Path(BITS).read_text(encoding="utf-8"))
    after = bits()
    assert {name: after.get(name) for name in before} == before
