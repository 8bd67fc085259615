"""Chunk after chunk in, one steady shot out."""

from __future__ import annotations

from torch import Tensor

from consistency.colour import ColourAnchor
from consistency.seams import Flow, fuse


class ChunkJoin:
    """This joins the chunks of one shot: colours held to its first chunk, overlaps fused.

    It holds no more than the frames that two chunks share and the colours of the first. Every frame comes out once, in
    order; a shot of one chunk passes bit by bit.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._anchor: ColourAnchor | None = None
        self._held: Tensor | None = None

    def add(self, frames: Tensor, overlap: int, overlap_after: int, source: Tensor | None = None) -> Tensor:
        """This takes the next chunk `[T, 3, H, W]`, which shares its first `overlap` frames with the one before.

        Its last `overlap_after` frames, which it shares with the one after (0 for the last chunk), are held back;
        the frames that are finished now are given, none perhaps: `[<= T, 3, H, W]`. source: the chunk's source frames,
        `[T, 3, H, W]`, for every chunk of the shot or for none; with them colours cannot drift over many chunks, and
        where two chunks cannot agree the one that is truer to the source wins.

        Raises:
            ValueError: where the overlaps are not those of chunks in order.
        """
        shared = 0 if self._held is None else len(self._held)
        if overlap != shared or not 0 <= overlap_after <= len(frames) or overlap > len(frames):
            raise ValueError(
                f"a chunk of {len(frames)} frames cannot share {overlap} with the one before, which gave {shared}, "
                f"and {overlap_after} with the one after"
            )
        if self._anchor is None:
            self._anchor = ColourAnchor(frames, source)
        elif self._held is not None and overlap:
            frames = self._anchor.match(frames, self._held, source)
            frames[:overlap] = fuse(
                self._held, frames[:overlap], self._flow, None if source is None else source[:overlap]
            )
        finished = len(frames) - overlap_after
        self._held = frames[finished:].clone()
        return frames[:finished]
