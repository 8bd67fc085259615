"""The laws that every stylizer keeps, whatever its family. A family's tests are a subclass of `StylizerLaws`.

A subclass says how to build a tiny checkpoint, and fills the tables at its top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from engine.diffusion import catalog
from engine.diffusion.memory import ON_GPU, ON_PROCESSOR, MemoryPlan
from engine.diffusion.stylizer import Chunk, Reference, Request, Styled, Stylizer
from engine.errors import SettingsError

Changes = Mapping[str, dict[str, Any]]
Made = Callable[..., Styled]
Refusals = Mapping[str, tuple[dict[str, Any], str]]


SIZE = (32, 48)
REQUEST = Request("ink", strength=0.8, steps=3, guidance=3.0, controls={"depth": 1.0})
"""What a family's own tests ask for, at a size for which eight pixels are a latent."""


def checkpoint(build: Callable[[Path], Path]) -> Any:
    """The fixture `folder`: a tiny checkpoint, built once for a file's tests."""

    @pytest.fixture(scope="module")
    def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return build(tmp_path_factory.mktemp("model"))

    return folder


def loaded(load: Callable[[Path], Stylizer]) -> Any:
    """The fixture `model`: what that checkpoint is loaded as, once for a file's tests."""

    @pytest.fixture(scope="module")
    def model(folder: Path) -> Stylizer:
        return load(folder)

    return model


def chunk(model: Stylizer, frames: int, size: tuple[int, int] = SIZE, **changes: Any) -> Chunk:
    """A chunk of random frames, noise, and maps for every control that the model has."""
    generator = torch.Generator().manual_seed(7)
    pictures = torch.rand(frames, 3, *size, generator=generator)
    noise = torch.randn(model.rule.latents(frames), *model.noise_shape(*size), generator=generator)
    names = sorted(model.capabilities.controls)
    maps = {name: torch.rand(frames, 1, *size, generator=generator) for name in names}
    return Chunk(**{"frames": pictures, "noise": noise, "controls": maps, **changes})


def difference(a: Styled, b: Styled) -> float:
    """The largest difference of two results' latents."""
    return float((a.latents - b.latents).abs().max())


def source_latents(model: Any, given: Chunk) -> Tensor:
    """What the source is in latents."""
    with torch.no_grad():
        latents: Tensor = model.autoencoder.encode(given.frames)
    return latents


class StylizerLaws:
    """`size` is height and width of the test's frames, `request_` a request that uses controls."""

    size: ClassVar[tuple[int, int]]
    request_: ClassVar[Request]
    dials: ClassVar[Changes]
    """Changes of the request that must each change the picture."""
    lacking: ClassVar[Refusals]
    """Changes of the request that this model cannot honour, and what is said of them."""
    decoded_at_once: ClassVar[int] = 1
    """Latents that its autoencoder decodes together."""

    @classmethod
    def build(cls, folder: Path) -> Path:
        """This writes a tiny checkpoint of the real classes into `folder`."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Stylizer:
        """This loads it as a person's command would."""
        return catalog.load(str(folder), "cpu")

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The checkpoint."""
        return cls.build(tmp_path_factory.mktemp("model"))

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, folder: Path) -> Stylizer:
        """The model, loaded once for all laws, so that nothing may stay in it from one to the next."""
        return cls.load(folder)

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, model: Stylizer) -> Made:
        """What the model makes of a chunk of so many frames, with changes of the request: once for all laws."""
        kept: dict[str, Styled] = {}

        def made(frames: int, **changes: Any) -> Styled:
            given, key = cls().chunk(model, frames), f"{model.rule.length(frames)} {changes}"
            if key not in kept:
                kept[key] = model.restyle(given, replace(cls.request_, **changes))
            return kept[key]

        return made

    def chunk(self, model: Stylizer, frames: int, **changes: Any) -> Chunk:
        """A chunk of the smallest valid length that holds `frames`."""
        return chunk(model, model.rule.length(frames), self.size, **changes)

    def lengths(self, model: Stylizer) -> list[int]:
        """From one frame to more than three windows."""
        return [1, 2, model.window, model.window + 1, 3 * model.window + 3]

    def test_how_far_the_denoising_is_gets_told_within_every_step(self, model: Stylizer, made: Made) -> None:
        given, shares = self.chunk(model, model.window + 3), list[float]()
        told = model.restyle(replace(given, told=shares.append), self.request_)
        assert all(share < later for share, later in pairwise([0, *shares]))
        assert shares[-1] == pytest.approx(1)
        assert len(shares) >= 2 * self.request_.steps
        assert torch.equal(told.frames, made(model.window + 3).frames)

    def test_any_length_comes_back_at_its_own_size(self, model: Stylizer, made: Made) -> None:
        for frames in self.lengths(model):
            given = self.chunk(model, frames)
            styled = made(frames)
            assert styled.frames.shape == given.frames.shape
            assert styled.latents.shape == given.noise.shape
            assert styled.frames.dtype == styled.latents.dtype == torch.float32
            assert 0 <= float(styled.frames.min()) <= float(styled.frames.max()) <= 1

    def test_the_same_chunk_gives_the_same_bits(self, model: Stylizer, made: Made, folder: Path) -> None:
        given = self.chunk(model, model.window + 3)
        one = made(model.window + 3)
        model.restyle(self.chunk(model, 3), replace(self.request_, prompt="other"))  # leaves nothing behind
        again, anew = model.restyle(given, self.request_), self.load(folder).restyle(given, self.request_)
        assert torch.equal(one.frames, again.frames)
        assert torch.equal(one.frames, anew.frames)
        assert torch.equal(one.latents, anew.latents)

    def test_equal_files_have_equal_fingerprints(self, model: Stylizer, folder: Path) -> None:
        assert self.load(folder).fingerprint == model.fingerprint

    def test_the_shots_noise_is_the_noise_that_is_used(self, model: Stylizer, made: Made) -> None:
        given = self.chunk(model, 5)
        plain = made(5)
        assert difference(plain, model.restyle(replace(given, noise=-given.noise), self.request_)) > 1e-3

    @pytest.mark.parametrize("windows", [1, 3])
    def test_carried_latents_come_out_bit_by_bit_and_draw_the_rest_along(
        self, model: Stylizer, made: Made, windows: int
    ) -> None:
        frames = model.window if windows == 1 else 3 * model.window + 3
        given, free = self.chunk(model, frames), made(frames)
        carried = free.latents[:1] + 0.5
        held = model.restyle(replace(given, carried=carried), self.request_)
        assert torch.equal(held.latents[:1], carried)
        assert float((held.latents[1:] - free.latents[1:]).abs().max()) > 1e-4

    def test_pictures_are_encoded_and_decoded_in_single_precision_however_weights_are_loaded(self, model: Any) -> None:
        halved = type(model.autoencoder)(deepcopy(model.autoencoder.net).to(torch.bfloat16))
        assert {parameter.dtype for parameter in halved.net.parameters()} == {torch.float32}

    def test_frames_depend_on_what_comes_later_in_a_weak_tail_or_not_at_all(self, model: Any) -> None:
        generator, rule = torch.Generator().manual_seed(3), model.rule
        row = torch.randn(7, *model.noise_shape(*self.size), generator=generator)
        with torch.no_grad():
            whole, part = model.autoencoder.decode(row), model.autoencoder.decode(row[: -self.decoded_at_once])
        off = (part - whole[: len(part)]).abs().flatten(1).amax(1)
        if not rule.weak:
            assert float(off.max()) < 1e-5
            return
        weak = rule.stride * rule.weak
        assert float(off[-weak:].min()) > float(off[:-weak].mean())

    def test_a_weight_of_zero_is_no_control(self, model: Stylizer, made: Made) -> None:
        given = self.chunk(model, 5)
        none = made(5, controls={})
        zero = model.restyle(given, replace(self.request_, controls=dict.fromkeys(model.capabilities.controls, 0.0)))
        assert torch.equal(none.frames, zero.frames)
        assert torch.equal(none.latents, zero.latents)

    def test_weights_over_time_hold_in_their_frames(self, model: Stylizer, made: Made) -> None:
        if not model.capabilities.times:
            with pytest.raises(SettingsError, match="weighs controls over steps only, not over time"):
                model.check(replace(self.request_, controls={"depth": ["1", "0@0:02-0:03"]}))
            return
        given, (name, *_) = self.chunk(model, 2 * model.window), self.request_.controls
        given = replace(given, times=tuple(map(Fraction, range(len(given.frames)))))

        def timed(*weights: str) -> Styled:
            return model.restyle(given, replace(self.request_, controls={name: weights}))

        none, whole = made(2 * model.window, controls={}), made(2 * model.window, controls={name: 0.3})
        middle, end = f"0:{model.window:02d}", f"0:{len(given.frames):02d}"
        for always in (("0.3@0:00-" + end,), ("1", "0.3@0:00-" + end), ("0.3", f"1@{end}-9:00")):
            assert torch.equal(timed(*always).latents, whole.latents)
        assert torch.equal(timed(f"0.3@0:00-{middle}", f"0.3@{middle}-{end}").latents, whole.latents)
        assert torch.equal(timed("1", f"0@0:00-{end}").latents, none.latents)
        half = timed("0.3", f"0@{middle}-{end}")
        assert difference(half, whole) > 1e-4
        assert difference(half, none) > 1e-4

    def test_every_control_that_it_claims_counts_by_its_weight_and_its_map(self, model: Stylizer, made: Made) -> None:
        given = self.chunk(model, 5)
        none = made(5, controls={})
        assert model.capabilities.controls
        for name in model.capabilities.controls:
            whole = made(5, controls={name: 1.0})
            half = model.restyle(given, replace(self.request_, controls={name: 0.5}))
            maps = {**given.controls, name: 1 - given.controls[name]}
            other = model.restyle(replace(given, controls=maps), replace(self.request_, controls={name: 1.0}))
            assert difference(none, whole) > 1e-4, name
            assert difference(half, whole) > 1e-4, name
            assert difference(other, whole) > 1e-5, name

    def test_a_reference_of_no_weight_is_no_reference(self, model: Stylizer, made: Made) -> None:
        if not model.capabilities.references:
            return
        given, picture = self.chunk(model, model.window + 3), Reference(torch.full((3, 20, 20), 0.8))
        none = made(model.window + 3)
        seen = model.restyle(given, replace(self.request_, references=(picture,)))
        again = model.restyle(given, replace(self.request_, references=(picture,)))
        zero = model.restyle(given, replace(self.request_, references=(replace(picture, weight=0),)))
        assert torch.equal(none.latents, zero.latents)
        assert torch.equal(seen.latents, again.latents)
        assert difference(none, seen) > 1e-4
        assert torch.equal(model.restyle(given, self.request_).latents, none.latents)  # nothing of it has stayed

    def test_a_mask_of_all_is_no_mask_and_one_of_nothing_gives_the_source(self, model: Stylizer, made: Made) -> None:
        given = self.chunk(model, model.window + 3)
        whole = torch.ones_like(given.frames[:, :1])
        plain = made(model.window + 3)
        assert torch.equal(model.restyle(replace(given, mask=whole), self.request_).latents, plain.latents)
        nothing = model.restyle(replace(given, mask=0 * whole), self.request_)
        assert torch.equal(nothing.latents, source_latents(model, given))
        assert difference(nothing, plain) > 0.1

    @pytest.mark.parametrize("carried", [0, 1])
    def test_in_every_window_latents_beyond_the_mask_are_the_sources(
        self, model: Stylizer, made: Made, carried: int
    ) -> None:
        given = self.chunk(model, 3 * model.window + 3)
        source, mask = source_latents(model, given), torch.zeros_like(given.frames[:, :1])
        mask[: len(mask) // 2, ..., :4] = 1  # half of the time, and a strip at the left
        if carried:
            given = replace(given, carried=source[:1] + 0.5)
        plain = model.restyle(given, self.request_) if carried else made(3 * model.window + 3)
        part = model.restyle(replace(given, mask=mask), self.request_)
        touched = (part.latents != source).any(dim=1)
        assert torch.equal(part.latents[:carried], given.carried if given.carried is not None else source[:0])
        assert not touched[carried:, :, 3:].any()
        assert not touched[len(touched) // 2 + 2 :].any()
        assert touched[carried : len(touched) // 2 - 2, :, :1].all()
        inside = (part.latents - plain.latents)[carried : len(touched) // 2 - 2, :, :, :1]
        assert float(inside.abs().max()) > 1e-4  # made against what is beside it
        assert torch.equal(model.restyle(replace(given, mask=mask), self.request_).latents, part.latents)

    def test_each_dial_changes_the_picture(self, model: Stylizer, made: Made) -> None:
        given, plain = self.chunk(model, 5), made(5)
        for name, change in self.dials.items():
            turned = model.restyle(given, replace(self.request_, **change))
            assert turned.frames.isfinite().all()
            assert difference(plain, turned) > 1e-4, name

    def test_what_it_lacks_is_refused_before_any_frame(self, model: Stylizer) -> None:
        model.check(self.request_)
        for change, words in self.lacking.values():
            with pytest.raises(SettingsError, match=words):
                model.check(replace(self.request_, **change))

    @pytest.mark.parametrize("plans", [ON_PROCESSOR, ON_GPU], ids=["processor", "as on a GPU"])
    def test_smaller_plans_for_memory_give_nearly_the_same_picture(
        self, folder: Path, plans: tuple[MemoryPlan, ...]
    ) -> None:
        """Parts that wait elsewhere wait here on the same device: where they wait is only seen on a GPU, how is not."""
        model = self.load(folder)
        model.memory.plans = tuple(plan for plan in plans if not plan.eight_bits)
        given = self.chunk(model, model.window + 3)
        whole = model.restyle(given, self.request_)
        size = float(whole.latents.std())
        while model.memory.spare():
            less = model.restyle(given, self.request_)
            assert difference(less, whole) < 1e-3 * size, model.memory.plan.words
            again = model.restyle(given, self.request_)
            assert torch.equal(less.frames, again.frames)
        assert model.memory.plan is plans[-1]

    def test_weights_in_eight_bits_change_the_picture_only_slightly(self, folder: Path) -> None:
        model = self.load(folder)
        given = self.chunk(model, model.window + 3)
        whole = model.restyle(given, self.request_)
        model.memory.plans = ON_GPU[2:]
        assert model.memory.plan.eight_bits
        less, again = model.restyle(given, self.request_), model.restyle(given, self.request_)
        assert torch.equal(less.frames, again.frames)
        assert 0 < float((less.latents - whole.latents).std()) < 0.1 * float(whole.latents.std())
        self.check_narrowed(model)
        one = self.chunk(model, model.window)  # in several windows 8 bits make more of what rounding differs by
        less = model.restyle(one, self.request_)
        model.memory.spare()  # memory runs out all the same: layers then come one by one, in 8 bits as they are
        assert difference(model.restyle(one, self.request_), less) < 1e-3 * float(whole.latents.std())

    def check_narrowed(self, model: Stylizer) -> None:
        """Of the nets at work most weights are in 8 bits between calls, but none of a norm, nor of the ends."""
        for net in model.memory._narrowed:
            kinds = {name: (p.dtype, p.numel()) for name, p in net.named_parameters()}
            narrow = sum(count for dtype, count in kinds.values() if dtype is torch.float8_e4m3fn)
            assert narrow > 0.5 * sum(count for _, count in kinds.values())
            rounded = [name for name, (dtype, _) in kinds.items() if dtype is torch.float8_e4m3fn]
            assert not [
                name for name in rounded if re.search("norm|patch_embed|time_embed|^conv_(in|out)|^proj_out", name)
            ]
        assert model.memory._narrowed

    def test_the_memory_estimate_grows_with_all_that_it_depends_on(self, model: Stylizer) -> None:
        long = model.rule.length(10 * model.window)
        sizes = [(model.rule.length(1), 64, 64), (long, 64, 64), (long, 128, 64), (long, 128, 256)]
        estimates = [model.peak_bytes(*size) for size in sizes]
        assert estimates == sorted(set(estimates))
