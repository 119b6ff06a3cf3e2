"""Tunes in ABC notation, read onto a grid of sixteenth notes.

`music21` (a dependency of the book) ships some thirteen thousand tunes in ABC notation.  They are
read from where it is installed, never copied into the project: the tunes are old, but the Essen
collection may be distributed for non-commercial use only.  music21's own parser takes several
seconds for a file of a hundred tunes, so a small reader of the one-voice subset is here; it leaves
out every bar that it does not understand, and every bar that is not full.

A bar of 4/4 or 2/2 has 16 steps.  At each step stands a MIDI pitch where a note begins, `HOLD`
where one goes on, or `REST`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

REST, HOLD = 0, 1
"""Steps without a new note; all other values are MIDI pitches."""

STEPS = 16
"""Sixteenths in a bar of 4/4 or 2/2."""

METRES = ("4/4", "C", "2/2", "C|")
"""Metres whose bars have 16 sixteenths."""

COLLECTIONS = {
    "oneills1850": "O'Neill's Music of Ireland (1903)",
    "ryansMammoth": "Ryan's Mammoth Collection (1883)",
    "airdsAirs": "Aird's Airs (1778 to 1801)",
    "miscFolk": "American fife and Northumbrian tunes",
    "essenFolksong": "Essen folk songs, for non-commercial use",
}
"""Folders of music21's corpus that hold single melodies in ABC notation."""

FIFTHS = "FCGDAEB"
"""Letters in the order of fifths; sharps are added from the left, flats from the right."""

MODES = {"": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3}
MODES |= {"phr": -4, "loc": -5, "lyd": 1}
DEGREES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

NOTE = re.compile(r"(\^{1,2}|_{1,2}|=|)([A-Ga-gzx])([,']*)(\d*)(/*)(\d*)(-?)")
IGNORED = re.compile(
    r'"[^"]*"|![^!\n]*!|\+[a-z.]+\+|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]|%[^\n]*|[().~HJLMOPQSTUVuvk`*\\\s]'
)


class Tune(NamedTuple):
    """A tune: its title as printed, and runs of consecutive understood bars, (bars, 16) uint8."""

    title: str
    bars: tuple[np.ndarray, ...]


class NotUnderstood(ValueError):
    """A bar holds something that the grid has no place for."""


def key_signature(key: str) -> dict[str, int]:
    """Accidentals of a key such as "G", "Bb", "Em" or "D mix": letter -> +1 or -1.

    Raises:
        NotUnderstood: for another key.
    """
    match = re.match(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)", key)
    mode = match and match[3][:3].lower()
    if not match or mode not in MODES:
        raise NotUnderstood(f"key {key!r}")
    accidental = {"#": 7, "b": -7, "": 0}[match[2]]
    fifths = FIFTHS.index(match[1]) - 1 + accidental + MODES[mode]
    if not -7 <= fifths <= 7:
        raise NotUnderstood(f"key {key!r} has {abs(fifths)} accidentals")
    letters = FIFTHS[:fifths] if fifths > 0 else FIFTHS[7 + fifths :]
    return dict.fromkeys(letters, 1 if fifths > 0 else -1)


def read_bar(text: str, signature: dict[str, int], unit: Fraction) -> tuple[list[int], bool]:
    """One bar of ABC onto the grid.

    Args:
        text: between two bar lines.
        signature: from `key_signature`.
        unit: length of a plain note in whole notes.

    Returns:
        The steps, and whether the last note is tied to the next bar.

    Raises:
        NotUnderstood: for tuplets, chords, endings, changes of key, or notes off the grid.
    """
    if re.search(r"\(\d", re.sub(r'"[^"]*"', "", text)):
        raise NotUnderstood("a tuplet")
    text, altered = IGNORED.sub("", text), dict(signature)
    notes: list[tuple[int, Fraction]] = []
    position, broken, tied = 0, Fraction(1), False
    while position < len(text):
        if many := re.match(r">+|<+", text[position:]):
            # a>b: the first note half as long again, the second half as long; and so on for >>
            if not notes:
                raise NotUnderstood("a broken rhythm without a first note")
            short = Fraction(1, 2 ** len(many[0]))
            first, broken = (2 - short, short) if many[0][0] == ">" else (short, 2 - short)
            notes[-1] = (notes[-1][0], notes[-1][1] * first)
            position += len(many[0])
            continue
        match = NOTE.match(text, position)
        if not match:
            raise NotUnderstood(f"{text[position : position + 8]!r}")
        accidental, letter, octaves, times, slashes, parts, tie = match.groups()
        length = unit * broken * int(times or 1)
        if slashes:
            length /= int(parts) if parts else 2 ** len(slashes)
        broken, pitch, name = Fraction(1), REST, letter.upper()
        if name in DEGREES:
            if accidental:
                altered[name] = accidental.count("^") - accidental.count("_")
            octave = 5 + letter.islower() + octaves.count("'") - octaves.count(",")
            pitch = 12 * octave + DEGREES[name] + altered.get(name, 0)
        if tied and notes and notes[-1][0] == pitch:
            notes[-1] = (pitch, notes[-1][1] + length)
        else:
            notes.append((pitch, length))
        tied, position = bool(tie), match.end()
    return _on_grid(notes), tied


def _on_grid(notes: list[tuple[int, Fraction]]) -> list[int]:
    steps: list[int] = []
    for pitch, length in notes:
        count = length * STEPS
        if count.denominator != 1 or count < 1:
            raise NotUnderstood(f"a note of {length} whole notes")
        steps += [pitch] + [HOLD if pitch != REST else REST] * (int(count) - 1)
    return steps


def read_abc(text: str) -> Iterator[Tune]:
    """All tunes of an ABC file in 4/4 or 2/2, each as runs of understood full bars.

    Tunes in other metres, and tunes without a key, are left out.  Repeats are read once.
    """
    for block in re.split(r"(?m)^(?=X:)", text):
        match = re.match(r"(?ms)(X:.*?^K:[^\n]*)\n?(.*)", block)
        if not match:
            continue
        header, body = match.groups()
        fields = dict(reversed(re.findall(r"(?m)^([A-Z]):([^%\n]*)", header)))  # the first counts
        if fields.get("M", "").strip() not in METRES:
            continue
        try:
            signature = key_signature(fields["K"])
            unit = Fraction(fields.get("L", "1/8").strip())
        except ValueError:  # NotUnderstood too
            continue
        if bars := tuple(_runs(body, signature, unit)):
            yield Tune(fields.get("T", "").strip(), bars)


def _runs(body: str, signature: dict[str, int], unit: Fraction) -> Iterator[np.ndarray]:
    run: list[list[int]] = []
    # A change of key, metre or unit in the body ends what is understood of the tune.
    body = re.split(r"(?m)^[KMLV]:|\[[KMLV]:", body)[0]
    body = re.sub(r"(?m)^(?:[A-Za-z]:|%).*$", "", body)
    tied = False
    for text in re.split(r":?\|+[\]:\[]*|::|\[(?=\d)", body):
        if not text.strip():
            continue
        text = re.sub(r"^\s*\d[,.\d-]*\s*", "", text)  # number of an ending
        try:
            steps, tie = read_bar(text, signature, unit)
        except NotUnderstood:
            steps, tie = [], False
        if len(steps) == STEPS:
            before = [step for step in run[-1] if step != HOLD] if tied else []
            if steps[0] > HOLD and before and steps[0] == before[-1]:
                steps[0] = HOLD
            run.append(steps)
        elif run:
            yield np.array(run, dtype=np.uint8)
            run = []
        tied = tie and bool(run)
    if run:
        yield np.array(run, dtype=np.uint8)


def read_corpus(folder: str | Path = "") -> dict[str, list[Tune]]:
    """Tunes of every collection under music21's corpus folder.

    Args:
        folder: that folder; empty: where music21 is installed.  The package is not imported.

    Raises:
        FileNotFoundError: if music21 is not installed, or a collection is missing there.
    """
    if not folder:
        spec = find_spec("music21")
        if spec is None:
            raise FileNotFoundError(
                "the tunes come with the package music21, which is not installed: pip install "
                "music21, or give a file of windows made elsewhere by the parameter `path`"
            )
        folder = Path(spec.submodule_search_locations[0]) / "corpus"
    tunes: dict[str, list[Tune]] = {}
    for name in COLLECTIONS:
        files = sorted((Path(folder) / name).glob("*.abc"))
        if not files:
            raise FileNotFoundError(f"{folder}/{name} holds no .abc files; install music21 again")
        texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        tunes[name] = [tune for text in texts for tune in read_abc(text.replace("\r", "\n"))]
    return tunes
