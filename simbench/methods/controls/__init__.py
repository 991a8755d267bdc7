"""Controls: floor, ceiling and counterparts. They may see the truth and are never ranked."""
