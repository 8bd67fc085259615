"""Chunks on disk come back as they were, to half a step of 10 bits; maps bit by bit."""

from pathlib import Path

import pytest
import torch

from engine.errors import MediaError
from engine.media import in_levels, read_lossless, write_lossless


def noise(count: int, height: int = 45, width: int = 67) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_round_trip_is_exact_to_half_a_step(tmp_path: Path) -> None:
    frames = noise(5)
    write_lossless(tmp_path / "chunk.avi", frames)
    assert (read_lossless(tmp_path / "chunk.avi") - frames).abs().max() <= 0.51 / 1023


def test_second_round_trip_changes_nothing(tmp_path: Path) -> None:
    write_lossless(tmp_path / "first.avi", noise(3))
    once = read_lossless(tmp_path / "first.avi")
    write_lossless(tmp_path / "second.avi", once)
    assert torch.equal(read_lossless(tmp_path / "second.avi"), once)
    assert (tmp_path / "first.avi").read_bytes() == (tmp_path / "second.avi").read_bytes()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(45, 67), (1, 1), (16, 3)])
def test_maps_in_16_bits_come_back_bit_by_bit(tmp_path: Path, channels: int, size: tuple[int, int]) -> None:
    maps = in_levels(noise(4, *size)[:, :channels])
    write_lossless(tmp_path / "maps.avi", maps, bits=16)
    assert torch.equal(read_lossless(tmp_path / "maps.avi"), maps)


def test_any_window_of_a_chunk_can_be_read(tmp_path: Path) -> None:
    write_lossless(tmp_path / "chunk.avi", noise(70, 16, 16))
    frames = read_lossless(tmp_path / "chunk.avi")
    assert frames.shape[0] == 70
    for start, stop in ((0, 1), (3, 9), (55, 70), (69, 70), (20, None)):
        assert torch.equal(read_lossless(tmp_path / "chunk.avi", start, stop), frames[start:stop])


def test_values_beyond_the_range_are_clipped(tmp_path: Path) -> None:
    write_lossless(tmp_path / "chunk.avi", torch.tensor([-1.0, 2.0, 0.5]).view(1, 3, 1, 1).expand(1, 3, 16, 16))
    assert read_lossless(tmp_path / "chunk.avi").amin() == 0
    assert read_lossless(tmp_path / "chunk.avi").amax() == 1


def test_missing_frames_are_an_error(tmp_path: Path) -> None:
    write_lossless(tmp_path / "chunk.avi", noise(4))
    with pytest.raises(MediaError, match="damaged"):
        read_lossless(tmp_path / "chunk.avi", 2, 9)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 channels of 10 bits cannot be kept"):
        write_lossless(tmp_path / "chunk.avi", torch.zeros(2, 4, 16, 16))
    with pytest.raises(RuntimeError):  # a tensor without values: the file has been begun by then
        write_lossless(tmp_path / "chunk.avi", torch.zeros(2, 3, 16, 16, device="meta"))
    assert list(tmp_path.iterdir()) == []
