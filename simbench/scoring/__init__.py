"""How well latents recover the truth. Knows latents and labels, and no method."""

VERSION = 1
"""Goes up whenever the same latents would get other scores."""
