"""Procedures that two or more chapters on discovery use."""
