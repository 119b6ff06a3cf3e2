"""Simulated snails: model snails and their studio, living snails and their photographers."""
