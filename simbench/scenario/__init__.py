"""What is asked: labels, recipes of culture and imaging, presets, the scenario."""
