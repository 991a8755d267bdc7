"""Every metric with what one has to know to read it.

Looking a metric up imports nothing; `Metric.function` imports the module that holds it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

INF = float("inf")


@dataclass(frozen=True)
class Metric:
    """A metric and how to read its values.

    Parameters
    ----------
    name : str
    direction : {"higher", "lower", "nominal"}
        Which values are better; nominal: those closest to the level asked for.
    low, high : float
        Bounds of the value.
    chance : float or None
        Expected value for latents that know nothing; None where it depends on the data (``meaning``
        says how).
    meaning : str
        One line.
    source : str
    path : str
        ``module:function`` below `simbench.scoring`.
    needs : tuple of str
        Arguments of the function that have no default.
    options : tuple of (str, value)
        Keyword arguments that make this metric of a more general function.
    field : str
        Attribute of the function's result that is the value, if it has several.
    tuned_on_labels : bool
        An oracle: an upper bound, never a result.
    """

    name: str
    direction: str
    low: float
    high: float
    chance: float | None
    meaning: str
    source: str
    path: str
    needs: tuple[str, ...]
    options: tuple[tuple[str, object], ...] = ()
    field: str = ""
    tuned_on_labels: bool = False

    @property
    def function(self) -> Callable:
        module, name = self.path.split(":")
        return getattr(import_module(f"simbench.scoring.{module}"), name)

    def __call__(self, **inputs: object) -> float:
        """Value of the metric; ``inputs`` may hold more than it needs."""
        value = self.function(**{key: inputs[key] for key in self.needs}, **dict(self.options))
        return getattr(value, self.field) if self.field else value


_CLASSES = ("latents", "labels")
_FOREIGN = ("latents", "labels", "culture")
_MIXING = ("latents", "culture", "labels")
_REFERENCE = ("latents", "reference", "train")
_DCI = ("latents", "factors", "train")
_HUBERT = "Hubert & Arabie 1985"
_VINH = "Vinh, Epps & Bailey 2010"
_EASTWOOD = "Eastwood & Williams 2018"
_ABANTE = "Abante et al. 2025, arXiv 2501.14615"
_RULE_MEANING = {
    "kmeans": "k-means, k = number of classes",
    "gmm": "a Gaussian mixture, k = number of classes",
    "hdbscan": "HDBSCAN at its defaults",
}


def _clustering(rule: str) -> list[Metric]:
    options, clusters = (("rule", rule),), _RULE_MEANING[rule]
    return [
        Metric(
            f"{rule}_ari", "higher", -0.5, 1, 0,
            f"adjusted Rand index of the classes with {clusters}",
            _HUBERT, "clustering:ari", _CLASSES, options,
        ),
        Metric(
            f"{rule}_ami", "higher", -1, 1, 0,
            f"adjusted mutual information of the classes with {clusters}",
            _VINH, "clustering:ami", _CLASSES, options,
        ),
    ]  # fmt: skip


_ALL = [
    Metric(
        "balanced_accuracy", "higher", 0, 1, None,
        "share of neurons whose class a probe finds, mean over classes; chance 1 / n_classes",
        "Brodersen et al. 2010", "metrics:balanced_accuracy", ("truth", "predicted"),
    ),
    Metric(
        "macro_f1", "higher", 0, 1, None,
        "harmonic mean of precision and recall of a probe, mean over classes; chance 1 / n_classes",
        "van Rijsbergen 1979", "metrics:macro_f1", ("truth", "predicted"),
    ),
    Metric(
        "within_type_r2", "higher", -INF, 1, 0,
        "share of a label's variance around its type's mean that a probe predicts",
        "coefficient of determination", "metrics:within_type_r2", ("residual", "predicted"),
    ),
    *(metric for rule in _RULE_MEANING for metric in _clustering(rule)),
    Metric(
        "oracle_dbscan_ari", "higher", -0.5, 1, None,
        "best ARI of DBSCAN over eps, chosen on the labels: above 0 even for noise",
        _HUBERT, "clustering:oracle_dbscan_ari", _CLASSES, tuned_on_labels=True,
    ),
    Metric(
        "knn_purity", "higher", 0, 1, None,
        "share of neighbours in other cultures with the neuron's class; chance about 1 / n_classes",
        "k nearest neighbours", "neighbours:knn_purity", _FOREIGN,
    ),
    Metric(
        "label_entropy", "lower", 0, 1, None,
        "entropy of the classes among neighbours in other cultures; chance near that of all",
        "Shannon entropy", "neighbours:label_entropy", _FOREIGN,
    ),
    Metric(
        "kbet_rejection", "lower", 0, 1, 0.05,
        "share of neighbourhoods that lack the cultures' proportions; mixed latents reject at 0.05",
        "Büttner et al. 2019", "neighbours:kbet_rejection", ("latents", "culture"),
    ),
    Metric(
        "ilisi", "higher", 0, 1, None,
        "effective number of cultures around a neuron; chance is best, near 1 for few cultures",
        "Korsunsky et al. 2019", "neighbours:ilisi", ("latents", "culture"),
    ),
    Metric(
        "cilisi", "higher", 0, 1, None,
        "effective number of cultures around a neuron inside its class; chance is best",
        "Andreatta et al. 2024", "neighbours:cilisi", _MIXING,
    ),
    Metric(
        "bras", "higher", 0, 1, None,
        "1 - |silhouette| of the cultures inside each class; chance is best, near 1",
        "Rautenstrauch & Ohler 2025", "neighbours:bras", _MIXING,
    ),
    Metric(
        "culture_accuracy", "lower", 0, 1, None,
        "balanced accuracy with which a linear probe names the culture; chance 1 / n_cultures",
        "Brodersen et al. 2010", "label_free:culture_accuracy", ("latents", "culture"),
    ),
    Metric(
        "nuisance_r2", "lower", -INF, 1, 0,
        "share of a nuisance's variance that a linear probe predicts in unseen cultures",
        "coefficient of determination", "nuisance:nuisance_r2",
        ("latents", "nuisance", "culture", "train"),
    ),
    Metric(
        "nuisance_accuracy", "lower", 0, 1, None,
        "balanced accuracy with which a linear probe names a nuisance; chance 1 / n_classes",
        "Brodersen et al. 2010", "nuisance:nuisance_accuracy",
        ("latents", "nuisance", "culture", "train"),
    ),
    Metric(
        "disentanglement", "higher", 0, 1, 0, "whether each latent serves one factor",
        _EASTWOOD, "disentanglement:dci", _DCI, field="disentanglement",
    ),
    Metric(
        "completeness", "higher", 0, 1, 0, "whether each factor is served by one latent",
        _EASTWOOD, "disentanglement:dci", _DCI, field="completeness",
    ),
    Metric(
        "informativeness", "higher", 0, 1, 0, "how well trees predict the factors from latents",
        _EASTWOOD, "disentanglement:dci", _DCI, field="informativeness",
    ),
    Metric(
        "mcc", "higher", -1, 1, 0,
        "mean correlation with the reference after matching up to permutation and scale",
        "Hyvärinen & Morioka 2016", "disentanglement:mcc", _REFERENCE,
    ),
    Metric(
        "mcc_affine", "higher", -1, 1, 0,
        "mean canonical correlation with the reference: matching up to an affine map",
        "Khemakhem et al. 2020", "disentanglement:mcc_affine", _REFERENCE,
    ),
    Metric(
        "cka", "higher", -INF, 1, 0,
        "debiased linear kernel alignment with the reference, blind to rotation and scale",
        "Kornblith et al. 2019; Song et al. 2012", "disentanglement:cka", ("latents", "reference"),
    ),
    Metric(
        "truth_r2", "higher", -INF, 1, 0, "R2 of the reference, read linearly from the latents",
        "coefficient of determination", "disentanglement:truth_r2", _REFERENCE,
    ),
    Metric(
        "latents_r2", "higher", -INF, 1, 0, "R2 of the latents, read linearly from the reference",
        "coefficient of determination", "disentanglement:latents_r2", _REFERENCE,
    ),
    Metric(
        "smaller_r2", "higher", -INF, 1, 0, "the smaller of truth_r2 and latents_r2",
        "coefficient of determination", "disentanglement:smaller_r2", _REFERENCE,
    ),
    Metric(
        "reconstruction_skill", "higher", -INF, 1, None,
        "1 - MSE / MSE of the noisy trace, against the clean one; 0 for the noisy trace itself",
        "forecast skill score", "trace_metrics:reconstruction_skill",
        ("reconstruction", "clean", "noisy"),
    ),
    Metric(
        "reconstruction_r2", "higher", -INF, 1, 0,
        "share of the clean traces' variance given back; 0 for the mean of every trace",
        "coefficient of determination", "trace_metrics:reconstruction_r2",
        ("reconstruction", "clean"),
    ),
    Metric(
        "coverage", "nominal", 0, 1, None, "share of frames inside the 90 % predictive interval",
        "Gneiting & Raftery 2007", "trace_metrics:interval_coverage", ("observed", "low", "high"),
    ),
    Metric(
        "predictive_nll", "lower", -INF, INF, None,
        "negative log density of the frames in nats; compare within one data set only",
        "Gneiting & Raftery 2007", "trace_metrics:predictive_nll", ("log_density",),
    ),
    Metric(
        "values_per_minute", "lower", 0, INF, None,
        "latent values spent on one neuron for one minute: the price of a reconstruction",
        "simbench", "trace_metrics:values_per_minute", ("n_values", "n_frames", "frame_rate"),
    ),
    Metric(
        "published_ari", "higher", -0.5, 1, None,
        "best ARI of DBSCAN over the published eps, chosen on the labels; for a replication only",
        _ABANTE, "published_protocol:published_ari", ("embedding", "labels", "family"),
        tuned_on_labels=True,
    ),
    Metric(
        "published_mse", "lower", 0, INF, None,
        "squared error between two scalings: above 0 if perfect; for a replication only",
        _ABANTE, "published_protocol:published_mse", ("reconstruction", "clean", "noisy"),
    ),
    Metric(
        "pooled_correlation", "higher", -1, 1, 0,
        "correlation over all types, so that a type's mean counts; for a replication only",
        _ABANTE, "published_protocol:pooled_correlation", ("truth", "predicted"),
    ),
]  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
