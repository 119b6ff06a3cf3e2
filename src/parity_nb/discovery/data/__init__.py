"""Training and test data of the part on discovery, as its chapters get them."""
