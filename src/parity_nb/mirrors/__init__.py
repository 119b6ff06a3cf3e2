"""Mirrors: populations with known truth, handwriting, photographs, and what chapters share."""
