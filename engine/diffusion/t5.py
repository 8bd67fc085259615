"""Words to what a video model reads: an encoder of T5's kind, and its tokenizer."""

from __future__ import annotations

import html
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, UMT5EncoderModel

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.setup import Setup
from engine.errors import ModelError, SettingsError


class Words:
    """A text encoder that is on the model's device only while it reads: it is larger than most models that it serves.

    `most` is how many tokens the model was trained to read; the library cuts off what is longer, without a word. Each
    prompt is read once.
    """

    def __init__(self, tokenizer: Any, encoder: Any, device: torch.device, most: int) -> None:  # noqa: ANN401
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.most = most
        self._device = device
        self._read: dict[str, Tensor] = {}

    def check(self, prompt: str) -> None:
        """This refuses a prompt whose end the model would not see."""
        length = len(self.tokenizer(_cleaned(prompt)).input_ids)
        if length > self.most:
            raise SettingsError(
                f"The prompt has {length} tokens, the model reads {self.most}. Shorten it: {prompt[:60]!r}…"
            )

    def embed(self, prompt: str) -> Tensor:
        """This gives `[1, most, d]`: the encoder's answer; of UMT5 with zeros for padding, as its models learned."""
        if prompt not in self._read:
            padded: Any = {"padding": "max_length", "max_length": self.most, "return_tensors": "pt"}
            tokens = self.tokenizer(_cleaned(prompt), **padded)
            ids, mask = tokens.input_ids.to(self._device), tokens.attention_mask.to(self._device)
            home, encoder = self.encoder.device, self.encoder.to(self._device)
            if isinstance(encoder, UMT5EncoderModel):
                answer = encoder(ids, mask).last_hidden_state * mask[..., None]
            else:
                answer = encoder(ids).last_hidden_state
            encoder.to(home)
            self._read[prompt] = answer
        return self._read[prompt]


def load(checkpoint: Checkpoint, setup: Setup, kind: Any, most: int) -> Words:  # noqa: ANN401 - an encoder's class
    """This loads tokenizer and encoder, the latter into the CPU's memory."""
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint.place("tokenizer"), local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"The model {checkpoint.name} has no tokenizer that can be read: {error}") from error
    encoder = checkpoint.weights("text_encoder", kind, setup.dtype, torch.device("cpu"))
    if encoder.get_input_embeddings().weight.data_ptr() != encoder.shared.weight.data_ptr():
        raise ModelError(f"The text encoder of {checkpoint.name} has lost its words: they are not tied to its weights.")
    return Words(tokenizer, encoder, setup.device, most)


def _cleaned(prompt: str) -> str:
    return " ".join(html.unescape(prompt).split())
