"""All metrics by name. Importing their modules registers them; rows and lists read them here."""

from simbench.scoring import (  # noqa: F401
    clustering,
    disentanglement,
    probes,
    published_protocol,
    trace_metrics,
)
from simbench.scoring.metric_registry import REGISTERED, Metric

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in sorted(REGISTERED.values(), key=lambda each: each.function.__module__)
}
"""In the order of their modules and functions, whichever module was imported first."""
