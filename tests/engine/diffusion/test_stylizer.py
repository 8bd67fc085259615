"""The protocol's own checks: a wrong request is refused in words, a wrong tensor with its shape."""

from fractions import Fraction
from typing import Any

import pytest
import torch

from engine.diffusion.stylizer import Capabilities, Chunk, Reference, Request, Stylizer, check_request
from engine.errors import SettingsError
from engine.weights import Weight
from tests.fake_stylizer import FakeStylizer

CAPABLE = Capabilities(frozenset({"depth"}), negative_prompt=True)


def request(**changes: Any) -> Request:
    return Request(**{"prompt": "ink", "strength": 0.6, "steps": 4, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"controls": {"pose": 1.0}}, "no control called pose. It has: depth"),
        ({"strength": 0.0}, "strength"),
        ({"strength": 1.1}, "strength"),
        ({"steps": 0}, "steps"),
        ({"controls": {"depth": "1@0-0.1"}}, "control depth at 1@0-0.1 would do nothing: none of 4 steps"),
        ({"controls": {"depth": ["1", "0@0:01-0:02"]}}, "tiny weighs controls over steps only, not over time. Leave"),
        ({"negative_prompt": "blur"}, "does nothing at a guidance of 1"),
    ],
)
def test_what_no_model_can_do_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_request(request(**changes), CAPABLE, "tiny")


def test_a_negative_prompt_is_refused_where_the_model_takes_none() -> None:
    with pytest.raises(SettingsError, match="takes no negative prompt"):
        check_request(request(negative_prompt="blur", guidance=3.0), Capabilities(frozenset(), False), "tiny")


def test_more_reference_pictures_than_the_model_takes_are_refused() -> None:
    picture = Reference(torch.zeros(3, 8, 8))
    with pytest.raises(SettingsError, match="takes no reference pictures"):
        check_request(request(references=(picture,)), CAPABLE, "tiny")
    two = Capabilities(frozenset({"depth"}), negative_prompt=True, references=2)
    with pytest.raises(SettingsError, match="takes at most 2 reference pictures, not 3"):
        check_request(request(references=(picture,) * 3), two, "tiny")
    check_request(request(references=(picture,) * 2), two, "tiny")


def test_several_controls_are_refused_where_the_model_takes_one() -> None:
    two, one = frozenset({"depth", "edges"}), Capabilities(frozenset({"depth", "edges"}), True, several=False)
    asked = request(controls=dict.fromkeys(two, 1.0))
    with pytest.raises(SettingsError, match="one control at a time, not depth and edges"):
        check_request(asked, one, "tiny")
    check_request(asked, Capabilities(two, negative_prompt=True), "tiny")
    check_request(request(controls={"depth": 1.0, "edges": 0.0}), one, "tiny")


def test_a_control_of_weight_zero_is_as_if_it_were_not_there() -> None:
    check_request(request(controls={"pose": 0.0}), CAPABLE, "tiny")
    assert request(controls={"pose": 0.0, "depth": 1}).active_controls == {"depth": Weight.of(1)}


def test_weights_over_time_are_taken_where_the_model_can() -> None:
    timed = request(controls={"depth": ["1", "0@0:01-0:02"]})
    check_request(timed, Capabilities(frozenset({"depth"}), negative_prompt=True, times=True), "tiny")
    given = Chunk(FRAMES, NOISE, times=tuple(Fraction(second) for second in range(4)))
    assert given.weights(timed) == {"depth": ((1, 0, 1, 1),) * timed.steps}
    assert given.weights(request(controls={"depth": "1@0:06-0:07", "edges": 1})) == {"edges": ((1,) * 4,) * 4}
    with pytest.raises(ValueError, match="does not say when its frames are seen"):
        Chunk(FRAMES, NOISE).weights(timed)


FRAMES, NOISE = torch.rand(4, 3, 16, 24), torch.randn(4, 4, 2, 3)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"frames": torch.zeros(4, 3, 16, 24, dtype=torch.uint8)}, "float32, is .* uint8"),
        ({"frames": FRAMES * 255}, "must be 0 to 1"),
        ({"frames": FRAMES * float("nan")}, "must be 0 to 1"),
        ({"frames": FRAMES[0]}, "frames must be"),
        ({"frames": FRAMES[:0]}, "frames must be"),
        ({"controls": {"depth": torch.rand(4, 2, 16, 24)}}, "control depth must be"),
        ({"controls": {"depth": torch.rand(4, 1, 8, 24)}}, "control depth must be"),
        ({"controls": {"depth": torch.rand(3, 1, 16, 24)}}, "control depth must be"),
        ({"controls": {"depth": torch.full((4, 1, 16, 24), 255.0)}}, "control depth must be 0 to 1"),
        ({"times": (Fraction(0),)}, "4 frames must have as many times, have 1"),
        ({"noise": NOISE[:0]}, "noise must be"),
        ({"noise": torch.cat([NOISE, NOISE])}, "noise must be"),
        ({"noise": NOISE.double()}, "noise must be"),
        ({"carried": NOISE}, "carried latents must be"),
        ({"carried": NOISE[:0]}, "carried latents must be"),
        ({"carried": NOISE[:1, :3]}, "carried latents must be"),
        ({"noise": NOISE[:2], "carried": NOISE[:2]}, "carried latents must be"),
        ({"before": NOISE[:1]}, "must come with carried ones"),
        ({"carried": NOISE[:1], "before": NOISE[:1, :3]}, "like .*4, 4, 2, 3"),
    ],
)
def test_a_chunk_that_breaks_the_contract_says_how(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Chunk(**{"frames": FRAMES, "noise": NOISE, **parts})


def test_the_fake_keeps_the_promises_of_a_stylizer() -> None:
    fake: Stylizer = FakeStylizer()
    first = fake.restyle(Chunk(FRAMES, NOISE), request())
    again = fake.restyle(Chunk(FRAMES, NOISE), request())
    carried = fake.restyle(Chunk(FRAMES, NOISE, carried=first.latents[:2] + 1), request())
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(carried.latents[:2], first.latents[:2] + 1)
    assert first.frames.shape == FRAMES.shape
    assert first.latents.shape[1:] == fake.noise_shape(16, 24)
