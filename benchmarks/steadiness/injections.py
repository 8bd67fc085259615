"""Nine faults of known size, put into a clean restyled clip the way a video model would make them.

Sizes are those of severity "mid"; "low" has half of each, "high" one and a half (but no more than all of a texture).
All draws are the same at every severity, only larger, and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.steadiness.clips import Drawing, eight_bit
from benchmarks.steadiness.trial import Part, Trial
from engine.windows import Span, plan_chunks
from samples.kinds import Kind

LONGEST = 16
"""Frames that the stand-in for a video model makes at once."""
STRENGTHS = {"low": 0.5, "mid": 1.0, "high": 1.5}

CASES = {
    "D1": "every frame: another gain (6 %) and offset (3 % a channel)",
    "D2": "every frame: another field of colour, 6 x 4 patches of 5 %",
    "D3": "every chunk: another gain (10 %) and offset (5 %) of each channel",
    "D4": "every chunk: 90 % of the fine texture is another one",
    "D5": "every frame: 60 % of the fine texture is another one",
    "D6": "every frame: another place, 0.6 pixels off",
    "D7": "a grain of 4 % that sticks to the screen",
    "D8": "drift: 12 % brighter or darker by the last of 48 frames, most of it in steps where chunks begin",
    "D9": "D2, D3 and D4 at once",
}
"""What is wrong in each case, at mid severity."""


@dataclass(frozen=True)
class _Fault:
    """What a case draws from: the drawing, where its chunks lie, how much, and its own random numbers."""

    drawing: Drawing
    spans: list[Span]
    much: float
    rng: np.random.Generator

    def every_frame(self, *shape: int) -> Tensor:
        return self._normal(len(self.drawing.base), *shape)

    def every_chunk(self, *shape: int) -> Tensor:
        return self._normal(len(self.spans), *shape)

    def _normal(self, *shape: int) -> Tensor:
        return torch.tensor(self.rng.standard_normal(shape), dtype=torch.float32)

    def cut(self, frames: Tensor) -> list[Tensor]:
        """This gives the same frames to all chunks that show them."""
        return [frames[span.start : span.stop] for span in self.spans]


def inject(drawing: Drawing, seed: int, case: str, severity: str = "mid", overlap: int = 4) -> Trial:
    """This makes the trial of a case: parts as long as the engine would cut them, and the answers that are right."""
    spans = plan_chunks(len(drawing.base), LONGEST, overlap)
    if len(spans) > len(drawing.fresh):
        raise ValueError(f"{len(drawing.base)} frames make {len(spans)} chunks, and {len(drawing.fresh)} are drawn")
    rng = np.random.default_rng([seed, 77, list(CASES).index(case)])
    fault = _Fault(drawing, spans, STRENGTHS[severity], rng)
    versions = [eight_bit(part) for part in _FAULTS[case](fault)]
    parts = tuple(Part(span.start, part) for span, part in zip(spans, versions, strict=True))
    return Trial(drawing.clip, case, severity, parts, _answers(drawing, case, fault))


def happens(kind: Kind, case: str) -> bool:
    """This says whether a case is a fault in such a clip: what sticks to the screen is none where nothing moves."""
    return not (kind is Kind.STILL and case == "D7")


def _answers(drawing: Drawing, case: str, fault: _Fault) -> tuple[Tensor, ...]:
    if case not in ("D4", "D9"):
        return (drawing.clean,)
    share = _share(0.9, fault.much)
    return tuple(eight_bit(drawing.reseeded(share, drawing.fresh[index])) for index in range(len(fault.spans)))


def _share(mid: float, much: float) -> float:
    return min(mid * much, 1.0)


def _gain_and_offset(fault: _Fault) -> list[Tensor]:
    gain, offset = 0.06 * fault.every_frame(1, 1, 1), 0.03 * fault.every_frame(3, 1, 1)
    return fault.cut(fault.drawing.clean * (1 + fault.much * gain) + fault.much * offset)


def _field(fault: _Fault) -> Tensor:
    """This draws a smooth field of colour for every frame, `[T, 3, H, W]`."""
    size = fault.drawing.base.shape[-2:]
    patches = 0.05 * fault.much * fault.every_frame(3, 4, 6)
    return F.interpolate(patches, size=size, mode="bicubic", align_corners=True)


def _fields(fault: _Fault) -> list[Tensor]:
    return fault.cut(fault.drawing.clean + _field(fault))


def _tinted(fault: _Fault, parts: list[Tensor]) -> list[Tensor]:
    """This gives every chunk a colour of its own."""
    gain, offset = 0.10 * fault.every_chunk(3, 1, 1), 0.05 * fault.every_chunk(3, 1, 1)
    tints = zip(parts, 1 + fault.much * gain, fault.much * offset, strict=True)
    return [(part - 0.5) * by + 0.5 + plus for part, by, plus in tints]


def _tints(fault: _Fault) -> list[Tensor]:
    return _tinted(fault, fault.cut(fault.drawing.clean))


def _textures(fault: _Fault) -> list[Tensor]:
    answers = _answers(fault.drawing, "D4", fault)
    return [answer[span.start : span.stop] for answer, span in zip(answers, fault.spans, strict=True)]


def _restless(fault: _Fault) -> list[Tensor]:
    return fault.cut(fault.drawing.reseeded(_share(0.6, fault.much), fault.drawing.restless))


def _jitter(fault: _Fault) -> list[Tensor]:
    offsets = 0.6 * fault.much * fault.every_frame(2)
    return fault.cut(torch.stack([shifted(f, by) for f, by in zip(fault.drawing.clean, offsets, strict=True)]))


def shifted(frame: Tensor, by: Tensor, margin: int = 16) -> Tensor:
    """This moves a frame `[3, H, W]` by a fraction of a pixel, (x, y), and loses no detail: in its spectrum."""
    height, width = frame.shape[-2:]
    margin = min(margin, height - 1, width - 1)
    padded = F.pad(frame[None], (margin, margin, margin, margin), mode="reflect")[0]
    down, right = (torch.fft.fftfreq(side) for side in padded.shape[-2:])
    turn = torch.polar(torch.ones(1), -2 * torch.pi * (down[:, None] * by[1] + right * by[0]))
    moved: Tensor = torch.fft.ifft2(torch.fft.fft2(padded) * turn)
    return moved.real[..., margin : margin + height, margin : margin + width]


def _grain(fault: _Fault) -> list[Tensor]:
    size = fault.drawing.base.shape[-2:]
    white = fault.rng.standard_normal(size)
    grain = cv2.GaussianBlur(white, (0, 0), 1.2) - cv2.GaussianBlur(white, (0, 0), 4.0)
    pattern = torch.tensor(grain / grain.std(), dtype=torch.float32)
    return fault.cut(fault.drawing.clean + 0.04 * fault.much * pattern)


def _drift(fault: _Fault) -> list[Tensor]:
    """Every chunk begins further off than the one before did, and goes on so: it is what chaining does."""
    way, frames = fault.rng.choice([-1.0, 1.0]), torch.arange(len(fault.drawing.base)).view(-1, 1, 1, 1)
    parts = []
    for span, part in zip(fault.spans, fault.cut(fault.drawing.clean), strict=True):
        off = 0.75 * span.start + 0.25 * frames[span.start : span.stop]
        parts.append(part * (1 + way * 0.16 * fault.much * off / 48))
    return parts


def _everything(fault: _Fault) -> list[Tensor]:
    fields = fault.cut(_field(fault))
    return [part + field for part, field in zip(_tinted(fault, _textures(fault)), fields, strict=True)]


_FAULTS: dict[str, Callable[[_Fault], list[Tensor]]] = {
    "D1": _gain_and_offset,
    "D2": _fields,
    "D3": _tints,
    "D4": _textures,
    "D5": _restless,
    "D6": _jitter,
    "D7": _grain,
    "D8": _drift,
    "D9": _everything,
}
