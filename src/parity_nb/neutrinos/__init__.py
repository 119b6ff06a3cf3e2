"""Neutrino interactions in a segmented detector: pixel maps, their files and their generators."""
