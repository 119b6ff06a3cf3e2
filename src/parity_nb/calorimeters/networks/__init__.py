"""Networks that two or more chapters of the part use."""
