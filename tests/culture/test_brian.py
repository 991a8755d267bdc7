import subprocess
import sys

RUN = """
import os, signal, threading, time
from simbench.culture import grow_culture
from simbench.culture.brian import load_brian2
from simbench.scenario.culture_recipe import CultureRecipe

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in some shells' background
network = load_brian2().Network

def interrupt():
    while not network._globally_running:
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    grow_culture(CultureRecipe(n_neurons=20, duration_s=600.0), seed=0)
    print("finished")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_never_passes_a_shortened_simulation_off_as_complete():
    result = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True)
    assert result.stdout.strip() == "interrupted", result.stderr


def test_brian2_can_be_loaded_in_any_thread():
    code = (
        "import threading, simbench.culture.brian as e\n"
        "t = threading.Thread(target=lambda: print(e.load_brian2().__name__))\n"
        "t.start(); t.join()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "brian2"
