"""What the product is compared with: one row each, none with learned weights."""

from __future__ import annotations

from benchmarks.steadiness import peers_ffmpeg
from benchmarks.steadiness.peers_ffmpeg import Atadenoise, Deflicker, Filtered, Hqdn3d, Tmedian, Tmix
from benchmarks.steadiness.peers_join import BandFade, Fade, RandomBlend, affine_match, hard_cut, linear, raised_cosine
from benchmarks.steadiness.peers_steady import MotionAverage, RecursiveBlend, ScreenedPoisson, Steadied
from benchmarks.steadiness.trial import Method

MATCHED_FADE = Fade(raised_cosine, affine_match)

PEERS: dict[str, Method] = {
    "hard cut": hard_cut,
    "linear fade": Fade(linear),
    "cosine fade": Fade(raised_cosine),
    "matched fade": MATCHED_FADE,
    "band fade": BandFade(),
    "matched band fade": BandFade(match=affine_match),
    "random blend": RandomBlend(),
    "deflicker": Filtered(Deflicker()),
    "hqdn3d": Filtered(Hqdn3d()),
    "atadenoise": Filtered(Atadenoise()),
    "tmix": Filtered(Tmix()),
    "tmedian": Filtered(Tmedian()),
    "flow blend": Steadied(RecursiveBlend(0.6, "bicubic")),
    "motion average": Steadied(MotionAverage()),
    "screened Poisson": Steadied(ScreenedPoisson()),
    "matched fade + flow blend": Steadied(RecursiveBlend(0.6, "bicubic"), MATCHED_FADE),
    "matched fade + motion average": Steadied(MotionAverage(4, "bicubic"), MATCHED_FADE),
    "matched fade + screened Poisson": Steadied(ScreenedPoisson(1.0, mode="bicubic"), MATCHED_FADE),
}


def left_out() -> dict[str, str]:
    """This says which rows cannot run here, and why each."""
    why = peers_ffmpeg.missing()
    return {name: why for name, peer in PEERS.items() if isinstance(peer, Filtered)} if why else {}
