"""The reader of ABC notation and music21's corpus."""

import warnings
from fractions import Fraction

import pytest
from bars import bar_of

from parity_nb.discovery.files.abc_tunes import (
    HOLD,
    REST,
    NotUnderstood,
    key_signature,
    read_abc,
    read_bar,
    read_corpus,
)

EIGHTH = Fraction(1, 8)
SONG = """X:1
T:The Test
M:4/4
L:1/8
K:Em
E2 ^G>A "Am"B2 (de) | =f2 e<d c2 z2 |: E4- E2 F2 | (3EFG A2 B4 | e'2 E,2 _B2 B2 :|
w:words are no notes
E2 F2 G2 A2 | B2 c2 d2 e2 |]
"""
EXPECTED = [
    "E4:2 G#4:1.5 A4:.5 B4:2 D5:1 E5:1",
    "F5:2 E5:.5 D5:1.5 C5:2 R:2",
    "E4:6 F#4:2",
    None,
    "E6:2 E3:2 Bb4:2 Bb4:2",
    "E4:2 F#4:2 G4:2 A4:2",
    "B4:2 C5:2 D5:2 E5:2",
]


@pytest.fixture(scope="module")
def song():
    return next(iter(read_abc(SONG)))


def test_reads_what_is_written(song):
    """Keys, accidentals, broken rhythm, ties, rests; a bar with a tuplet parts the runs."""
    assert song.title == "The Test"
    assert [run.tolist() for run in song.bars] == [
        [bar_of(text) for text in EXPECTED[:3]],
        [bar_of(text) for text in EXPECTED[4:]],
    ]


def test_agrees_with_music21():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from music21 import converter

        score = converter.parse(
            "X:1\nM:4/4\nL:1/8\nK:A\nc2 e>f =g2 (ae)|^d4 z2 A,<B,|", format="abc"
        )
    theirs = [
        (n.pitch.midi if n.isNote else 0, float(n.quarterLength * 4))
        for n in score.flatten().notesAndRests
    ]
    ours = []
    for text in ("c2 e>f =g2 (ae)", "^d4 z2 A,<B,"):
        steps, _ = read_bar(text, key_signature("A"), EIGHTH)
        for step in steps:
            if step == HOLD or (step == REST and ours and ours[-1][0] == REST):
                ours[-1] = (ours[-1][0], ours[-1][1] + 1)
            else:
                ours.append((step, 1))
    assert ours == theirs


@pytest.mark.parametrize("key, letters", [
    ("G", {"F": 1}), ("Bb", {"B": -1, "E": -1}), ("Em", {"F": 1}), ("D mix", {"F": 1}),
    ("A Dorian", {"F": 1}), ("C", {}), ("F# minor", {"F": 1, "C": 1, "G": 1}),
])  # fmt: skip
def test_keys(key, letters):
    assert key_signature(key) == letters


@pytest.mark.parametrize("text", ["(3abc d2", "[ace]2", "a3/16", "a2 &"])
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(NotUnderstood):
        read_bar(text, {}, EIGHTH)
    with pytest.raises(NotUnderstood):
        key_signature("Hp")


def test_ties_go_over_the_bar_line():
    tune = next(iter(read_abc("X:1\nM:C\nL:1/8\nK:C\nE6 F2-|F4 G4|")))
    assert tune.bars[0][1, 0] == HOLD and tune.bars[0][1, 8] == 67


def test_other_metres_are_left_out():
    assert not list(read_abc(SONG.replace("4/4", "6/8")))


def test_a_missing_corpus_is_said(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no \.abc files"):
        read_corpus(tmp_path)
    monkeypatch.setattr("parity_nb.discovery.files.abc_tunes.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install music21"):
        read_corpus()
