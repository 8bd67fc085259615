"""Every family under the same laws: the starter's kind, and Stable Diffusion 1.5 with a motion adapter."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from engine.diffusion.stylizer import Request
from tests.engine.diffusion import tiny_animatediff, tiny_sd15
from tests.engine.diffusion.conformance import Changes, Refusals, StylizerLaws


class TestStarterKind(StylizerLaws):
    """One UNet with motion modules inside, several ControlNets, v-prediction."""

    size = (24, 40)  # not multiples of what the UNet halves: odd latents work, too
    request_ = Request("ink", strength=0.6, steps=3, controls={"depth": 1.0, "edges": 0.5})
    dials: ClassVar[Changes] = {
        "prompt": {"prompt": "oil"},
        "no prompt": {"prompt": ""},
        "strength": {"strength": 0.7},
        "steps": {"steps": 4},
        "guidance": {"guidance": 3.0},
        "words to avoid": {"guidance": 3.0, "negative_prompt": "blur"},
        "weight": {"controls": {"depth": 0.9, "edges": 0.5}},
        "no control": {"controls": {}},
    }
    lacking: ClassVar[Refusals] = {
        "control": ({"controls": {"pose": 1.0}}, "no control called pose. It has: colour, depth, edges, flow"),
        "strength of nothing": ({"strength": 0.0}, "strength is 0.0"),
        "steps finer than levels": ({"strength": 0.002, "steps": 6}, "do not fit into a strength"),
        "long prompt": ({"prompt": "a very long prompt " * 5}, r"prompt has \d+ tokens, the model reads 32"),
        "long words to avoid": ({"negative_prompt": "blurred " * 9, "guidance": 2.0}, "the model reads 32"),
        "words to avoid without guidance": ({"negative_prompt": "blur"}, "does nothing at a guidance of 1"),
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny_animatediff.build(folder)


class TestStableDiffusion15(StylizerLaws):
    """A denoiser for still pictures, joined with a motion adapter, two ControlNets, noise prediction, guidance."""

    size = (40, 48)
    request_ = Request("ink", strength=0.6, steps=2, guidance=5.0, controls={"depth": 1.0, "canny": 0.5})
    dials: ClassVar[Changes] = {
        "prompt": {"prompt": "oil"},
        "strength": {"strength": 0.7},
        "steps": {"steps": 3},
        "guidance": {"guidance": 3.0},
        "no guidance": {"guidance": 1.0},
        "words to avoid": {"negative_prompt": "blur"},
        "weight": {"controls": {"depth": 0.9, "canny": 0.5}},
    }
    lacking: ClassVar[Refusals] = {
        "control": ({"controls": {"edges": 1.0}}, "no control called edges. It has: canny, depth")
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny_sd15.build(folder)
