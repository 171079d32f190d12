"""Loops of PyTorch: channels last, autocast for bfloat16, fused SGD.

Variants: "eager" is not compiled. "compile" is compiled, with frozen weights in
inference. "cast" converts the weights to bfloat16 in advance. "2 processes" each have
half of the batch and of the cores, and average their gradients.
"""

import os
from typing import Any

import torch
from harness.serve import Work, serve
from peers.torch_networks import build
from torch import nn
from torch.nn import functional


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop for the fields of a `Loop`."""
    torch.manual_seed(0)
    processes = spec["processes"]
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // processes))
    model = build(spec["model"]).to(memory_format=torch.channels_last)
    facts = {
        "amount": spec["batch"],
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__},
    }
    images = torch.randn(spec["batch"] // processes, 3, 32, 32)
    images = images.to(memory_format=torch.channels_last)
    loops = {"train": _training, "inference": _inference}
    return loops[spec["work"]](spec, model, images), facts


def _training(spec: dict[str, Any], model: nn.Module, images: torch.Tensor):
    labels = torch.randint(10, (len(images),))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, fused=True
    )
    if spec["processes"] > 1:
        model = _distributed(spec, model)
    if spec["variant"] == "compile":
        model = torch.compile(model)

    def run(steps: int) -> None:
        for _ in range(steps):
            with _autocast(spec):
                logits = model(images)
            loss = functional.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()

    return run


def _inference(spec: dict[str, Any], model: nn.Module, images: torch.Tensor):
    model.eval()
    autocast = _autocast(spec)
    if spec["variant"] == "cast":
        model, images = model.bfloat16(), images.bfloat16()
        autocast = torch.autocast("cpu", enabled=False)
    if spec["variant"] == "compile":
        import torch._inductor.config as inductor

        inductor.freezing = True
        model = torch.compile(model)

    @torch.no_grad()
    def run(steps: int) -> None:
        with autocast:
            for _ in range(steps):
                logits = model(images)
        logits.float().sum().item()

    return run


def _autocast(spec: dict[str, Any]) -> torch.autocast:
    enabled = spec["precision"] == "bfloat16"
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def _distributed(spec: dict[str, Any], model: nn.Module) -> nn.Module:
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{spec['meeting']}",
        rank=spec["rank"],
        world_size=spec["processes"],
    )
    return nn.parallel.DistributedDataParallel(model)


if __name__ == "__main__":
    serve(make)
