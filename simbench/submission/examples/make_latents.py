"""Latents of every recording: here principal components, learned on the training cultures."""

import csv

import numpy as np

with open("index.csv", newline="") as file:
    index = list(csv.DictReader(file))


def traces(row):
    """dF/F, float32, one row per neuron and one column per frame."""
    return np.load(f"dff/{row['recording']}.npy")


train = np.concatenate([traces(row) for row in index if row["split"] == "train"])
mean = train.mean(axis=0)
components = np.linalg.svd(train - mean, full_matrices=False)[2][:8]

latents = {row["recording"]: (traces(row) - mean) @ components.T for row in index}
np.savez("latents.npz", **latents)
