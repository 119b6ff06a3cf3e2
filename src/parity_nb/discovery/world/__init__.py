"""Worlds of the part on discovery, whose truth is known."""
