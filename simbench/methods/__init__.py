"""Methods: scikit-learn transformers from traces to latents. None of them knows a label."""
