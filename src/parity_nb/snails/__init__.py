"""Snails: a chiral model, a photo studio, the sets made in it, and photographs of living ones."""
