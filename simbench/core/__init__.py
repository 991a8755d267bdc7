"""Errors, named seeds, files, cache, parallel work and text. Knows nothing of neurons."""
