#!/usr/bin/env python3
"""Trains a small network and exports it so that each layer runs as one packed variant.

Usage: export.py [--out FOLDER] [VARIANT...]      (all five variants unless said)

Each variant becomes a model folder: model.pte, meta.json, and two cases of inputs with the outputs
that PyTorch gives for what was exported, one of a single image and one of many. `switchyard check
FOLDER` compares; `switchyard explain FOLDER/VARIANT/model.pte --cpu sme2` says what each layer runs
on. The README tells the recipes, and what can go wrong.
"""

import argparse
import copy
import json
import pathlib

import numpy
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer, get_symmetric_quantization_config)
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.granularity import PerAxis, PerGroup
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.quant_api import Int8DynamicActivationIntxWeightConfig, quantize_
from torchao.utils import unwrap_tensor_subclass

SIDE = 12
LARGEST_BATCH = 512


# ---- What is learnt: seven-segment digits, shifted, scaled and noisy ----

def draw(segments):
    image = torch.zeros(9, 6)
    for name in segments:
        rows, columns = {"a": ((0, 1), (0, 6)), "b": ((0, 5), (5, 6)), "c": ((4, 9), (5, 6)),
                         "d": ((8, 9), (0, 6)), "e": ((4, 9), (0, 1)), "f": ((0, 5), (0, 1)),
                         "g": ((4, 5), (0, 6))}[name]
        image[slice(*rows), slice(*columns)] = 1
    return image


DIGITS = [draw(segments) for segments in ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc",
                                          "abc", "abcdefg", "abcdfg")]


def digits(count, generator):
    """Images [count, 1, SIDE, SIDE] and what they show."""
    labels = torch.randint(10, (count,), generator=generator)
    images = torch.zeros(count, 1, SIDE, SIDE)
    rows = torch.randint(SIDE - 9 + 1, (count,), generator=generator)
    columns = torch.randint(SIDE - 6 + 1, (count,), generator=generator)
    for image, label, row, column in zip(images, labels, rows, columns):
        image[0, row:row + 9, column:column + 6] = DIGITS[label]
    images *= 0.5 + torch.rand(count, 1, 1, 1, generator=generator)
    images += 0.15 * torch.randn(images.shape, generator=generator)
    return images, labels


# ---- The networks ----

class Perceptron(torch.nn.Module):
    """Linear layers only: dynamic quantization has no packed kernel for convolutions."""

    epochs = 12

    def __init__(self):
        super().__init__()
        # Depths (144 padded to 160, 128) are multiples of 32, the group size of int4 weights.
        self.pad = 160 - SIDE * SIDE
        self.first = torch.nn.Linear(160, 128)
        self.last = torch.nn.Linear(128, 10)

    def forward(self, images):
        flat = torch.nn.functional.pad(torch.flatten(images, 1), (0, self.pad))
        return self.last(torch.relu(self.first(flat)))


class Convolutions(torch.nn.Module):
    epochs = 5

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(1, 16, 3, padding=1)
        self.second = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.last = torch.nn.Linear(32 * (SIDE // 2) ** 2, 10)

    def forward(self, images):
        features = torch.relu(self.second(torch.relu(self.first(images))))
        return self.last(torch.flatten(features, 1))


def train(network, images, labels):
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(network.epochs):
        for start in range(0, len(images), 64):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images[start:start + 64]),
                                                     labels[start:start + 64])
            loss.backward()
            optimizer.step()
    return network.eval()


# ---- The recipes: trained network and images -> what is exported, what its answers are compared
# with, and the images in the type it takes ----

def export(module, images):
    """With any batch up to LARGEST_BATCH."""
    return torch.export.export(
        module, (images[:2],),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH)},))


def plain(network, images):
    return network, network, images


def half(network, images):
    # Weights and inputs: a layer whose input is f32 and whose weights are f16 is not exported.
    network, images = network.half(), images.half()
    # Of the same weights, but without the rounding of PyTorch's own f16 kernels.
    reference = copy.deepcopy(network).float()
    return network, lambda inputs: reference(inputs.float()).half(), images


def static_int8(network, images):
    quantizer = XNNPACKQuantizer().set_global(
        get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(export(network, images).module(), quantizer)
    # The observers take the ranges of activations from what they see here.
    prepared(images)
    converted = convert_pt2e(prepared)
    return converted, converted, images


def dynamic(weights, granularity):
    def recipe(network, images):
        # Activations are quantized per row at run time; this changes the Linear layers' weights.
        quantize_(network, Int8DynamicActivationIntxWeightConfig(weight_dtype=weights,
                                                                 weight_granularity=granularity))
        unwrap_tensor_subclass(network)
        return network, network, images
    return recipe


# Variant: network, recipe, tolerance in units of the largest output. Stock f16 kernels add up in f16:
# 2^-11 times the root of the depth, 1152. An int8 activation that rounds the other way moves all that
# read it by a step.
VARIANTS = {
    "pf32": (Convolutions, plain, 1e-5),
    "pf16": (Convolutions, half, 1 / 64),
    "qp8_f32_qc8w": (Perceptron, dynamic(torch.int8, PerAxis(0)), 1 / 64),
    "pqs8_qc8w": (Convolutions, static_int8, 3 / 255),
    "qp8_f32_qb4w": (Perceptron, dynamic(torch.int4, PerGroup(32)), 1 / 64),
}


def lower(exported):
    """The program. The partitioner gives the backend all nodes that it can."""
    # Where PyTorch may choose oneDNN or NNPACK for a convolution, the choice asks whether the batch is
    # below 16, and the answer for the example becomes the bound of all batches.
    with torch.backends.mkldnn.flags(enabled=False), torch.backends.nnpack.flags(enabled=False):
        return to_edge_transform_and_lower(exported,
                                           partitioner=[XnnpackPartitioner()]).to_executorch()


def write(folder, variant, program, reference, images, labels, tolerance):
    """The model folder of `program`: `images`, one and all, and what `reference` answers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pte").write_bytes(program.buffer)
    largest = correct = 0
    cases = [slice(0, 1), slice(0, len(images))]
    for number, part in enumerate(cases):
        case = folder / f"case{number}"
        case.mkdir(exist_ok=True)
        with torch.no_grad():
            outputs = reference(images[part])
        largest = max(largest, float(outputs.abs().max()))
        correct = int((outputs.argmax(1) == labels[part]).sum())
        numpy.save(case / "input_0.npy", images[part].numpy())
        numpy.save(case / "expected_0.npy", outputs.numpy())
        numpy.save(case / "labels.npy", labels[part].numpy())
    meta = {
        "name": variant,
        "rtol": 0.0,
        "atol": tolerance * largest,
        "task": "digits",
        "cases": [{"method": "forward", "layouts": [[0, 1, 2, 3]]} for _ in cases],
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    print(f"{folder}: {correct} of {len(images)} digits right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("exported"))
    parser.add_argument("variants", nargs="*", metavar="VARIANT", default=[],
                        help=" ".join(VARIANTS))
    arguments = parser.parse_args()
    unknown = set(arguments.variants) - set(VARIANTS)
    if unknown:
        parser.error(f"variants {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}")
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    images, labels = digits(2048, generator)
    held_out, truth = digits(360, generator)
    trained = {}
    for variant in arguments.variants or VARIANTS:
        network, recipe, tolerance = VARIANTS[variant]
        if network not in trained:
            trained[network] = train(network(), images, labels)
        module, reference, inputs = recipe(copy.deepcopy(trained[network]), held_out)
        program = lower(export(module, inputs))
        write(arguments.out / variant, variant, program, reference, inputs, truth, tolerance)


if __name__ == "__main__":
    main()
