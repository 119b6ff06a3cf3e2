"""File formats of pictures and tunes, and the public data sets in them."""
