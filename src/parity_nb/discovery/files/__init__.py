"""File formats of pictures, tunes and collisions, and the public data sets in them."""
