"""A render and its passes, as a job."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.errors import SettingsError


def as_clip(chosen: argparse.Namespace) -> argparse.Namespace:
    """This names the pictures of a render as the clip of a job, and the render as its passes."""
    from engine.media import Pass, RenderPasses

    if chosen.passes:
        raise SettingsError("The passes of a render are in it. For those of a clip: restyle CLIP --passes RENDER.")
    render: Path = chosen.clip
    passes = RenderPasses.find(render)
    if not passes.has(Pass.PICTURE):
        raise SettingsError(f"{render} holds passes and no picture. Name the clip: restyle CLIP --passes {render}.")
    clip = passes.layer(Pass.PICTURE).pattern
    return argparse.Namespace(**{**vars(chosen), "clip": clip, "passes": str(render)})
