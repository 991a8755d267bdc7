"""Recordings and datasets: simulated, read, saved, exported."""
