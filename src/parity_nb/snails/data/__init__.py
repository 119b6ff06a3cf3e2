"""Training and test images of snails, as the chapters get them."""
