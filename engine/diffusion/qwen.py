"""Words to what a Cosmos model reads: a language model that chats, all of whose layers are read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.setup import Setup
from engine.diffusion.t5 import Words, load_tokenizer
from engine.errors import ModelError

TOLD = "You are a helpful assistant who will provide prompts to an image generator."
"""What the assistant is told before each prompt: its models were trained on answers to just this."""
MOST = 512


class ChatWords(Words):
    """A chat of one prompt, `[1, most, layers * d]`: every layer's answer, each token's of mean 0 and spread 1."""

    def _length(self, prompt: str) -> int:
        return len(self._tokens(prompt))

    def _tokens(self, prompt: str, **changes: Any) -> list[int]:  # noqa: ANN401
        said = {"system": TOLD, "user": prompt}
        chat = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in said.items()]
        told = self.tokenizer.apply_chat_template(chat, tokenize=True, add_vision_id=False, **changes)
        return list(told if isinstance(told, list) else told["input_ids"])

    def _encode(self, prompt: str) -> Tensor:
        padded = self._tokens(prompt, max_length=self.most, truncation=True, padding="max_length")
        ids = torch.tensor([padded], device=self.encoder.device)
        _, *layers = self.encoder.model(ids, output_hidden_states=True).hidden_states
        return torch.cat([_even(layer) for layer in layers], dim=-1)


def _even(layer: Tensor) -> Tensor:
    return (layer - layer.mean(dim=-1, keepdim=True)) / (layer.std(dim=-1, keepdim=True) + 1e-8)


def load(checkpoint: Checkpoint, setup: Setup) -> ChatWords:
    """This loads tokenizer and language model, the latter into the CPU's memory."""
    tokenizer = load_tokenizer(checkpoint)
    if not tokenizer.chat_template:
        raise ModelError(f"The tokenizer of {checkpoint.name} has no chat template.")
    encoder = checkpoint.weights("text_encoder", Qwen2_5_VLForConditionalGeneration, setup.dtype, torch.device("cpu"))
    return ChatWords(tokenizer, encoder, setup.memory, MOST)
