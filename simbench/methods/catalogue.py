"""The table of all methods of simbench.

Looking a method up imports nothing: its module is imported when the method is used.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from simbench.core.errors import needs_extra

TRACKS = {
    "pretrained": "its encoder saw traces beside those of the run, and no label",
    "taught-elsewhere": "it was taught labels, of the public simulator or of other data",
}
"""Families that are listed and never ranked: what they have seen, no other method has."""
UNRANKED_FAMILIES = ("control", *TRACKS)
FLOOR, CEILING = "chance", "spikes"
"""Controls between which recovery is measured."""
_EXTRAS = {"aeon": "features", "oasis-deconv": "features", "cebra": "cebra"}
_IMPORT_NAMES = {"oasis-deconv": "oasis"}


def torch_found() -> bool:
    """Whether PyTorch is installed: not so where only the light requirements are."""
    return find_spec("torch") is not None


@dataclass(frozen=True)
class MethodEntry:
    """A line of the registry.

    Parameters
    ----------
    family : {"linear", "features", "learned", "control", "outside"}
        Or one of `TRACKS`.
    import_path : str
        "package.module:Class", "path.py:Class", or a function in place of the class; of simbench
        ".module:Class", below `simbench.methods`.
    summary, source : str
    parameters : dict
        Given to the class.
    needs : str
        Distribution that an extra of simbench installs; empty if the method needs none.
    device : str
        Default of the method's parameter ``device``, which networks have; cpu if it has none.
    default : bool
        Whether a run that names no method takes this one.
    sees_truth : bool
        Whether it is given the whole dataset, labels included.
    only_if_named : bool
        Not among "all": run only where a scenario or a person names it.
    weights : str
        File of trained weights that simbench ships, below `simbench.methods`.
    settings_tried : int or None
        How many settings were compared before its own were kept; 1 for those of the source or the
        library. None if nobody counted.
    """

    family: str
    import_path: str
    summary: str
    source: str = "simbench"
    parameters: dict[str, Any] = field(default_factory=dict)
    needs: str = ""
    device: str = "cpu"
    default: bool = False
    sees_truth: bool = False
    only_if_named: bool = False
    weights: str = ""
    settings_tried: int | None = None

    @property
    def is_control(self) -> bool:
        return self.family == "control"

    @property
    def is_drawn(self) -> bool:
        """Whether two trainings on the same data may differ: of networks, or for all we know."""
        return self.device == "auto" or self.family == "outside"

    @property
    def lacks_torch(self) -> bool:
        """Whether the method has a network, and PyTorch is not installed."""
        return self.device != "cpu" and not torch_found()

    @property
    def is_available(self) -> bool:
        """Whether all that the method needs is installed."""
        needed = _IMPORT_NAMES.get(self.needs, self.needs)
        return not self.lacks_torch and (not needed or find_spec(needed) is not None)

    @property
    def description(self) -> str:
        """The summary, and what to install where something is missing."""
        return self.summary if self.is_available else f"{self.summary} ({self.hint})"

    @property
    def hint(self) -> str:
        """What to install for the method, if it needs an extra or PyTorch."""
        if self.needs:
            return needs_extra(_EXTRAS[self.needs])
        return "needs PyTorch: `pip install .` in a clone of simbench" if self.lacks_torch else ""


_SKLEARN = "Pedregosa et al. 2011, JMLR 12:2825"

METHODS: dict[str, MethodEntry] = {
    "chance": MethodEntry(
        "control", ".controls.control:Chance", "random latents", default=True, sees_truth=True,
    ),
    "spikes": MethodEntry(
        "control", ".controls.control:Spikes",
        "statistics of the true spikes, to the millisecond, the population's too", default=True,
        sees_truth=True,
    ),
    "spikes-own": MethodEntry(
        "control", ".controls.control:Spikes",
        "statistics of the neuron's own true spikes, to the millisecond",
        parameters={"population": False}, sees_truth=True,
    ),
    "spikes-frames": MethodEntry(
        "control", ".controls.control:Spikes",
        "statistics of the true numbers of spikes in each frame, the population's too",
        parameters={"by_frame": True}, sees_truth=True,
    ),
    "spikes-frames-own": MethodEntry(
        "control", ".controls.control:Spikes",
        "statistics of the neuron's own true numbers of spikes in each frame",
        parameters={"population": False, "by_frame": True}, sees_truth=True,
    ),
    "traces-taught": MethodEntry(
        "control", ".controls.taught:TracesTaught",
        "what traces hold: a network taught the labels of 320 more cultures, then frozen",
        "mixture density network (Bishop 1994) as amortised neural posterior estimation "
        "(Papamakarios & Murray 2016, NeurIPS)", parameters={"n_cultures": 320}, device="auto",
        sees_truth=True, only_if_named=True,
    ),
    "untrained": MethodEntry(
        "control", ".avae.estimator:AVAE", "the avae before training",
        parameters={"n_steps": 0, "n_dynamic_steps": 0}, default=True, device="auto",
    ),
    "shuffled-time": MethodEntry(
        "control", ".controls.shuffled:ShuffledTimeAVAE",
        "avae on traces with their frames out of order", device="auto", only_if_named=True,
    ),
    "trace-stats": MethodEntry(
        "features", ".baselines:TraceStats", "mean, s.d. and maximum of the trace: its amplitude",
        default=True,
    ),
    "random-projection": MethodEntry(
        "linear", "sklearn.random_projection:GaussianRandomProjection",
        "random linear projection of the trace", _SKLEARN, default=True, settings_tried=1,
    ),
    "pca": MethodEntry(
        "linear", "sklearn.decomposition:PCA", "principal components of the trace", _SKLEARN,
        default=True, settings_tried=1,
    ),
    "fa": MethodEntry(
        "linear", "sklearn.decomposition:FactorAnalysis", "factor analysis of the trace", _SKLEARN,
        default=True, settings_tried=1,
    ),
    "ica": MethodEntry(
        "linear", "sklearn.decomposition:FastICA", "independent components of the trace", _SKLEARN,
        parameters={"max_iter": 500, "tol": 1e-3}, default=True,
    ),
    "nmf": MethodEntry("linear", ".baselines:nmf", "non-negative factors of the trace", _SKLEARN),
    "linear-autoencoder": MethodEntry(
        "linear", ".dense:LinearAutoencoder",
        "linear autoencoder of the trace, by gradient descent with early stopping",
        "Baldi & Hornik 1989, Neural Networks 2:53", device="auto",
        settings_tried=8,
    ),
    "windowed-pca": MethodEntry(
        "linear", ".windowed_pca:WindowedPCA",
        "principal components of short windows, for reconstruction within a budget of values",
        _SKLEARN, only_if_named=True,
    ),
    "pca-spectrum": MethodEntry(
        "linear", ".baselines:pca_spectrum", "principal components of the log power spectrum",
        "Welch 1967, IEEE Trans AU 15:70",
    ),
    "pca-autocorrelation": MethodEntry(
        "linear", ".baselines:pca_autocorrelation", "principal components of the autocorrelation",
        _SKLEARN,
    ),
    "spectrum": MethodEntry(
        "features", ".features:TraceSpectrum",
        "power in bands, autocorrelation, quantiles of the trace and of its steps",
    ),
    "spectrum-random-units": MethodEntry(
        "features", ".baselines:spectrum_random_units",
        "the spectrum through 128 random rectified units", "Huang et al. 2006, "
        "Neurocomputing 70:489",
    ),
    "spectrum+population": MethodEntry(
        "features", ".culture_features:CultureFeatures",
        "hand-made statistics: spectrum of the trace, and how it goes with the rest of the culture",
        parameters={"parts": "spectrum+population"},
    ),
    "events+population": MethodEntry(
        "features", ".culture_features:CultureFeatures",
        "hand-made statistics: events of the trace, and how they go with the rest of the culture",
        parameters={"parts": "events+population"},
    ),
    "window-discriminants": MethodEntry(
        "features", ".discriminants:WindowDiscriminants",
        "reads hand-made statistics of windows: directions that separate neurons, in closed form",
        "Fisher 1936, Ann Eugen 7:179, with windows of a neuron for its class",
    ),
    "catch22": MethodEntry(
        "features", ".extras.aeon_features:Catch22",
        "22 canonical characteristics, mean and s.d.",
        "Lubba et al. 2019, Data Min Knowl Discov 33:1821", needs="aeon",
    ),
    "minirocket": MethodEntry(
        "features", ".extras.aeon_features:MiniRocket",
        "principal components of the answers of 924 dilated kernels",
        "Dempster et al. 2021, KDD:248", needs="aeon",
    ),
    "oasis-events": MethodEntry(
        "features", ".extras.oasis_events:OasisEvents",
        "rate, sizes and inter-event-interval histogram of deconvolved events",
        "Friedrich et al. 2017, PLoS Comput Biol 13:e1005423; Schneider et al. 2023, "
        "Cell Rep 42:112318", needs="oasis-deconv",
    ),
    "mlp-vae": MethodEntry(
        "learned", ".dense:MLPVAE",
        "variational autoencoder with dense layers over the whole trace",
        "Kingma & Welling 2014, ICLR", device="auto",
        settings_tried=8,
    ),
    "segment-contrastive": MethodEntry(
        "learned", ".contrastive:SegmentContrastive",
        "contrast between two segments of a neuron and the other neurons of its culture",
        "simbench, after NeurPIR (ICLR 2025) and NuCLR (NeurIPS 2025)", device="auto",
        settings_tried=8,
    ),
    "segment-vicreg": MethodEntry(
        "learned", ".contrastive:SegmentContrastive",
        "two segments of a neuron alike, latents spread and uncorrelated: no negatives",
        "Bardes, Ponce & LeCun 2022, ICLR", parameters={"loss": "vicreg"}, device="auto",
        settings_tried=8,
    ),
    "cebra": MethodEntry(
        "learned", ".extras.cebra_latents:CebraLatents",
        "CEBRA on windows of single neurons, labelled by the neuron: mean embedding",
        "Schneider, Lee & Mathis 2023, Nature 617:360", needs="cebra", device="auto",
        settings_tried=8,
    ),
    "avae-published": MethodEntry(
        "learned", ".avae.published_network:PublishedAVAE",
        "the published network as its code runs it: a gated MLP-VAE", "arXiv 2501.14615",
        default=True, device="auto", settings_tried=1,
    ),
    "avae": MethodEntry(
        "learned", ".avae.estimator:AVAE",
        "reads hand-made statistics of windows, the population's too: latents that predict another "
        "window of the neuron, its statistics and, with the population, its frames",
        "simbench, after arXiv 2501.14615", default=True, device="auto",
        settings_tried=116,  # about 100 in the study of its recipe, 16 after
    ),
    "avae-pretrained": MethodEntry(
        "pretrained", ".avae.pretrained:PretrainedAVAE",
        "the avae as shipped: trained without labels on cultures of many optics, then frozen",
        "simbench (tools/pretrain.py)", device="auto", weights="avae/pretrained.safetensors",
    ),
}  # fmt: skip


VARIANTS = (
    "avae",
    *(
        f"avae[{change}]"
        for change in (
            "population=False", "filters=learned", "filters=learned, nll_weight=0",
            "filters=learned, contrast_weight=0", "nll_weight=0", "statistics_weight=0",
            "contrast_weight=0",
            "statistics_weight=0, contrast_weight=0",
            "nll_weight=0, contrast_weight=0", "nll_weight=1", "centre=all", "beta=0",
            "window_s=20", "dropout=0", "n_statistics=64", "n_hidden=64", "n_steps=1500",
            "n_components=2", "n_components=8", "n_components=16",
        )
    ),
)  # fmt: skip
"""The avae and its variants, for an ablation."""

TAUGHT_SIZES = (
    "traces-taught[n_cultures=20]", "traces-taught[n_cultures=80]", "traces-taught",
    "traces-taught[n_cultures=1280]",
)  # fmt: skip
"""The taught control with few and with many cultures, for its learning curve."""
