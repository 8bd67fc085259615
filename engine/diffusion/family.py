"""Which family a model folder belongs to, by what its configs name."""

from __future__ import annotations

import json
from pathlib import Path

from engine.diffusion.row import Family
from engine.errors import ModelError

PIPELINES = {
    "AnimateDiffControlNetPipeline": Family.ANIMATEDIFF,
    "AnimateDiffPipeline": Family.ANIMATEDIFF,
    "AnimateDiffVideoToVideoControlNetPipeline": Family.ANIMATEDIFF,
    "AnimateDiffVideoToVideoPipeline": Family.ANIMATEDIFF,
    "CogVideoXFunControlPipeline": Family.COGVIDEOX_FUN,
    "Cosmos2_5_TransferPipeline": Family.COSMOS_TRANSFER,
    "LTX2ConditionPipeline": Family.LTX2,
    "LTX2ImageToVideoPipeline": Family.LTX2,
    "LTX2InContextPipeline": Family.LTX2,
    "LTX2Pipeline": Family.LTX2,
    "StableDiffusionPipeline": Family.ANIMATEDIFF,
    "WanVACEPipeline": Family.WAN_VACE,
}
"""Families by `_class_name` of model_index.json."""

DENOISERS = {
    "CogVideoXTransformer3DModel": Family.COGVIDEOX_FUN,
    "CosmosTransformer3DModel": Family.COSMOS_TRANSFER,
    "LTX2VideoTransformer3DModel": Family.LTX2,
    "UNet2DConditionModel": Family.ANIMATEDIFF,
    "UNetMotionModel": Family.ANIMATEDIFF,
    "WanVACETransformer3DModel": Family.WAN_VACE,
}
"""Families by the class of `unet` or `transformer`, for folders without an index that is known."""


def recognise(folder: Path) -> Family:
    """This tells the family of a model folder.

    Raises:
        ModelError: it holds no model, or one of a kind that does not work here.
    """
    if (folder / "config.json").is_file():
        raise ModelError(f"{folder} is one part of a model. Give the folder that holds all of its parts.")
    if not any(folder.glob("*/*.json")):
        raise ModelError(f"{folder} is not a model in diffusers' layout: no folder in it has a config.")
    named = _class_name(folder / "model_index.json")
    inside = _class_name(folder / "unet" / "config.json") or _class_name(folder / "transformer" / "config.json")
    family = PIPELINES.get(named) or DENOISERS.get(inside)
    if family is None:
        found = f"holds a {named or inside}" if named or inside else "has neither unet/config.json nor transformer/"
        raise ModelError(f"{folder} {found}. Models that work here: {', '.join(Family)}; see `restyle models`.")
    return family


def _class_name(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("_class_name", ""))
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged: {error}") from error
