"""Rows in, ranked table with intervals and ties out."""
