"""Colour profiles of stills: what a phone or a camera stores in other colours than sRGB is brought to it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_srgb(picture: NDArray[Any], profile: bytes | None) -> NDArray[Any]:
    """This brings a picture `[H, W, 3 or 4]`, RGB(A), from the colours of its ICC profile to sRGB; alpha stays.

    The library takes 8 bits: a picture of 16 stays as it is, see `foreign`. So does one with a broken profile, as
    everywhere.
    """
    if picture.dtype != np.uint8 or foreign(profile) is None:
        return picture
    from PIL import Image, ImageCms

    assert profile is not None
    shown = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    try:
        made = ImageCms.profileToProfile(shown, BytesIO(profile), ImageCms.createProfile("sRGB"))
    except ImageCms.PyCMSError:  # it has a name, but lacks what the colours are reckoned by
        return picture
    return np.concatenate([np.asarray(made), picture[..., 3:]], axis=2)


def foreign(profile: bytes | None) -> str | None:
    """This gives the name of an ICC profile of other RGB colours than sRGB; None for all that needs no change."""
    if profile is None:
        return None
    from PIL import ImageCms

    try:
        read = ImageCms.ImageCmsProfile(BytesIO(profile))
        name = ImageCms.getProfileDescription(read).strip()
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if read.profile.xcolor_space.strip() != "RGB" or "sRGB" in name else name
