"""Chunk after chunk in, one steady shot out."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor

from consistency.colour import ColourAnchor
from consistency.seams import Flow, fuse


class ChunkJoin:
    """This joins the chunks of one shot: colours held to its first chunk that was made alike, overlaps fused.

    It holds no more than the frames that two chunks share and the colours of those first ones. Every frame comes out
    once, in order; a shot of one chunk passes bit by bit.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._anchors: dict[Hashable, ColourAnchor] = {}
        self._held: Tensor | None = None

    def add(
        self,
        frames: Tensor,
        overlap: int,
        overlap_after: int,
        source: Tensor | None = None,
        steered: Hashable | None = (),
    ) -> Tensor:
        """This takes the next chunk `[T, 3, H, W]`, which shares its first `overlap` frames with the one before.

        Its last `overlap_after` frames, which it shares with the one after (0 for the last chunk), are held back;
        the frames that are finished now are given, none perhaps: `[<= T, 3, H, W]`. source: the chunk's source frames,
        `[T, 3, H, W]`, for every chunk of the shot or for none; with them colours cannot drift over many chunks, and
        where two chunks cannot agree the one that is truer to the source wins. steered: what its colours go with that a
        person changes on purpose within a shot, the same for all of its frames, or None if it changes among them. A
        chunk is drawn back to the first that was steered alike, and else takes the colours of its overlap alone.

        Raises:
            ValueError: where the overlaps are not those of chunks in order.
        """
        shared = 0 if self._held is None else len(self._held)
        if overlap != shared or not 0 <= overlap_after <= len(frames) or overlap > len(frames):
            raise ValueError(
                f"a chunk of {len(frames)} frames cannot share {overlap} with the one before, which gave {shared}, "
                f"and {overlap_after} with the one after"
            )
        if self._held is not None and overlap:
            anchor = self._anchors.get(steered) or ColourAnchor(frames, None)
            frames = anchor.match(frames, self._held, source)
            self._learn(steered, frames, source)
            frames[:overlap] = fuse(
                self._held, frames[:overlap], self._flow, None if source is None else source[:overlap]
            )
        else:
            self._learn(steered, frames, source)
        finished = len(frames) - overlap_after
        self._held = frames[finished:].clone()
        return frames[:finished]

    def _learn(self, steered: Hashable | None, frames: Tensor, source: Tensor | None) -> None:
        """This keeps the colours of the first chunk that was steered so, if one thing can be said of all of it."""
        if steered is not None and steered not in self._anchors:
            self._anchors[steered] = ColourAnchor(frames, source)
