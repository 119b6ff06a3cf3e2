"""Calorimeters: events of a proton collider, a simulated detector, and the real file format."""
