"""Simulated neutrino events: interactions, their transport through the detector, its cells."""
