"""Melodies as sound: a MIDI file, a waveform, and a small player for a page.

Everything is made here from notes on a grid of sixteenths, with no instrument samples.
"""

from __future__ import annotations

import base64
import io
import struct
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from parity_nb.discovery.melodies import Note

RATE = 8000
"""Samples a second of a waveform: enough for a flute, and small in a page."""

TICKS = 96
"""MIDI ticks in a quarter note."""


def midi(notes: Sequence[Note], beats: float = 120) -> bytes:
    """A MIDI file (format 0) of one voice.

    Args:
        notes: with pitches 0 to 127; starts and lengths in sixteenths.
        beats: quarter notes a minute.

    Raises:
        ValueError: for a pitch that MIDI does not have, or a tempo that is not positive.
    """
    if beats <= 0:
        raise ValueError(f"beats = {beats} quarters a minute must be positive")
    events: list[tuple[int, int, bytes]] = []
    for note in notes:
        if not 0 <= note.pitch <= 127:
            raise ValueError(f"pitch {note.pitch} is outside MIDI's range of 0 to 127")
        start, end = (t * TICKS // 4 for t in (note.start, note.start + note.length))
        # A note that ends goes before one that begins at the same tick.
        events.append((start, 1, bytes([0x90, note.pitch, 80])))
        events.append((end, 0, bytes([0x80, note.pitch, 0])))
    track = b"\x00\xff\x51\x03" + round(60e6 / beats).to_bytes(3, "big")
    now = 0
    for tick, _, message in sorted(events):
        track += _variable(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def _variable(number: int) -> bytes:
    """MIDI's variable-length number: seven bits a byte, the high bit says that more follow."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(number & 0x7F | 0x80)
    return bytes(reversed(parts))


def write_midi(notes: Sequence[Note], path: str | Path, beats: float = 120) -> Path:
    """Write a MIDI file; it appears complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(midi(notes, beats))
    part.replace(path)
    return path


def waveform(notes: Sequence[Note], beats: float = 120, rest: float = 0.3) -> np.ndarray:
    """Sound of one voice, (samples,) float from -1 to 1 at `RATE` samples a second.

    Each note is a tone with three overtones, equal temperament, A4 (MIDI 69) at 440 Hz, that
    dies away; `rest` seconds of silence follow.
    """
    sixteenth = 15 / beats
    end = max((n.start + n.length for n in notes), default=0) * sixteenth + rest
    sound = np.zeros(int(end * RATE) + 1)
    for note in notes:
        t = np.arange(int(note.length * sixteenth * RATE)) / RATE
        frequency = 440 * 2 ** ((note.pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * frequency * t) / k**2 for k in (1, 2, 3))
        # A short fade at both ends: a jump would click.
        fade = np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)
        first = int(note.start * sixteenth * RATE)
        sound[first : first + len(t)] += 0.5 * tone * fade * np.exp(-1.5 * t)
    return np.clip(sound, -1, 1)


def wav(sound: np.ndarray) -> bytes:
    """A WAV file, 8 bits, one channel, of a waveform (samples,) from -1 to 1."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 1, RATE, len(sound), "NONE", "not compressed"))
        file.writeframes(np.round(127.5 * (sound + 1)).astype(np.uint8).tobytes())
    return buffer.getvalue()


class Player:
    """Melodies to listen to in a notebook or page, each with its MIDI file; nothing is fetched.

    Args:
        melodies: name of each and its notes.
        beats: quarter notes a minute.
    """

    def __init__(self, melodies: dict[str, Sequence[Note]], beats: float = 120) -> None:
        self.melodies, self.beats = melodies, beats

    def __repr__(self) -> str:
        return f"Player({', '.join(self.melodies)})"

    def _repr_html_(self) -> str:
        rows = []
        for name, notes in self.melodies.items():
            heard = base64.b64encode(wav(waveform(notes, self.beats))).decode()
            file = base64.b64encode(midi(notes, self.beats)).decode()
            rows.append(
                f"<tr><td>{name}</td><td><audio controls preload='none' "
                f"aria-label='melody, {name}' src='data:audio/wav;base64,{heard}'></audio></td>"
                f"<td><a download='{name}.mid' href='data:audio/midi;base64,{file}'>MIDI</a></td>"
                "</tr>"
            )
        return "<table>" + "".join(rows) + "</table>"
