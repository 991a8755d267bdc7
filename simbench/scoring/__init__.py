"""How well latents recover the truth. Knows latents and labels, and no method."""
