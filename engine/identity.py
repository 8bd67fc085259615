"""What a job is known by: whatever decides its chunks, without which finished ones are of no use; then its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from engine.detectors import detector_mark
from engine.diffusion.stylizer import Stylizer
from engine.journal import WAY, fingerprint
from engine.masks import mask_mark
from engine.media import RenderPasses, source_files
from engine.plan import Plan
from engine.references import reference_files
from engine.settings import Settings
from engine.sizes import Sizes

CHUNKS = 7
"""Raised by a version that makes other chunks of the same source, settings and model. 2: windows roll near the ends.
3: noir and pencil keep more of the source, and masks that are followed keep to borders. 4: the bundled model's frames
are finished. 5: these are even where the source is; chance goes by the frames of shots and chunks, not by numbers;
pictures are read in the colours of their profiles, PNG and TIFF turned upright. 6: what the bundled model paints ends
where the forms of the source do. 7: Wan VACE is told kept latents under a little noise; a prompt
that names a look is finished like it; LTX-2 gives up the weak tails of chunks;
the depth network that comes along is another."""
RESULT = 3
"""Raised by a version that makes another result of the same chunks and settings. 2: steadied along smoother motion;
painted frames take on light only as the source's changes. 3: watercolor, ink, pencil and paper have grain; what a
painted frame does not show is filled in; chunks are joined along motion that keeps to borders."""
MASK = ("mask", "mask_invert", "mask_grow", "mask_feather", "background")
ANYWHERE = ("device", "memory")
OF_THE_PLAN = ("cuts", "reseed")
"""Settings that decide which chunks there are and with which seeds, but nothing of one that is known by both."""
WITHOUT_CHUNKS = (*ANYWHERE, *OF_THE_PLAN, "steady", *MASK, "keyframes", "palette", "codec")
"""Settings that decide nothing of the chunks: with others, the same chunks make another result.

A mask does where the model itself paints inside of it, but for its feather.
"""


def identity_of(
    source: Path, settings: Settings, stylizer: Stylizer, sizes: Sizes, rate: Fraction | None
) -> dict[str, Any]:
    """This says what chunks are made of, ready for JSON: source, settings, model, sizes, by what is in their files."""
    unasked = (*WITHOUT_CHUNKS, "control_videos")  # those count by what is in them, wherever they lie
    chosen = {name: value for name, value in settings.to_dict().items() if name not in unasked}
    if settings.detectors:
        drawing = {control: name for control, name in settings.detectors.items() if control != "mask"}
        chosen["detectors"] = {control: detector_mark(control, name) for control, name in drawing.items()}
    inside = stylizer.capabilities.masks and settings.background is None
    own = {name: fingerprint(source_files(Path(path))) for name, path in settings.control_videos.items()}
    return {
        "source": fingerprint(source_files(source)),
        "settings": chosen | {"rate": str(rate)},
        **({"control videos": own} if own else {}),
        "passes": fingerprint(RenderPasses.find(Path(settings.passes)).files) if settings.passes else None,
        "look file": fingerprint([Path(settings.look_file)]) if settings.look_file else None,
        "reference": fingerprint(reference_files(settings.references)) if settings.references else None,
        **({"mask": _mask(settings.mask, settings)} if settings.mask is not None and inside else {}),
        "model": stylizer.fingerprint,
        WAY: CHUNKS,
        "size": [*sizes.output, *sizes.work],
    }


def result_mark(identity: Mapping[str, Any], settings: Settings, plan: Plan) -> str:
    """This gives a mark of all that a result is made of: its chunks, and what is done to them, by what files hold."""
    asked = {name: value for name, value in settings.to_dict().items() if name not in (*ANYWHERE, *OF_THE_PLAN)}
    asked["chunks"] = [take.name for take in plan.takes]
    pictures = [Path(text.partition("=")[2]) for text in settings.keyframes]
    pictures += [Path(settings.palette)] if settings.palette else []
    behind = source_files(settings.background) if settings.background else ()
    mask = [] if settings.mask is None else _mask(settings.mask, settings)
    told = json.dumps([RESULT, identity, asked, fingerprint([*pictures, *behind]), mask], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _mask(mask: str | tuple[str, ...], settings: Settings) -> list[str | int]:
    marks = [mask_mark(name, settings) for name in ((mask,) if isinstance(mask, str) else mask)]
    return [*marks, settings.mask_grow, *(["inverted"] if settings.mask_invert else [])]
