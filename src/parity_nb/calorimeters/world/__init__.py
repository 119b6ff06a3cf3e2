"""Collisions of known truth, the particles they leave, and the detectors that see them."""
