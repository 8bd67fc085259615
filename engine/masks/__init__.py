"""Only a part of the picture: which one is meant, and what is kept or put outside of it."""

from engine.masks.composing import Compose, masked, masked_beside
from engine.masks.opening import mask_mark

__all__ = ["Compose", "mask_mark", "masked", "masked_beside"]
