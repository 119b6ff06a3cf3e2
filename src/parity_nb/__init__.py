"""Find broken symmetries with neural networks: the package under the book.

The flat core says one thing a module: `symmetry` (groups and the projection),
`objectives` (what to maximise), `statistics` (what was found), `networks`
(arbitrary functions g), `images`, `training`, `records` and `plotting`.
One subpackage belongs to each part of the book.
"""

__version__ = "0.1.0"
