"""Tunes, melodies and sound."""

import io
import shutil
import struct
import warnings
import wave
from fractions import Fraction

import numpy as np
import pytest
import torch

from parity_nb.discovery.latents import encode
from parity_nb.discovery.melodies import (
    FEATURES,
    TOKENS,
    Note,
    decode,
    describe,
    melody_coder,
    melody_loss,
    melody_step,
    notes,
    split_by_tune,
    steps_of,
    tokens,
    transpose,
)
from parity_nb.discovery.sound import RATE, Player, midi, wav, waveform, write_midi
from parity_nb.discovery.tunes import (
    COLLECTIONS,
    HOLD,
    REST,
    NotUnderstood,
    corpus_folder,
    key_signature,
    read_abc,
    read_bar,
    read_corpus,
    read_windows,
    tune_windows,
    two_bars,
    write_windows,
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


@pytest.fixture(scope="module")
def song():
    return next(iter(read_abc(SONG, "song.abc")))


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
    windows = two_bars({"one": [tune]})
    assert notes(windows.steps[0]) == [Note(64, 0, 12), Note(65, 12, 12), Note(67, 24, 8)]


def test_other_metres_are_left_out():
    assert not list(read_abc(SONG.replace("4/4", "6/8")))
    with pytest.raises(ValueError, match="no tune has two"):
        two_bars({"none": []})


@pytest.fixture(scope="module")
def some_windows(tmp_path_factory):
    """Windows of a corpus folder with one real file for each collection."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in COLLECTIONS:
        (folder / name).mkdir()
        source = sorted((corpus_folder() / name).glob("*.abc"))[0 if name != "ryansMammoth" else 1]
        shutil.copy(source, folder / name)
    return two_bars(read_corpus(folder))


def test_the_corpus(some_windows, tmp_path):
    assert len(some_windows) > 500
    assert some_windows.steps.shape[1] == 32
    assert (some_windows.steps[:, 0] != HOLD).all()
    with pytest.raises(FileNotFoundError, match=r"no \.abc files"):
        read_corpus(tmp_path)


def test_windows_survive_the_disk(some_windows, tmp_path, monkeypatch):
    path = tmp_path / "windows.npz"
    write_windows(some_windows, path)
    again = read_windows(path)
    assert np.array_equal(again.steps, some_windows.steps)
    assert again.collections == some_windows.collections
    assert not list(tmp_path.glob("*.part*"))
    assert len(tune_windows(path)) == len(some_windows)
    path.write_bytes(b"no windows")
    with pytest.raises(ValueError, match=r"windows\.npz"):
        read_windows(path)
    with pytest.raises(FileNotFoundError, match="leave `path` empty"):
        tune_windows(tmp_path / "nowhere.npz")
    monkeypatch.setenv("PARITY_NB_DATA", str(tmp_path))
    monkeypatch.setattr("parity_nb.discovery.tunes.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install music21"):
        tune_windows()


def test_split_keeps_tunes_and_copies_apart(some_windows):
    train, test = split_by_tune(some_windows, fold=7)
    assert not set(train.tune) & set(test.tune)
    assert not {r.tobytes() for r in train.steps} & {r.tobytes() for r in test.steps}
    with pytest.raises(ValueError, match="too few"):
        split_by_tune(some_windows[some_windows.tune == some_windows.tune[0]], 0)


def test_tokens_go_there_and_back(some_windows):
    assert np.array_equal(steps_of(tokens(some_windows.steps)), some_windows.steps)
    with pytest.raises(ValueError, match="48 to 88"):
        tokens(np.full((1, 32), 100))


def test_transposing_moves_pitches_only(some_windows):
    token = tokens(some_windows.steps[:300])
    up = transpose(token, 3)
    moved = (up != token).any(1)
    assert moved.float().mean() > 0.9
    assert torch.equal(transpose(up, -3)[moved], token[moved])
    first, second = (describe(steps_of(t[moved])) for t in (token, up))
    assert np.allclose(second["mean pitch"] - first["mean pitch"], 3)
    same = [f for f, kind in FEATURES.items() if kind == "rhythm"] + ["direction", "leaps", "range"]
    assert np.allclose(first[same], second[same])
    assert torch.equal(
        transpose(torch.full((1, 32), TOKENS - 1), 1), torch.full((1, 32), TOKENS - 1)
    )


def test_features_of_a_melody():
    row = np.array(bar_of("C4:2 D4:2 E4:2 G4:2") + bar_of("C4:2 D4:2 R:1 E4:3"))
    found = describe(row[None]).iloc[0]
    assert found["notes"] == 7 and found["range"] == 7 and found["pitch classes"] == 4
    assert found["mean pitch"] == pytest.approx((60 * 4 + 62 * 4 + 64 * 5 + 67 * 2) / 15)
    assert found["notes off the beat"] == pytest.approx(1 / 7)
    assert found["rests"] == pytest.approx(2 / 32) and found["longest note"] == 6
    assert found["more notes in bar 2"] == -1 and found["leaps"] == pytest.approx(2 / 6)
    assert found["turns"] == pytest.approx(2 / 5) and found["last pitch"] == 64


def test_silence_has_no_features():
    assert describe(np.zeros((1, 32), dtype=int)).isna().all(axis=None)


def test_the_network_learns_a_melody_by_heart():
    token = tokens(np.array([bar_of("C4:2 D4:2 E4:2 G4:2") * 2, bar_of("G4:8") * 2]))
    torch.manual_seed(0)
    model = melody_coder(2, 32).train()
    step, optimiser = melody_step(0.01)(model), torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(200):
        optimiser.zero_grad()
        step(token).backward()
        optimiser.step()
    code = encode(model, token)
    assert torch.equal(decode(model, code.mean), token)
    assert melody_loss(model.decode(code.mean), token) < 8


def test_a_hold_after_a_rest_is_a_rest():
    model = melody_coder(1, 4)
    logits = torch.zeros(32, TOKENS)
    logits[:, HOLD] = 1
    model.decode = lambda z: logits.flatten().expand(len(z), -1)
    assert (decode(model, torch.zeros(3, 1)) == REST).all()


def read_midi(data):
    """(pitch, start, end) in ticks of a one-track file, by the specification."""
    kind, length, form, tracks, ticks = struct.unpack(">4sIHHH", data[:14])
    assert (kind, length, form, tracks) == (b"MThd", 6, 0, 1)
    track = data[22:]
    assert struct.unpack(">I", data[18:22])[0] == len(track)
    position, now, sounding, found = 0, 0, {}, []
    while position < len(track):
        delta = 0
        while True:
            byte = track[position]
            position, delta = position + 1, delta * 128 + (byte & 127)
            if byte < 128:
                break
        now += delta
        if track[position] == 0xFF:
            position += 3 + track[position + 2]
            continue
        status, pitch, _ = track[position : position + 3]
        position += 3
        if status == 0x90:
            sounding[pitch] = now
        else:
            found.append((pitch, sounding.pop(pitch), now))
    return found, ticks


def test_midi_says_what_the_notes_say(tmp_path):
    melody = [Note(60, 0, 4), Note(60, 4, 2), Note(64, 8, 24)]
    found, ticks = read_midi(midi(melody))
    assert found == [
        (n.pitch, n.start * ticks // 4, (n.start + n.length) * ticks // 4) for n in melody
    ]
    path = write_midi(melody, tmp_path / "new/tune.mid")
    assert path.read_bytes() == midi(melody) and len(list(path.parent.iterdir())) == 1
    with pytest.raises(ValueError, match="pitch 128"):
        midi([Note(128, 0, 1)])
    with pytest.raises(ValueError, match="beats = 0"):
        midi(melody, beats=0)


def test_the_sound_has_the_right_pitch_and_length():
    sound = waveform([Note(69, 0, 8)], beats=120, rest=0)
    assert len(sound) == pytest.approx(RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum.argmax() * RATE / len(sound) == pytest.approx(440, abs=2)
    with wave.open(io.BytesIO(wav(sound))) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, len(sound))


def test_the_player_carries_everything():
    html = Player({"a": [Note(60, 0, 4)]})._repr_html_()
    assert html.count("data:audio/wav") == 1 and html.count("data:audio/midi") == 1
    assert "http" not in html
