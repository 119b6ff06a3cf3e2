"""Mirrors: populations with known truth, handwriting, photographs, and what their chapters share."""
