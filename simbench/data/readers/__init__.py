"""Readers of recordings of others: spikes and traces in the formats of the field."""
