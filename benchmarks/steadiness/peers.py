"""What the product is compared with: one row each, none with learned weights."""

from __future__ import annotations

from benchmarks.steadiness import peers_ffmpeg
from benchmarks.steadiness.peers_ffmpeg import Atadenoise, Deflicker, Filtered, Hqdn3d, Tmedian, Tmix
from benchmarks.steadiness.peers_join import BandFade, Fade, RandomBlend, affine_match, hard_cut, linear, raised_cosine
from benchmarks.steadiness.peers_steady import MotionAverage, RecursiveBlend, ScreenedPoisson, Steadied
from benchmarks.steadiness.trial import Method

MATCHED_FADE = Fade(raised_cosine, affine_match)

# Settings: the best of `python -m benchmarks.steadiness.tune`, each peer by itself, on clips that are not compared.
PEERS: dict[str, Method] = {
    "hard cut": hard_cut,
    "linear fade": Fade(linear),
    "cosine fade": Fade(raised_cosine),
    "matched fade": MATCHED_FADE,
    "band fade": BandFade(bands=2),
    "matched band fade": BandFade(bands=2, match=affine_match),
    "random blend": RandomBlend(block=64),
    "deflicker": Filtered(Deflicker(size=5, mode="pm")),
    "hqdn3d": Filtered(Hqdn3d(temporal=15)),
    "atadenoise": Filtered(Atadenoise(threshold=0.1, size=9)),
    "tmix": Filtered(Tmix(radius=1)),
    "tmedian": Filtered(Tmedian(radius=1)),
    "flow blend": Steadied(RecursiveBlend(keep=0.4, mode="bicubic")),
    "motion average": Steadied(MotionAverage(reach=2, mode="bicubic")),
    "screened Poisson": Steadied(ScreenedPoisson(strength=0.3, mode="bicubic")),
    "matched fade + flow blend": Steadied(RecursiveBlend(keep=0.4, mode="bicubic"), MATCHED_FADE),
    "matched fade + motion average": Steadied(MotionAverage(reach=4, mode="bicubic"), MATCHED_FADE),
    "matched fade + screened Poisson": Steadied(ScreenedPoisson(strength=0.1, mode="bicubic"), MATCHED_FADE),
}


def left_out() -> dict[str, str]:
    """This says which rows cannot run here, and why each."""
    why = peers_ffmpeg.missing()
    return {name: why for name, peer in PEERS.items() if isinstance(peer, Filtered)} if why else {}
