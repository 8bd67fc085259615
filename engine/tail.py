"""What a chunk hands to the next one of its shot."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class HandedNoise:
    """The noise that a chunk hands to the next one: where it is, and `[K, c, h, w]` of the latents that they share."""

    state: dict[str, Tensor]
    shared: Tensor


@dataclass(frozen=True)
class Tail:
    """What a chunk takes from the one before: the noise so far, and its last latents.

    `latents` are those that the two share, as many as there is noise, after those that the decoder looks back on.
    """

    noise: HandedNoise
    latents: Tensor

    @property
    def carried(self) -> Tensor:
        """The latents that the two chunks share."""
        return self.latents[len(self.latents) - len(self.noise.shared) :]

    @property
    def before(self) -> Tensor | None:
        """The latents before those."""
        looked_back_on = len(self.latents) - len(self.noise.shared)
        return self.latents[:looked_back_on] if looked_back_on > 0 else None

    def to_tensors(self) -> dict[str, Tensor]:
        """This names all tensors, ready for a file."""
        own = {"tail.noise": self.noise.shared, "tail.latents": self.latents}
        return own | {f"noise.{name}": tensor for name, tensor in self.noise.state.items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Tail:
        """This reads what `to_tensors` gave."""
        state = {name.removeprefix("noise."): t for name, t in tensors.items() if name.startswith("noise.")}
        return cls(HandedNoise(state, tensors["tail.noise"]), tensors["tail.latents"])
