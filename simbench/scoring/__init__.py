"""How well latents recover the truth. Knows latents and labels, and no method."""

VERSION = 2
"""Goes up whenever the same latents would get other scores."""

HEADLINE = ("balanced_accuracy", "within_type_r2")
"""The metric of a class and of a number; all others stand beside them."""

REPLICATION = ("published_ari", "published_mse", "pooled_correlation")
"""Metrics of a published protocol that is scored again. A board that has them ranks nobody."""
