"""Reference pictures for AnimateDiff, by an IP-Adapter (arXiv 2308.06721): beside the words, attention sees pictures.

What it sees of a picture is drawn once, by CLIP's image encoder. The UNet wears the adapter only while a run has
pictures: an adapter without any would take the last words of the prompt for one, without a word from the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.memory import Ladder
from engine.diffusion.row import SEEING, Row
from engine.diffusion.sampling import Sampler
from engine.diffusion.stylizer import Reference
from engine.errors import ModelError, in_a_line

MOST = 4
"""Pictures at once. Each has attention of its own, so that each has its own weight."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Worn:
    """An adapter for some pictures, and what it sees of them: each `[2, 1, ...]`, of nothing and of the picture."""

    pictures: tuple[Tensor, ...]
    seen: list[Tensor]
    processors: dict[str, Any]
    projection: nn.Module

    @property
    def nets(self) -> list[nn.Module]:
        """All that it adds to the UNet."""
        return [self.projection, *(part for part in self.processors.values() if isinstance(part, nn.Module))]

    def fits(self, pictures: Sequence[Tensor]) -> bool:
        """Whether it is for just these pictures."""
        return len(pictures) == len(self.pictures) and all(map(torch.equal, pictures, self.pictures))


class IpAdapter:
    """The adapter of a checkpoint: one file, `ip_adapter`, beside the `image_encoder` that it was trained with."""

    def __init__(self, checkpoint: Checkpoint, row: Row, sampler: Sampler, memory: Ladder) -> None:
        self._checkpoint = checkpoint
        self._row = row
        self._sampler = sampler
        self._memory = memory
        self._worn: Worn | None = None

    @property
    def most(self) -> int:
        """How many pictures can be shown: none where the adapter is not here."""
        return MOST if all(map(self._checkpoint.has, SEEING)) else 0

    def check(self, references: Sequence[Reference]) -> None:
        """This refuses references for an adapter that has not been fetched with the model, and says how it is."""
        if references and self._row.takes.references and not self.most:
            name = self._row.name
            raise ModelError(
                f"The part of {name} that sees reference pictures is not here. Fetch it: restyle models --pull {name}"
            )

    @property
    def nets(self) -> list[nn.Module]:
        """All that is loaded of it."""
        return self._worn.nets if self._worn else []

    def show(self, references: Sequence[Reference]) -> None:
        """This has it see pictures, once for as long as they stay the same. A part that does not fit is an error."""
        pictures = tuple(reference.picture for reference in references)
        if pictures and not (self._worn and self._worn.fits(pictures)):
            file = _file(self._checkpoint.place("ip_adapter"))
            try:
                self._worn = self._see(file, pictures)
            except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
                raise ModelError(
                    f"The IP-Adapter {file} does not fit {self._checkpoint.name}: {in_a_line(error)}. Take the one for "
                    "its kind of Stable Diffusion, with the image encoder that it was trained with."
                ) from error

    @contextmanager
    def worn(self, references: Sequence[Reference], guided: bool) -> Iterator[dict[str, Any]]:
        """This has the UNet wear it, each picture at its weight, and gives what the sampling loop must be told."""
        if not references:
            yield {}
            return
        self.show(references)
        assert self._worn is not None
        unet, worn = self._sampler.unet, self._worn
        with self._memory.present(*worn.nets):
            unet.set_attn_processor(dict(worn.processors))
            unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = worn.projection, "ip_image_proj"
            self._sampler.set_ip_adapter_scale([reference.weight for reference in references])
            try:
                yield {"ip_adapter_image_embeds": [seen if guided else seen[1:] for seen in worn.seen]}
            finally:
                self._sampler.unload_ip_adapter()

    @torch.no_grad()
    def _see(self, file: Path, pictures: tuple[Tensor, ...]) -> Worn:
        """This loads the adapter once for each picture, and encodes them on the CPU: it takes seconds, and no GPU."""
        sampler, several = self._sampler, len(pictures)
        encoder = self._checkpoint.weights("image_encoder", CLIPVisionModelWithProjection, torch.float32, CPU)
        sampler.register_modules(image_encoder=encoder)
        try:
            where = {"subfolder": [""] * several, "weight_name": [file.name] * several}
            sampler.load_ip_adapter(
                [str(file.parent)] * several,
                **where,
                image_encoder_folder=None,
                local_files_only=True,
                low_cpu_mem_usage=False,
            )
            unet = sampler.unet
            seen = self._encode(pictures)
            projection, unet.encoder_hid_proj = unet.encoder_hid_proj, None  # it may have attention of its own
            worn = Worn(pictures, seen, unet.attn_processors, projection)
            _check_all_used(file, worn)
            projection([one.to(unet.device, unet.dtype) for one in seen])  # one for another encoder is found here
            return worn
        finally:
            sampler.unload_ip_adapter()

    def _encode(self, pictures: tuple[Tensor, ...]) -> list[Tensor]:
        sampler = self._sampler
        # Not by the pipeline: it would take values of 0 to 1 for bytes, and see nothing but black.
        eye: Any = sampler.feature_extractor
        shown = [eye(picture, do_rescale=False, return_tensors="pt").pixel_values for picture in pictures]
        seen: list[Tensor] = sampler.prepare_ip_adapter_image_embeds(shown, None, CPU, 1, True)
        return seen


def _file(place: Path) -> Path:
    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(f"{place} must hold one IP-Adapter in safetensors; it holds {len(files)}.")
    return files[0]


def _check_all_used(file: Path, worn: Worn) -> None:
    """This refuses adapters for larger models, or with weights of kinds that would be passed over."""
    with safe_open(file, framework="pt") as weights:
        given = sum(name.startswith("ip_adapter.") for name in weights.keys())  # noqa: SIM118 - no mapping
    used = 2 * sum(isinstance(part, nn.Module) for part in worn.processors.values())
    if given != used:
        raise ValueError(f"it has {given} weights for attention, the UNet takes {used}")
