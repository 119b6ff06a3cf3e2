"""Snails: a chiral model, a photo studio and the data sets made in it."""
