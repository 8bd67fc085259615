"""Two versions of an overlap become one, and a shot of chunks becomes a clip."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from consistency.join import ChunkJoin
from consistency.metrics import detail
from consistency.seams import fuse
from preprocessors.flow import DisFlow
from samples.scenes import draw_scene

FLOW = DisFlow(fine=True)


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return draw_scene(0, 6, 72, 128).frames


def textured(frames: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (frames * 0.6 + 0.2 + 0.08 * torch.randn(frames.shape, generator=generator)).clamp(0, 1)


def apart(left: Tensor, right: Tensor) -> float:
    return float((left - right).abs().mean())


def test_versions_that_agree_come_back_unchanged(clip: Tensor) -> None:
    assert (fuse(clip, clip, FLOW) - clip).abs().max() < 1e-4


def test_the_join_begins_at_the_left_and_ends_at_the_right(clip: Tensor) -> None:
    left, right = textured(clip, 1), textured(clip, 2)
    joined = fuse(left, right, FLOW)
    from_left = [apart(one, other) for one, other in zip(joined, left, strict=True)]
    from_right = [apart(one, other) for one, other in zip(joined, right, strict=True)]
    assert from_left == sorted(from_left)
    assert from_right == sorted(from_right, reverse=True)
    assert from_left[0] < 0.3 * apart(left, right)
    assert from_right[-1] < 0.3 * apart(left, right)


def test_unlike_textures_keep_their_variance_where_a_fade_would_lose_it(clip: Tensor) -> None:
    left, right = textured(clip, 1), textured(clip, 2)
    usual = detail(left).square().mean()
    joined = detail(fuse(left, right, FLOW)).square().mean(dim=(1, 2, 3)) / usual
    faded = detail((left + right) / 2).square().mean() / usual
    assert faded < 0.65
    assert joined.min() > 0.85
    assert joined.max() < 1.1


def test_shifted_versions_meet_on_the_way_and_stay_sharp(clip: Tensor) -> None:
    shift = 3
    left, right = clip[..., shift:], clip[..., :-shift]  # what left has at x, right has at x + 3
    joined = fuse(left, right, FLOW)
    sharp = [detail(x)[..., 8:-8].square().mean() for x in (joined, left, (left + right) / 2)]
    assert sharp[0] > 0.85 * sharp[1]
    assert sharp[2] < 0.75 * sharp[1]
    for index, frame in enumerate(joined):
        flow = FLOW(left[index], frame)[0, 10:-10, 15:-15]
        assert float(flow.median()) == pytest.approx(-shift * (index + 1) / 7, abs=0.35)


def test_what_cannot_agree_is_chosen_not_mixed() -> None:
    left, right = torch.full((5, 3, 60, 90), 0.4), torch.full((5, 3, 60, 90), 0.4)
    left[:, :, 15:45, 10:40], right[:, :, 15:45, 50:80] = 0.9, 0.9
    joined = fuse(left, right, FLOW, source=left)
    mixed = 0.4 + 0.5 * torch.tensor([5, 4, 3, 2, 1]) / 6
    middle = joined[:, :, 20:40, 15:35].mean(dim=(1, 2, 3))
    assert (((middle - 0.4).abs() < 0.05) | ((middle - 0.9).abs() < 0.05)).sum() >= 4
    assert (middle[:3] > mixed[:3]).all()
    edge = joined[:, :, 20:40, 8:12].mean(dim=(1, 2, 3))  # where edges tell which is the source's
    other = fuse(left, right, FLOW, source=right)[:, :, 20:40, 8:12].mean(dim=(1, 2, 3))
    assert edge.sum() > other.sum() + 0.1


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (17, 9), (40, 64)])
@pytest.mark.parametrize("overlap", [1, 2, 5])
def test_any_overlap_of_any_size_is_joined(size: tuple[int, int], overlap: int) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.rand(2, overlap, 3, *size, generator=generator)
    joined = fuse(left, right, FLOW, source=left)
    assert joined.shape == left.shape
    assert joined.isfinite().all()
    assert 0 <= joined.min() <= joined.max() <= 1


def test_versions_of_unlike_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        fuse(torch.zeros(2, 3, 8, 8), torch.zeros(3, 3, 8, 8), FLOW)


def run(chunks: list[tuple[Tensor, int, int]], source: Tensor | None = None) -> list[Tensor]:
    join, start, out = ChunkJoin(FLOW), 0, []
    for frames, before, after in chunks:
        start -= before
        out.append(join.add(frames, before, after, None if source is None else source[start : start + len(frames)]))
        start += len(frames)
    return out


def test_a_shot_of_one_chunk_passes_bit_by_bit(clip: Tensor) -> None:
    (out,) = run([(clip, 0, 0)], clip)
    assert torch.equal(out, clip)


def test_every_frame_comes_out_once_and_as_soon_as_it_is_finished(clip: Tensor) -> None:
    chunks = [(clip[:4], 0, 2), (clip[2:5], 2, 2), (clip[3:6], 2, 0)]
    out = run(chunks)
    assert [len(part) for part in out] == [2, 1, 3]
    assert (torch.cat(out) - clip).abs().max() < 0.01


def test_frames_outside_overlaps_of_the_first_chunk_are_left_alone(clip: Tensor) -> None:
    out = run([(clip[:4], 0, 1), (textured(clip[3:], 3), 1, 0)])
    assert torch.equal(out[0], clip[:3])


def test_a_chunk_in_another_colour_takes_the_shot_s(clip: Tensor) -> None:
    calm = clip * 0.6 + 0.2
    tinted = calm[3:] * 1.15 - 0.1
    out = torch.cat(run([(calm[:5], 0, 2), (tinted, 2, 0)], clip))
    assert (out - calm).abs().mean() < 1 / 255
    assert apart(tinted, calm[3:]) > 5 / 255


def test_a_chunk_is_held_to_the_first_that_was_steered_alike(clip: Tensor) -> None:
    """A person makes the middle lighter: it stays so, the end is as the beginning, and seams add up in neither."""
    source, light, seam = (clip[:1] * 0.6 + 0.2).expand(20, -1, -1, -1), torch.zeros(20, 1, 1, 1), 1.5 / 255
    light[7:14] = 0.1
    look, off = source + light, []
    for told in (True, False):
        join, made = ChunkJoin(FLOW), []
        for start in range(19):
            chunk, lit = look[start : start + 2] + torch.tensor([0, seam]).view(2, 1, 1, 1), light[start : start + 2]
            steered = () if not told else None if lit[0] != lit[1] else float(lit[0])
            made.append(join.add(chunk, int(start > 0), int(start < 18), source[start : start + 2], steered))
        off.append(float((torch.cat(made) - look).mean(dim=(1, 2, 3)).abs().max()))
    assert off[0] < 6.5 / 255  # four chunks: the first of either kind, and those in which it changes
    assert off[1] > 12 / 255


def test_the_same_chunks_give_the_same_frames(clip: Tensor) -> None:
    chunks = [(textured(clip[:4], 1), 0, 2), (textured(clip[2:], 2), 2, 0)]
    before = [frames.clone() for frames, _, _ in chunks]
    first, second = (torch.cat(run(chunks, clip)) for _ in range(2))
    assert torch.equal(first, second)
    assert all(torch.equal(frames, kept) for (frames, _, _), kept in zip(chunks, before, strict=True))


def test_chunks_without_overlap_are_put_side_by_side(clip: Tensor) -> None:
    out = run([(clip[:3], 0, 0), (clip[3:], 0, 0)])
    assert torch.equal(torch.cat(out), clip)


def test_overlaps_that_do_not_fit_are_refused(clip: Tensor) -> None:
    with pytest.raises(ValueError, match="share 2"):
        ChunkJoin(FLOW).add(clip, 2, 0)
    join = ChunkJoin(FLOW)
    join.add(clip, 0, 3)
    with pytest.raises(ValueError, match="which gave 3"):
        join.add(clip, 2, 0)


def test_alike_blurs_do_not_darken_the_border(clip: Tensor) -> None:
    flat = torch.full((2, 3, 30, 30), 0.5)
    assert torch.allclose(fuse(flat, flat, FLOW), flat, atol=1e-4)
    assert F.l1_loss(fuse(flat, flat + 0.1, FLOW)[0], flat[0] + 0.1 / 3) < 2e-3
