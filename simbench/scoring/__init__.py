"""How well latents recover the truth. Knows latents and labels, and no method."""

VERSION = 3
"""Goes up whenever the same latents would get other scores."""

HEADLINE = ("balanced_accuracy", "within_type_r2", "vote_accuracy")
"""Metrics that rank methods: of a class, of a number, and of a class of cultures."""

PROBES = ("linear", "nonlinear")
"""Whatever reads latents, the same for all methods."""

REPLICATION = ("published_ari", "published_mse", "pooled_correlation")
"""Metrics of a published protocol that is repeated. A board that has them ranks no method."""
