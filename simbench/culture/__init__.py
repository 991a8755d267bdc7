"""The physics: a recipe in, spikes and labels out."""
