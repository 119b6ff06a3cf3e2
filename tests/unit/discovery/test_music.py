"""Melodies as tokens, features, sound and files, as the chapter on music has them."""

import base64
import io
import re
import wave

import numpy as np
import pytest
import torch
from bars import bar_of
from chapter_code import chapter_code
from mido import MidiFile

from parity_nb.discovery.data.tunes import two_bars
from parity_nb.discovery.files.abc_tunes import HOLD, REST, read_abc
from parity_nb.discovery.methods.latents import encode

music = chapter_code("discovery/music")


def test_notes_of_tied_bars():
    tune = next(iter(read_abc("X:1\nM:C\nL:1/8\nK:C\nE6 F2-|F4 G4|")))
    windows = two_bars({"one": [tune]})
    assert music.notes(windows.steps[0]) == [(64, 0, 12), (65, 12, 12), (67, 24, 8)]


def test_split_keeps_tunes_and_copies_apart(some_windows):
    train, test = music.split_by_tune(some_windows, fold=7)
    assert not set(train.tune) & set(test.tune)
    assert not {r.tobytes() for r in train.steps} & {r.tobytes() for r in test.steps}
    with pytest.raises(ValueError, match="too few"):
        music.split_by_tune(some_windows[some_windows.tune == some_windows.tune[0]], 0)


def test_tokens_go_there_and_back(some_windows):
    assert np.array_equal(music.steps_of(music.tokens(some_windows.steps)), some_windows.steps)
    with pytest.raises(ValueError, match="48 to 88"):
        music.tokens(np.full((1, 32), 100))


def test_transposing_moves_pitches_only(some_windows):
    token = music.tokens(some_windows.steps[:300])
    up = music.transpose(token, 3)
    moved = (up != token).any(1)
    assert moved.float().mean() > 0.9
    assert torch.equal(music.transpose(up, -3)[moved], token[moved])
    first, second = (music.describe(music.steps_of(t[moved])) for t in (token, up))
    assert np.allclose(second["mean pitch"] - first["mean pitch"], 3)
    same = [f for f, kind in music.FEATURES.items() if kind == "rhythm"]
    same += ["direction", "leaps", "range"]
    assert np.allclose(first[same], second[same])
    highest = torch.full((1, 32), music.TOKENS - 1)
    assert torch.equal(music.transpose(highest, 1), highest)


def test_features_of_a_melody():
    row = np.array(bar_of("C4:2 D4:2 E4:2 G4:2") + bar_of("C4:2 D4:2 R:1 E4:3"))
    found = music.describe(row[None]).iloc[0]
    assert found["notes"] == 7 and found["range"] == 7 and found["pitch classes"] == 4
    assert found["mean pitch"] == pytest.approx((60 * 4 + 62 * 4 + 64 * 5 + 67 * 2) / 15)
    assert found["notes off the beat"] == pytest.approx(1 / 7)
    assert found["rests"] == pytest.approx(2 / 32) and found["longest note"] == 6
    assert found["more notes in bar 2"] == -1 and found["leaps"] == pytest.approx(2 / 6)
    assert found["turns"] == pytest.approx(2 / 5) and found["last pitch"] == 64


def test_silence_has_no_features():
    assert music.describe(np.zeros((1, 32), dtype=int)).isna().all(axis=None)


def test_the_network_learns_a_melody_by_heart():
    token = music.tokens(np.array([bar_of("C4:2 D4:2 E4:2 G4:2") * 2, bar_of("G4:8") * 2]))
    torch.manual_seed(0)
    model = music.melody_coder(2, 32).train()
    step, optimiser = music.melody_step(0.01)(model), torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(200):
        optimiser.zero_grad()
        step(token).backward()
        optimiser.step()
    code = encode(model, token)
    assert torch.equal(music.decode(model, code.mean), token)
    assert music.melody_loss(model.decode(code.mean), token) < 8


def test_a_hold_after_a_rest_is_a_rest():
    model = music.melody_coder(1, 4)
    logits = torch.zeros(32, music.TOKENS)
    logits[:, HOLD] = 1
    model.decode = lambda z: logits.flatten().expand(len(z), -1)
    assert (music.decode(model, torch.zeros(3, 1)) == REST).all()


def test_intraclass():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), 6)
    own = rng.normal(size=300)[groups]
    assert music.intraclass(own, groups) == pytest.approx(1)
    assert music.intraclass(rng.normal(size=1800), groups) == pytest.approx(0, abs=0.06)
    assert music.intraclass(own + rng.normal(size=1800), groups) == pytest.approx(0.5, abs=0.08)
    with pytest.raises(ValueError, match="two groups"):
        music.intraclass(np.zeros(3), [0, 1, 2])


def test_midi_says_what_the_notes_say(tmp_path):
    melody = [music.Note(60, 0, 4), music.Note(60, 4, 2), music.Note(64, 8, 24)]
    music.midi(melody).save(tmp_path / "tune.mid")
    file = MidiFile(tmp_path / "tune.mid")
    assert (file.type, file.ticks_per_beat, len(file.tracks)) == (0, 96, 1)
    now, sounding, found = 0, {}, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on":
            sounding[message.note] = now
        elif message.type == "note_off":
            found.append((message.note, sounding.pop(message.note), now))
    assert found == [(n.pitch, n.start * 24, (n.start + n.length) * 24) for n in melody]
    assert file.length == pytest.approx(4.0)  # two bars at 120 quarters a minute
    with pytest.raises(ValueError, match=r"0\.\.127"):
        music.midi([music.Note(128, 0, 1)])


def test_the_sound_has_the_right_pitch_and_length():
    sound = music.waveform([music.Note(69, 0, 8)], rest=0)
    assert len(sound) == pytest.approx(music.RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum.argmax() * music.RATE / len(sound) == pytest.approx(440, abs=2)


def test_the_player_carries_everything(tmp_path):
    html = music.player({"a": np.array(bar_of("C4:2"))}, tmp_path / "new").data
    assert html.count("data:audio/wav") == 1 and html.count("data:audio/midi") == 1
    assert "http" not in html
    heard, file = (
        base64.b64decode(re.search(f"data:audio/{kind};base64,([^'\"]*)", html)[1])
        for kind in ("wav", "midi")
    )
    with wave.open(io.BytesIO(heard)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (music.RATE, int(0.8 * music.RATE) + 1)
    assert file == (tmp_path / "new/a.mid").read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.mid"]
