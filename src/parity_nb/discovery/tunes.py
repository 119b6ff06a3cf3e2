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
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock

from parity_nb.data import data_dir

REST, HOLD = 0, 1
"""Steps without a new note; all other values are MIDI pitches."""

STEPS = 16
"""Sixteenths in a bar of 4/4 or 2/2."""

METRES = {"4/4": 16, "C": 16, "2/2": 16, "C|": 16}
"""Metres whose bars have 16 sixteenths."""

COLLECTIONS = {
    "oneills1850": "O'Neill's Music of Ireland (1903)",
    "ryansMammoth": "Ryan's Mammoth Collection (1883)",
    "airdsAirs": "Aird's Airs (1778 to 1801)",
    "miscFolk": "American fife and Northumbrian tunes",
    "essenFolksong": "Essen folk songs, for non-commercial use",
}
"""Folders of music21's corpus that hold single melodies in ABC notation."""

SHARPS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7}
FLATS = {"F": -1, "Bb": -2, "Eb": -3, "Ab": -4, "Db": -5, "Gb": -6, "Cb": -7}
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4}
MODES |= {"loc": -5, "lyd": 1}
DEGREES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"^^": 2, "^": 1, "": None, "=": 0, "_": -1, "__": -2}


@dataclass(frozen=True)
class Tune:
    """One tune.

    Attributes:
        title: as printed.
        bars: runs of consecutive understood bars, (bars, 16) uint8 each.
        source: collection, file and number.
    """

    title: str
    bars: tuple[np.ndarray, ...]
    source: str


class NotUnderstood(ValueError):
    """A bar holds something that the grid has no place for."""


def key_signature(key: str) -> dict[str, int]:
    """Accidentals of a key such as "G", "Bb", "Em" or "D mix": letter -> +1 or -1.

    Raises:
        NotUnderstood: for another key.
    """
    match = re.match(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)", key)
    if not match:
        raise NotUnderstood(f"key {key!r}")
    tonic, mode = match.group(1) + match.group(2), match.group(3)[:3].lower()
    tonics = SHARPS | FLATS | {"G#": 8, "D#": 9, "A#": 10}
    if tonic not in tonics or (mode and mode not in MODES):
        raise NotUnderstood(f"key {key!r}")
    fifths = tonics[tonic] + MODES.get(mode, 0)
    if not -7 <= fifths <= 7:
        raise NotUnderstood(f"key {key!r} has {abs(fifths)} accidentals")
    letters = "FCGDAEB"[:fifths] if fifths > 0 else "BEADGCF"[:-fifths]
    return dict.fromkeys(letters, 1 if fifths > 0 else -1)


NOTE = re.compile(r"(\^{1,2}|_{1,2}|=|)([A-Ga-gzx])([,']*)(\d*)(/*)(\d*)(-?)")
IGNORED = re.compile(
    r'"[^"]*"|![^!\n]*!|\+[a-z.]+\+|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]|%[^\n]*|[().~HJLMOPQSTUVuvk`*\\\s]'
)


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
    text = _without_slurs(text)
    altered = dict(signature)
    notes: list[tuple[int, Fraction]] = []
    position, broken, tied = 0, Fraction(1), False
    while position < len(text):
        if text[position] in "<>":
            broken, position = _broken(text, position, notes)
            continue
        match = NOTE.match(text, position)
        if not match:
            raise NotUnderstood(f"{text[position : position + 8]!r}")
        accidental, letter, octaves, many, slashes, parts, tie = match.groups()
        length = unit * Fraction(int(many or 1), 1)
        if slashes:
            length /= int(parts) if parts else 2 ** len(slashes)
        length, broken = length * broken, Fraction(1)
        if letter in "zx":
            pitch = REST
        else:
            if ACCIDENTALS[accidental] is not None:
                altered[letter.upper()] = ACCIDENTALS[accidental]
            octave = 5 + letter.islower() + octaves.count("'") - octaves.count(",")
            pitch = 12 * octave + DEGREES[letter.upper()] + altered.get(letter.upper(), 0)
        if tied and notes and notes[-1][0] == pitch:
            notes[-1] = (pitch, notes[-1][1] + length)
        else:
            notes.append((pitch, length))
        tied, position = bool(tie), match.end()
    return _on_grid(notes), tied


def _without_slurs(text: str) -> str:
    """Text without decorations, grace notes, slurs and spaces; tuplets are refused."""
    bare = re.sub(r'"[^"]*"', "", text)
    if re.search(r"\(\d", bare):
        raise NotUnderstood("a tuplet")
    return IGNORED.sub("", text)


def _broken(text: str, position: int, notes: list[tuple[int, Fraction]]) -> tuple[Fraction, int]:
    """a>b: the first note half as long again, the second half as long, and so on for >>."""
    end = position
    while end < len(text) and text[end] == text[position]:
        end += 1
    if not notes:
        raise NotUnderstood("a broken rhythm without a first note")
    short = Fraction(1, 2 ** (end - position))
    first, second = (2 - short, short) if text[position] == ">" else (short, 2 - short)
    notes[-1] = (notes[-1][0], notes[-1][1] * first)
    return second, end


def _on_grid(notes: list[tuple[int, Fraction]]) -> list[int]:
    steps: list[int] = []
    for pitch, length in notes:
        count = length * STEPS
        if count.denominator != 1 or count < 1:
            raise NotUnderstood(f"a note of {length} whole notes")
        steps += [pitch] + [HOLD if pitch != REST else REST] * (int(count) - 1)
    return steps


def read_abc(text: str, source: str = "") -> Iterator[Tune]:
    """All tunes of an ABC file in 4/4 or 2/2, each as runs of understood full bars.

    Tunes in other metres, and tunes without a key, are left out.  Repeats are read once.
    """
    for number, block in enumerate(re.split(r"(?m)^(?=X:)", text)):
        if not block.startswith("X:"):
            continue
        fields, body = _fields(block)
        if fields.get("M", "").strip() not in METRES or "K" not in fields:
            continue
        try:
            signature = key_signature(fields["K"])
            unit = Fraction(fields.get("L", "1/8").strip())
        except (NotUnderstood, ValueError):
            continue
        bars = tuple(_runs(body, signature, unit))
        if bars:
            yield Tune(fields.get("T", "").strip(), bars, f"{source}, {number}")


def _fields(block: str) -> tuple[dict[str, str], str]:
    """Header fields up to the key, the first of each name, and the body behind the key."""
    fields: dict[str, str] = {}
    lines = block.splitlines()
    for index, line in enumerate(lines):
        if re.match(r"[A-Z]:", line):
            fields.setdefault(line[0], line[2:].partition("%")[0])
            if line[0] == "K":
                return fields, "\n".join(lines[index + 1 :])
    return fields, ""


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
        if len(steps) != STEPS:
            if run:
                yield np.array(run, dtype=np.uint8)
            run, tied = [], False
            continue
        if tied and run and steps[0] > HOLD and steps[0] == _sounding(run[-1]):
            steps[0] = HOLD
        run.append(steps)
        tied = tie
    if run:
        yield np.array(run, dtype=np.uint8)


def _sounding(steps: list[int]) -> int:
    """The pitch that sounds at the end of a bar, REST if none is known."""
    for step in reversed(steps):
        if step != HOLD:
            return step
    return REST


# --- the corpus


def corpus_folder() -> Path:
    """Where music21 keeps its corpus; the package is not imported.

    Raises:
        FileNotFoundError: if music21 is not installed.
    """
    spec = find_spec("music21")
    folder = Path(spec.submodule_search_locations[0]) / "corpus" if spec else Path("music21")
    if not folder.is_dir():
        raise FileNotFoundError(
            "the tunes come with the package music21, which is not installed: pip install music21, "
            f"or give a file of windows made elsewhere, {WINDOWS_FILE}, by the parameter `path`"
        )
    return folder


WINDOWS_FILE = "tunes-two-bars.npz"
"""Name of the cached windows under the folder of data sets."""


@dataclass(frozen=True)
class Windows:
    """Two-bar windows of tunes.

    Attributes:
        steps: (N, 32) uint8: REST, HOLD or a MIDI pitch.
        tune: (N,) int32: which tune a window is from.
        bar: (N,) int16: its first bar, counted over the understood bars of the tune.
        collection: (N,) indices into `collections`.
        titles: title of every tune.
        collections: names of the collections.
    """

    steps: np.ndarray
    tune: np.ndarray
    bar: np.ndarray
    collection: np.ndarray
    titles: np.ndarray
    collections: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, chosen: np.ndarray) -> Windows:
        return Windows(
            self.steps[chosen],
            self.tune[chosen],
            self.bar[chosen],
            self.collection[chosen],
            self.titles,
            self.collections,
        )


def two_bars(tunes: dict[str, list[Tune]]) -> Windows:
    """All windows of two neighbouring bars, overlapping by one bar, without repetition in a tune.

    A window that starts in the middle of a held note starts with a rest instead.

    Raises:
        ValueError: if the tunes hold no two neighbouring bars.
    """
    steps, tune, bars, collection, titles = [], [], [], [], []
    for index, (_, members) in enumerate(tunes.items()):
        for member in members:
            seen: set[bytes] = set()
            starts = np.cumsum([0, *(len(run) for run in member.bars)])
            for offset, run in zip(starts, member.bars, strict=False):
                for number, (first, second) in enumerate(pairwise(run)):
                    window = np.concatenate([first, second])
                    lead = int(np.argmax(window != HOLD))
                    window[:lead] = REST
                    if (window <= HOLD).all() or window.tobytes() in seen:
                        continue
                    seen.add(window.tobytes())
                    steps.append(window)
                    tune.append(len(titles))
                    bars.append(offset + number)
                    collection.append(index)
            titles.append(member.title)
    if not steps:
        raise ValueError("no tune has two neighbouring full bars in 4/4 or 2/2")
    return Windows(
        np.array(steps),
        np.array(tune, dtype=np.int32),
        np.array(bars, dtype=np.int16),
        np.array(collection, dtype=np.int8),
        np.array(titles),
        tuple(tunes),
    )


def tune_windows(path: str | Path = "") -> Windows:
    """Two-bar windows of all the collections, read once and cached under the data folder.

    Args:
        path: a file of windows made elsewhere by this function; empty: the cache, which is made
            from music21's corpus if it does not exist.

    Raises:
        FileNotFoundError: if there is neither a cache nor music21, or no file at `path`.
        ValueError: if the file holds something else.
    """
    if path:
        if not Path(path).is_file():
            raise FileNotFoundError(f"no file of windows at {path}; leave `path` empty to make one")
        return read_windows(Path(path))
    cache = data_dir() / "tunes" / WINDOWS_FILE
    cache.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.with_suffix(".lock")):
        if not cache.is_file():
            write_windows(two_bars(read_corpus(corpus_folder())), cache)
    return read_windows(cache)


def read_corpus(folder: Path) -> dict[str, list[Tune]]:
    """Tunes of every collection under music21's corpus folder.

    Raises:
        FileNotFoundError: if a collection is missing there.
    """
    tunes: dict[str, list[Tune]] = {}
    for name in COLLECTIONS:
        files = sorted((folder / name).glob("*.abc"))
        if not files:
            raise FileNotFoundError(f"{folder / name} holds no .abc files; install music21 again")
        tunes[name] = []
        for file in files:
            text = file.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
            tunes[name] += read_abc(text, f"{name}/{file.name}")
    return tunes


def write_windows(windows: Windows, path: Path) -> None:
    """Write windows to an .npz; the file appears complete or not at all."""
    part = path.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        steps=windows.steps,
        tune=windows.tune,
        bar=windows.bar,
        collection=windows.collection,
        titles=windows.titles,
        collections=np.array(windows.collections),
    )
    part.replace(path)


def read_windows(path: Path) -> Windows:
    """Read what `write_windows` wrote.

    Raises:
        ValueError: if it is something else; the message names the file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
        windows = Windows(
            parts["steps"],
            parts["tune"],
            parts["bar"],
            parts["collection"],
            parts["titles"],
            tuple(parts["collections"].tolist()),
        )
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{path} holds no two-bar windows; delete it: {error}") from error
    if windows.steps.ndim != 2 or windows.steps.shape[1] != 2 * STEPS:
        raise ValueError(f"{path} holds windows of shape {windows.steps.shape}, not (N, 32)")
    return windows
