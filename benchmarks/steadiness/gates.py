"""What no result may pay for steadiness with. One that fails a gate is listed as failed, whatever its Q."""

from __future__ import annotations

from benchmarks.steadiness.scores import Score

GATES = {
    "detail": "DR at least 0.9 of that of doing nothing (or of 1, if that is less): it has not been blurred",
    "motion": "MR at least 0.9: large areas still move",
    "sharpness": "energy of detail within 15 % of what lies between P and the answer (D7: of the answer)",
    "foreign": "HN at most 0.05 above that of doing nothing: no detail of its own",
    "psnr": "PSNR no lower than that of doing nothing, but for 0.02 dB of rounding (not D4, where blur raises it)",
    "ssim": "SSIM at most 0.01 lower than that of doing nothing",
}


def failed(score: Score, case: str) -> list[str]:
    """This names the gates that a result fails."""
    made, nothing = score.made, score.nothing
    # Faults of contrast move the energy of P: what has the answer's must pass as well.
    lowest, highest = (1.0, 1.0) if case == "D7" else (min(nothing.sharpness, 1.0), max(nothing.sharpness, 1.0))
    passed = {
        "detail": made.detail >= 0.9 * min(nothing.detail, 1.0),
        "motion": made.motion >= 0.9,
        "sharpness": 0.85 * lowest <= made.sharpness <= 1.15 * highest,
        "foreign": made.foreign <= nothing.foreign + 0.05,
        "psnr": case == "D4" or score.gained >= -0.02,
        "ssim": made.ssim >= nothing.ssim - 0.01,
    }
    return [name for name in GATES if not passed[name]]
