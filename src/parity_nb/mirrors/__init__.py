"""Mirrors: populations with known truth, handwriting, and what the method's chapters share."""
