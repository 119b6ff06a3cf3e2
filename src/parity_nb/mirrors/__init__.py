"""Mirrors: populations with known truth, and the tools of the chapters on the method itself."""
