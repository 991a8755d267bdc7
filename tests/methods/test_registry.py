import re
import subprocess
import sys

import numpy as np
import pytest

from simbench import SimbenchError, embed
from simbench.benchmark.known_names import list_methods
from simbench.benchmark.plan import Unit, plan
from simbench.methods import catalogue, registry
from simbench.methods.loading import load_class, method_digest
from simbench.methods.registry import METHODS, expand_names, find_entry, get_method, identity

SOURCE = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from simbench.methods.controls.control import Control

class Mean(TransformerMixin, BaseEstimator):
    def __init__(self, n_components=2):
        self.n_components = n_components
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return np.repeat(X.mean(axis=1, keepdims=True), self.n_components, axis=1)

class Peeks(Control):
    def embed(self, dataset):
        return dataset.labels[["a"]].to_numpy()

class Bare:
    def fit(self, X):
        return self

class Wants:
    def __init__(self, n):
        pass

class Raises:
    def __init__(self):
        raise RuntimeError("no\\nluck")

class Forgets(Mean):
    def __init__(self, n_parts=2):
        pass

NUMBER = 3
"""


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return f"{path}:Mean"


def test_every_line_has_what_a_table_shows():
    for name, entry in METHODS.items():
        assert entry.family in ("linear", "features", "learned", "control", "pretrained"), name
        assert entry.summary
        assert entry.source


def test_the_list_says_how_many_settings_were_tried_or_that_nobody_counted():
    tried = list_methods()["settings tried"]
    assert tried["pca"] == "1"
    assert tried["ica"] == "not counted"


def test_families_of_controls():
    controls = {name for name, entry in METHODS.items() if entry.is_control}
    assert controls == {
        "chance", "spikes", "spikes-own", "spikes-frames", "spikes-frames-own", "traces-taught",
        "untrained", "shuffled-time",
    }  # fmt: skip


def test_default_methods_are_quick_and_all_are_what_is_installed_without_references():
    pytest.importorskip("torch")
    assert set(expand_names([])) == {
        "chance", "spikes", "trace-stats", "random-projection", "pca", "fa", "ica",
        "avae-published", "avae", "untrained",
    }  # fmt: skip
    compared = {n for n, entry in METHODS.items() if entry.is_available and not entry.only_if_named}
    assert compared <= set(expand_names(["all"]))
    assert expand_names(["ica", "pca", "ica"]) == ["ica", "pca"]


def test_unknown_method_is_one_line():
    with pytest.raises(SimbenchError, match="unknown method 'psa'; known: chance,.*path.py:Class"):
        find_entry("psa")


def test_settings_follow_the_name_and_go_before_those_of_the_run():
    method = get_method("avae[beta=0, device=cpu, n_components=3]", n_components=8, frame_rate=5.0)
    assert (method.beta, method.device, method.n_components, method.frame_rate) == (0, "cpu", 3, 5)
    assert get_method("avae[population=false]").population is False
    assert find_entry("avae[beta=0]") is METHODS["avae"]
    assert identity("avae[beta=0, device=cpu]") == identity("pca") == {}
    assert get_method("pca-spectrum[n_components=3]").get_params()["pca__n_components"] == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("avae[betta=0]", "no parameter 'betta'; allowed: .*beta"),
        ("avae[beta]", "'beta' is no setting; expected name"),
        ("avae[]", "'' is no setting"),
        ("[beta=0]", "'beta=0' is no setting"),
        ("avae[betta={[]:1}]", "no parameter 'betta'"),
        ("avea[beta=0]", "unknown method 'avea'"),
        ("random-projection[random_state=5]", "'random_state' is set by the benchmark; allowed: "),
        ("spectrum[frame_rate=5]", "'frame_rate' is set by the benchmark; allowed: n_bands, "),
        ("nmf[nmf__random_state=5]", "'nmf__random_state' is set by the benchmark; allowed: "),
        ("chance[n=5]", "no parameter 'n'; allowed: none$"),
    ],
)
def test_wrong_settings_are_one_line_before_anything_runs(name, message, tiny):
    with pytest.raises(SimbenchError, match=message):
        get_method(name)
    with pytest.raises(SimbenchError, match=message):
        plan([tiny], [name])


def test_a_plan_makes_what_may_not_be_makeable(home, tiny, tmp_path, monkeypatch):
    with pytest.raises(SimbenchError, match="making it failed"):
        plan([tiny], [home.replace("Mean", "Raises")])
    planned = plan([tiny], [home, "pca[n_components=3]", "nmf[nmf__alpha_W=0.1]"])
    assert [unit.method for unit in planned[-3:]] == [
        home, "pca[n_components=3]", "nmf[nmf__alpha_W=0.1]",
    ]  # fmt: skip


def test_every_variant_of_the_ablation_is_a_method():
    pytest.importorskip("torch")
    variants = expand_names(["avae-ablation"])
    assert variants[0] == "avae"
    parameters = [get_method(name).get_params() for name in variants]
    assert len({str(p) for p in parameters}) == len(variants)


def test_a_reference_runs_where_it_is_asked_for_only():
    assert METHODS["windowed-pca"].only_if_named
    assert "windowed-pca" not in expand_names(["all"])
    assert expand_names(["windowed-pca"]) == ["windowed-pca"]


def test_a_missing_extra_is_named_and_skipped(monkeypatch):
    entry = catalogue.MethodEntry("features", "nowhere:X", "something", "here", needs="aeon")
    monkeypatch.setitem(METHODS, "needy", entry)
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    hint = "needs `pip install '.[features]'` in a clone of simbench"
    assert entry.description == f"something ({hint})"
    assert "needy" not in expand_names(["all"])
    with pytest.raises(SimbenchError, match=f"^method needy {re.escape(hint)}$"):
        get_method("needy")


def test_a_file_is_a_method(home, tiny_dataset):
    assert find_entry(home).family == "outside"
    latents = embed(get_method(home, n_components=3, frame_rate=1.0), tiny_dataset)
    np.testing.assert_allclose(latents[:, 1], tiny_dataset.traces().mean(axis=1), rtol=1e-6)
    assert latents.shape[1] == 3


def test_a_module_is_a_method(home, tmp_path, monkeypatch):
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").write_text("")
    (tmp_path / "package_of_mine" / "deep.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert get_method("package_of_mine.deep:Mean", n_components=5).n_components == 5
    before = method_digest("package_of_mine.deep:Mean")
    (tmp_path / "package_of_mine" / "__init__.py").write_text("x = 1")
    assert method_digest("package_of_mine.deep:Mean") != before


@pytest.mark.parametrize("name", ["random-projection", "pca", "fa", "ica", "nmf"])
def test_any_seed_will_do(name, tiny_dataset):
    """scikit-learn takes none above 2**32."""
    latents = [
        embed(get_method(name, n_components=2), tiny_dataset, random_state=seed)
        for seed in (3, 2**32 + 3)
    ]
    np.testing.assert_array_equal(*latents)


def test_a_control_from_outside_is_marked(home):
    assert find_entry(home.replace("Mean", "Peeks")).is_control


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("mine.py", "other.py"), "no file .*other.py"),
        (("Mean", "Median"), "no class 'Median' there; found: Mean, Peeks, Bare, Wants, Raises"),
        (("Mean", "NUMBER"), "no class 'NUMBER' there"),
        (("Mean", "Bare"), r"no transform; expected fit\(X\) and transform\(X\)"),
        (("Mean", "Wants"), "can't be made without arguments"),
        (("Mean", "Raises"), "making it failed: RuntimeError: no luck"),
        (("Mean", "Forgets"), "making it failed: AttributeError: .*n_parts"),
    ],
)
def test_what_is_not_a_method_is_one_line(home, change, complaint):
    with pytest.raises(SimbenchError, match=complaint) as caught:
        get_method(home.replace(*change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["import nothing_of_that_name", "def (", "1 / 0", "exit(3)"])
def test_a_file_that_fails_is_one_line(tmp_path, text):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(SimbenchError, match="importing it failed: "):
        get_method(f"{tmp_path / 'bad.py'}:Mean")
    with pytest.raises(SimbenchError, match="importing it failed: ModuleNotFoundError"):
        get_method("nothing_of_that_name:Mean")


def test_an_edited_file_is_another_unit(home, tiny, tmp_path):
    unit = Unit(tiny, 1, home)
    folder, first = unit.latents_folder, load_class(home)
    assert unit.latents_folder == folder
    (tmp_path / "mine.py").write_text(SOURCE + "\n# changed\n")
    assert Unit(tiny, 1, home).latents_folder != folder
    assert load_class(home) is not first


def test_an_edited_helper_is_another_unit(home, tiny, tmp_path):
    helpers = ["helper.py", "parts/deep/deeper.py", "parts/deep/beside.py", "lazy.py", "last.py"]
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    for name in helpers:
        (tmp_path / name).write_text("N = 3")
    (tmp_path / "helper.py").write_text("import numpy, last\nN = 3")
    (tmp_path / "idle.py").write_text("N = 3")
    (tmp_path / "mine.py").write_text(
        SOURCE + "def use():\n    import lazy, simbench\n    from helper import N\n"
        "    import parts.deep.deeper\n    import broken\n"
    )
    (tmp_path / "broken.py").write_text("def (")
    for name in helpers:
        folder = Unit(tiny, 1, home).latents_folder
        (tmp_path / name).write_text((tmp_path / name).read_text().replace("3", "5"))
        assert Unit(tiny, 1, home).latents_folder != folder, name
    folder = Unit(tiny, 1, home).latents_folder
    (tmp_path / "idle.py").write_text("N = 5")
    assert Unit(tiny, 1, home).latents_folder == folder


def test_what_lies_beside_an_installed_file_is_not_looked_at(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "mine.py").write_text("import other\n" + SOURCE)
    (folder / "other.py").write_text("N = 3")
    before = method_digest(f"{folder / 'mine.py'}:Mean")
    (folder / "other.py").write_text("N = 5")
    assert method_digest(f"{folder / 'mine.py'}:Mean") == before


def test_installed_packages_add_methods(tmp_path, monkeypatch):
    (tmp_path / "their_package.py").write_text(SOURCE)
    info = tmp_path / "their_package-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(
        "[simbench.methods]\ntheirs = their_package:Mean\npca = their_package:Mean\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    entry = find_entry("theirs")
    assert (entry.family, entry.source) == ("outside", "their-package 2.5")
    assert get_method("theirs", n_components=4).n_components == 4
    assert identity("theirs") == {"source": method_digest("their_package:Mean")}
    assert find_entry("pca") is METHODS["pca"]
    assert "theirs" in expand_names(["all"])


def test_the_device_is_part_of_what_latents_depend_on(home, tiny, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    (tmp_path / "mine.py").write_text(
        SOURCE
        + """
class Deep(Mean):
    def __init__(self, device="auto"):
        self.device = device

class Chooses(Mean):
    def __init__(self, device=None):
        self.device = device

def piped():
    from sklearn.pipeline import make_pipeline
    return make_pipeline(Deep())
"""
    )
    names = ["avae", "untrained", home.replace("Mean", "Deep"), home.replace("Mean", "piped")]
    names += [home.replace("Mean", "Chooses")]
    others = ["pca", "avae[device=cpu]", home]
    monkeypatch.setattr(registry, "version", lambda name: "2.13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not [name for name in names if "device" in identity(name)]
    without = {name: Unit(tiny, 1, name).latents_folder for name in names + others}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert {identity(name)["device"] for name in [*names, "avae[device=cuda]"]} == {"cuda"}
    for name, folder in without.items():
        assert (Unit(tiny, 1, name).latents_folder == folder) == (name in others), name


def test_an_extra_stands_in_what_latents_depend_on(monkeypatch):
    entry = catalogue.MethodEntry("features", "nowhere:X", "something", "here", needs="numpy")
    monkeypatch.setitem(METHODS, "needy", entry)
    assert identity("needy") == {"numpy": np.__version__}


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].is_available])
def test_the_catalogue_knows_who_takes_a_device(name):
    device = get_method(name).get_params().get("device", "cpu")
    assert device == METHODS[name].device


def test_the_registry_imports_no_torch():
    code = "import sys; import simbench.methods.registry; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


TRACKS = """
class Taught:
    simbench_track = "%s"

    def fit(self, X):
        return self

    def transform(self, X):
        return X
"""


def test_a_method_says_if_it_was_taught_elsewhere(tmp_path):
    (tmp_path / "taught.py").write_text(TRACKS % "taught-elsewhere", encoding="utf-8")
    assert find_entry(f"{tmp_path}/taught.py:Taught").family == "taught-elsewhere"
    (tmp_path / "wrong.py").write_text(TRACKS % "taught", encoding="utf-8")
    with pytest.raises(SimbenchError, match="'taught'; allowed: pretrained, taught-elsewhere"):
        find_entry(f"{tmp_path}/wrong.py:Taught")
