"""The experiment's files."""
