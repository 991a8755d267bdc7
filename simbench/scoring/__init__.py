"""How well latents recover the truth. Knows latents and labels, and no method."""

VERSION = 2
"""Goes up whenever the same latents would get other scores."""

HEADLINE = ("balanced_accuracy", "within_type_r2")
"""Metrics that rank methods: of a target that is a class, and of one that is a number."""

REPLICATION = ("published_ari", "published_mse", "pooled_correlation")
"""Metrics of a published protocol that is repeated. A board that has them ranks no method."""
