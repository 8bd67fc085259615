"""Words to what a video model reads: an encoder of T5's kind, and its tokenizer."""

from __future__ import annotations

import html
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, UMT5EncoderModel

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.memory import Ladder
from engine.diffusion.setup import Setup
from engine.errors import ModelError, SettingsError


class Words:
    """A text encoder that is on the model's device only while it reads: it is larger than most models that it serves.

    `most` is how many tokens the model was trained to read; the library cuts off what is longer, without a word. Each
    prompt is read once.
    """

    def __init__(self, tokenizer: Any, encoder: Any, memory: Ladder, most: int) -> None:  # noqa: ANN401
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.most = most
        self._memory = memory
        self._read: dict[str, Tensor] = {}

    def check(self, prompt: str) -> None:
        """This refuses a prompt whose end the model would not see."""
        length = self._length(prompt)
        if length > self.most:
            raise SettingsError(
                f"The prompt has {length} tokens, the model reads {self.most}. Shorten it: {prompt[:60]!r}…"
            )

    def embed(self, prompt: str) -> Tensor:
        """This gives `[1, most, d]`, what a prompt says to the denoiser."""
        if prompt not in self._read:
            home, _ = self.encoder.device, self.encoder.to(self._memory.reading)
            self._read[prompt] = self._encode(prompt)
            self.encoder.to(home)
        return self._read[prompt]

    def _length(self, prompt: str) -> int:
        return len(self.tokenizer(_cleaned(prompt)).input_ids)

    def _encode(self, prompt: str) -> Tensor:
        """The encoder's answer; of UMT5 with zeros for padding, as its models learned."""
        padded: Any = {"padding": "max_length", "max_length": self.most, "return_tensors": "pt"}
        tokens = self.tokenizer(_cleaned(prompt), **padded)
        ids, mask = tokens.input_ids.to(self._memory.reading), tokens.attention_mask.to(self._memory.reading)
        masked = isinstance(self.encoder, UMT5EncoderModel)
        answer: Tensor = (self.encoder(ids, mask) if masked else self.encoder(ids)).last_hidden_state
        return answer * mask[..., None] if masked else answer


def load(checkpoint: Checkpoint, setup: Setup, kind: Any, most: int) -> Words:  # noqa: ANN401 - an encoder's class
    """This loads tokenizer and encoder, the latter into the CPU's memory."""
    tokenizer = load_tokenizer(checkpoint)
    encoder = checkpoint.weights("text_encoder", kind, setup.dtype, torch.device("cpu"))
    if encoder.get_input_embeddings().weight.data_ptr() != encoder.shared.weight.data_ptr():
        raise ModelError(f"The text encoder of {checkpoint.name} has lost its words: they are not tied to its weights.")
    return Words(tokenizer, encoder, setup.memory, most)


def load_tokenizer(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - tokenizers share no typed base
    """This loads the tokenizer, of whichever kind it is."""
    try:
        return AutoTokenizer.from_pretrained(checkpoint.place("tokenizer"), local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"The model {checkpoint.name} has no tokenizer that can be read: {error}") from error


def _cleaned(prompt: str) -> str:
    return " ".join(html.unescape(prompt).split())
