"""The bench of real sizes: its models are as large as it says, it runs anywhere, and tells what it has not measured."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import gpu, real_size
from engine.diffusion import catalog
from engine.diffusion.setup import Setup


def test_the_nets_are_as_large_as_those_that_are_fetched() -> None:
    sizes = {part.component: part.size for part in catalog.find("animatediff").parts}
    with torch.device("meta"):
        for name, make in real_size.SD15.items():
            assert 2e-9 * sum(p.numel() for p in make().parameters()) == pytest.approx(sizes[name], abs=0.01)
        sizes = {part.component: part.size for part in catalog.find("wan-vace-1.3b").parts}
        wan = sum(p.numel() for p in real_size.WAN["vae"]().parameters())
        assert 4e-9 * wan == pytest.approx(sizes["vae"], abs=0.01)
        # Its base is kept in full precision, what it was taught of controls in half.
        weights = dict(real_size.WAN["transformer"]().named_parameters())
        kept = sum(p.numel() * (2 if name.startswith("vace") else 4) for name, p in weights.items())
        assert 1e-9 * kept == pytest.approx(sizes["transformer"], abs=0.01)


@pytest.mark.parametrize("model", ["sd15", "wan"])
def test_it_runs_on_any_machine_and_says_what_it_has_not_measured(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        gpu.main(["--tiny", "--device", "cpu", "--model", model, "--steps", "1", "--repeat", "1", "--frames", "12"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "a processor, where memory, bfloat16 and what waits elsewhere are not measured" in said
    assert said.count("memory not measured") == 4
    assert "not judged here" in said
    (found,) = json.loads(said.splitlines()[-1])["models"]
    assert min(found[who]["whole"] for who in ("ours", "plain")) > 0
    assert [(job["memory"], job["frames"]) for job in found["jobs"]] == [("high", 12), ("low", 12)]
    assert found["jobs"][0]["plan"] == ["on cpu: a whole window is computed at once"]
    assert found["jobs"][1]["plan"] == ["on cpu: as little is computed at once as can be"]


def test_compiled_blocks_are_measured_where_a_net_has_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What compiles is left out: it takes minutes."""
    asked: list[dict[str, Any]] = []
    net = "diffusers.WanVACETransformer3DModel.compile_repeated_blocks"
    monkeypatch.setattr(net, lambda _, **how: asked.append(how))
    with pytest.raises(SystemExit):
        gpu.main(["--tiny", "--device=cpu", "--model=wan", "--steps=1", "--repeat=1", "--frames=9", "--compile"])
    assert asked == [{"dynamic": True}]
    said = capsys.readouterr().out
    assert "the same bits after another length" in said
    (found,) = json.loads(said.splitlines()[-1])["models"]
    assert found["compiled"]["same bits"]
    assert found["compiled"]["first run"] > 0


@pytest.mark.parametrize(("ratio", "status"), [(1.05, 0), (1.06, 1)])
def test_on_a_gpu_a_step_that_costs_too_much_ends_with_one(
    ratio: float, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(*_: Any) -> dict[str, Any]:
        return {"ratio": ratio}

    monkeypatch.setattr(gpu, "measure", measured)
    monkeypatch.setattr("benchmarks.gpu.Setup.of", lambda _: Setup(torch.device("cuda"), torch.bfloat16))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
    with pytest.raises(SystemExit) as ended:
        gpu.main(["--model", "wan"])
    assert ended.value.code == status
    assert "a card, torch" in capsys.readouterr().out


def test_a_steps_seconds_are_what_more_steps_take_more() -> None:
    clock = iter([0.0, 5.0, 5.0, 14.0])  # two steps in five seconds, six in nine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.gpu.time.perf_counter", lambda: next(clock))
        asked: list[int] = []
        cost = gpu.cost(asked.append, torch.device("cpu"), steps=4, repeat=1)
    assert asked == [2, 2, 6]
    assert (cost.step, cost.whole, cost.peak) == (1.0, 9.0, None)
