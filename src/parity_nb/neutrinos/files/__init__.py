"""The experiment's files, and what a reconstruction writes into them."""
