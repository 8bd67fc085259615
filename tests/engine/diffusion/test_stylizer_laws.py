"""Every family under the same laws: the starter's kind, Stable Diffusion 1.5 with a motion adapter, Wan VACE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch

from engine.diffusion.cogvideox import CogVideoXFun
from engine.diffusion.stylizer import Reference, Request, Stylizer
from engine.diffusion.wan_vace import WanVace
from tests.engine.diffusion import tiny_animatediff, tiny_cogvideox, tiny_sd15, tiny_wan
from tests.engine.diffusion.conformance import Changes, Refusals, StylizerLaws

LIGHT = Reference(torch.linspace(0.6, 1, 1200).view(3, 20, 20))
DARK = Reference(torch.linspace(0.5, 0, 960).view(3, 8, 40))


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
        "references": ({"references": (LIGHT,)}, "takes no reference pictures.*--palette PICTURE"),
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
        "reference": {"references": (LIGHT,)},
        "weight of a reference": {"references": (replace(LIGHT, weight=0.5),)},
        "two references": {"references": (LIGHT, DARK)},
    }
    lacking: ClassVar[Refusals] = {
        "control": ({"controls": {"edges": 1.0}}, "no control called edges. It has: canny, depth"),
        "references": ({"references": (LIGHT,) * 5}, "at most 4 reference pictures, not 5"),
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny_sd15.seeing(tiny_sd15.build(folder))


class TestWanVace(StylizerLaws):
    """A transformer for video, flow matching, latents of four frames; in windows of nine frames, three latents."""

    size = (32, 48)
    request_ = Request("ink", strength=0.8, steps=2, guidance=3.0, controls={"depth": 1.0})
    dials: ClassVar[Changes] = {
        "prompt": {"prompt": "oil"},
        "no prompt": {"prompt": ""},
        "strength": {"strength": 0.7},
        "all new": {"strength": 1.0},
        "steps": {"steps": 3},
        "guidance": {"guidance": 2.0},
        "no guidance": {"guidance": 1.0},
        "words to avoid": {"negative_prompt": "blur"},
        "weight": {"controls": {"depth": 0.9}},
        "weight in the first half": {"controls": {"depth": "1@0-0.5"}},
        "other control": {"controls": {"edges": 1.0}},
        "reference": {"references": (LIGHT,)},
        "two references": {"references": (LIGHT, DARK)},
        "no control": {"controls": {}},
    }
    lacking: ClassVar[Refusals] = {
        "control": (
            {"controls": {"colour": 1.0}},
            "no control called colour. It has: canny, depth, edges, flow, l",
        ),
        "several controls": ({"controls": {"depth": 1.0, "edges": 1.0}}, "one control at a time, not depth and edges"),
        "references": ({"references": (LIGHT,) * 5}, "at most 4 reference pictures, not 5"),
        "weight of a reference": ({"references": (replace(LIGHT, weight=0.5),)}, "cannot weigh reference pictures"),
        "strength of nothing": ({"strength": 0.0}, "strength is 0.0"),
        "long prompt": ({"prompt": "a very long prompt " * 40}, r"prompt has \d+ tokens, the model reads 512"),
        "words to avoid without guidance": ({"negative_prompt": "blur", "guidance": 1.0}, "does nothing"),
    }
    experts: ClassVar[int] = 1

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny_wan.build(folder, experts=cls.experts, boundary=0.875)

    @classmethod
    def load(cls, folder: Path) -> Stylizer:
        model = super().load(folder)
        assert isinstance(model, WanVace)
        return replace(model, window=9)


class TestCogVideoXFun(StylizerLaws):
    """A transformer that sees the control beside the noise, v-prediction; in windows of nine frames, three latents."""

    size = (32, 48)
    decoded_at_once = 2
    request_ = Request("ink", strength=0.8, steps=2, guidance=3.0, controls={"depth": 1.0})
    dials: ClassVar[Changes] = {
        "prompt": {"prompt": "oil"},
        "no prompt": {"prompt": ""},
        "strength": {"strength": 0.7},
        "all new": {"strength": 1.0},
        "steps": {"steps": 3},
        "guidance": {"guidance": 2.0},
        "no guidance": {"guidance": 1.0},
        "words to avoid": {"negative_prompt": "blur"},
        "weight": {"controls": {"depth": 0.9}},
        "weight in the first half": {"controls": {"depth": "1@0-0.5"}},
        "other control": {"controls": {"canny": 1.0}},
        "no control": {"controls": {}},
    }
    lacking: ClassVar[Refusals] = {
        "control": ({"controls": {"edges": 1.0}}, "no control called edges. It has: canny, depth"),
        "several controls": ({"controls": {"depth": 1.0, "canny": 1.0}}, "one control at a time"),
        "references": ({"references": (LIGHT,)}, "takes no reference pictures"),
        "steps finer than levels": ({"strength": 0.001, "steps": 6}, "do not fit into a strength"),
        "long prompt": ({"prompt": "a very long prompt " * 5}, r"prompt has \d+ tokens, the model reads 32"),
        "words to avoid without guidance": ({"negative_prompt": "blur", "guidance": 1.0}, "does nothing"),
    }

    @classmethod
    def build(cls, folder: Path) -> Path:
        return tiny_cogvideox.build(folder)

    @classmethod
    def load(cls, folder: Path) -> Stylizer:
        model = super().load(folder)
        assert isinstance(model, CogVideoXFun)
        return replace(model, window=9)


class TestWanVaceOfTwoExperts(TestWanVace):
    """The same with a second transformer for the lower levels: of two steps, the first asks one, the second another."""

    experts = 2
