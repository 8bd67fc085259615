"""Words to what LTX-2 reads: Gemma 3, all of whose layers are read, and small nets that make one text of them."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from torch import Tensor
from transformers import Gemma3ForConditionalGeneration

from engine.diffusion.checkpoint import Checkpoint
from engine.diffusion.memory import Ladder
from engine.diffusion.setup import Setup
from engine.diffusion.t5 import Words, load_tokenizer
from engine.errors import ModelError

MOST = 1024


class GemmaWords(Words):
    """Gives `[1, most, d]`: what the connectors make of a prompt, with learned registers in place of padding."""

    def __init__(self, tokenizer: Any, encoder: Any, connectors: Any, memory: Ladder) -> None:  # noqa: ANN401
        super().__init__(tokenizer, encoder, memory, MOST)
        self.connectors = connectors

    def _length(self, prompt: str) -> int:
        return len(self.tokenizer(prompt.strip()).input_ids)

    def _encode(self, prompt: str) -> Tensor:
        device = self.encoder.device
        padded: Any = {"padding": "max_length", "max_length": self.most, "return_tensors": "pt"}
        tokens = self.tokenizer(prompt.strip(), **padded)
        mask = tokens.attention_mask.to(device)
        read = self.encoder.model(tokens.input_ids.to(device), attention_mask=mask, output_hidden_states=True)
        layers = torch.stack(read.hidden_states, dim=-1).flatten(2, 3)
        home, _ = self.connectors.device, self.connectors.to(device)
        text: Tensor = self.connectors(layers, mask, padding_side="left")[0]
        self.connectors.to(home)
        return text


def load(checkpoint: Checkpoint, setup: Setup) -> GemmaWords:
    """This loads tokenizer, language model and connectors, the latter two into the CPU's memory."""
    tokenizer, home = load_tokenizer(checkpoint), torch.device("cpu")
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    encoder = checkpoint.weights("text_encoder", Gemma3ForConditionalGeneration, setup.dtype, home)
    connectors = checkpoint.weights("connectors", LTX2TextConnectors, setup.dtype, home)
    if not connectors.config.video_connector_num_learnable_registers:
        raise ModelError(f"The connectors of {checkpoint.name} have no registers; none such work here.")
    return GemmaWords(tokenizer, encoder, connectors, setup.memory)
