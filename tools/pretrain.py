"""Train the encoder that simbench ships, without labels (`simbench.methods.avae.pretrained`).

    python tools/pretrain.py

Cultures of both presets, under four indicators and three levels of noise, and those of
`topologies`, with a seed that no board has. Writes simbench/methods/avae/pretrained.safetensors.
"""

import numpy as np

from simbench import load_scenario
from simbench.core.seeds import seed32
from simbench.data.simulation import simulate
from simbench.methods.avae.estimator import AVAE
from simbench.methods.avae.pretrained import WEIGHTS
from simbench.scenario.scenario import Scenario

SEED = seed32(0, "avae-pretrained")
N_STEPS = 4000
IMAGING = {"frame_rate_hz": 20.0, "nu": 0.5, "indicator": "GCaMP6s"}
OPTICS = {
    "imaging.indicator": ["GCaMP6s", "GCaMP6f", "jGCaMP7f", "jGCaMP8m"],
    "imaging.nu": [0.3, 1.0, 2.0],
}
N_REPLICATES = 4


def recipe(preset: str) -> Scenario:
    """Cultures of 120 neurons, recorded for two minutes."""
    culture = {"preset": preset, "n_neurons": 120, "duration_s": 120.0}
    return Scenario.model_validate(
        {
            "name": f"pretraining-{preset}", "version": 1,
            "question": "None: these cultures teach an encoder.",
            "targets": ["in_degree"], "axes": OPTICS, "replicates": N_REPLICATES,
            "culture": culture, "imaging": IMAGING,
        }
    )  # fmt: skip


def main() -> None:
    wirings = load_scenario("topologies").model_copy(update={"replicates": N_REPLICATES})
    recipes = [recipe("cortical"), recipe("hippocampal"), wirings]
    recordings = [r for scenario in recipes for r in simulate(scenario, SEED).recordings]
    X = np.concatenate([r.dff for r in recordings]).astype(np.float32)
    groups = np.repeat(np.arange(len(recordings)), [len(r.dff) for r in recordings])
    AVAE(32, n_steps=N_STEPS, device="cpu").fit(X, groups=groups).save(WEIGHTS)
    size = WEIGHTS.stat().st_size / 1e6
    print(f"{WEIGHTS}: {size:.1f} MB, from {len(recordings)} cultures of {len(X)} neurons")


if __name__ == "__main__":
    main()
