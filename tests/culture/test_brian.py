import subprocess
import sys

RUN = """
import os, signal, threading
from simbench.culture.growth import grow_cultures
from simbench.scenario.culture_recipe import CultureRecipe

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in some shells' background
started = threading.Event()

def interrupt():
    started.wait()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
recipes = [CultureRecipe(n_neurons=20, duration_s=600.0)] * 3
try:
    list(grow_cultures(recipes, 0, range(3), progress=lambda seconds: started.set()))
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
