"""Plan, run, rows: every method on every scenario."""
