"""Bars of tunes written by hand, for tests of what reads and describes them."""

from parity_nb.discovery.files.abc_tunes import HOLD, REST

NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def bar_of(text):
    """The grid of a bar written as "E4:2 R:1", lengths in eighths, independently of the reader."""
    steps = []
    for word in text.split():
        name, _, length = word.partition(":")
        pitch = REST
        if name != "R":
            pitch = 12 * (int(name[-1]) + 1) + NAMES[name[0]] + name.count("#") - name.count("b")
        rest = [REST if pitch == REST else HOLD] * (round(2 * float(length)) - 1)
        steps += [pitch, *rest]
    return steps
