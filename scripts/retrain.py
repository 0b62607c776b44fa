#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Retrains an ONNX model of Quern's for int8: weights, biases and thresholds, by fake quantisation.

    apt-get install python3-torch python3-onnx dataset-fashion-mnist
    quern calibrate -o fashion.cal
    scripts/retrain.py quant/model/fashion.onnx fashion.cal --out retrained
    quern accuracy --calibration=fashion.cal --retrained=retrained
    quern run retrained.onnx --calibration=retrained.cal

Starts from the thresholds of a calibration file. In the forward pass weights and tensors take the
values that they have in Quern's int8 network: weights rounded to 127ths of the largest of their
output channel, tensors to 127ths of their threshold, or to 255ths where they cannot be negative.
Backwards, rounding counts as the identity (straight-through estimator), and a threshold learns from
what is clipped and what is rounded (LSQ, Esser et al. 2020: its gradient is divided by the square
root of the number of values times levels). Thresholds are learnt as logarithms, so that they stay
positive.

The teacher is the float model that one starts from: the loss is the KL divergence of its classes
and the student's, so that what comes back is what rounding took, not what more training would give.
With --loss=labels it is the cross entropy with the labels.

An epoch prints the loss, the top-1 on training images that were set aside (the test set decides
nothing), how far thresholds have moved in all (mean of |log2|, and the one that moved most), and
how many values are clipped. Top-1 that falls, or thresholds that still move at the end, say that
the learning rate is too high.
"""
import argparse
import math
import sys
import time

import numpy as np
import onnx
from onnx import helper, numpy_helper
import torch
from torch import nn
from torch.nn import functional as F

from train_fashion import MEAN, NORM, augment, learning_rate, load

LEVELS, LEVELS_POSITIVE = 127, 255
KEEPS_SCALE = ("MaxPool", "Flatten")


class Step:
    """One operator as it runs, batch normalisation and activation folded into it."""

    def __init__(self, node):
        self.node, self.name, self.op = node, node.name, node.op_type
        self.inputs, self.output = list(node.input[:1]), node.output[0]
        if self.op == "Add":
            self.inputs = list(node.input)
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        self.lo, self.hi = -math.inf, math.inf
        self.weight = self.bias = None


def fold_norm(step, constant, node):
    """w' = w * gain / deviation, b' = (b - mean) * gain / deviation + shift."""
    gain, shift, mean, variance = (constant(name) for name in node.input[1:5])
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    factor = gain / np.sqrt(variance.astype(np.float64) + epsilon)
    step.weight = (step.weight * factor.reshape(-1, 1, 1, 1)).astype(np.float32)
    step.bias = ((step.bias - mean) * factor + shift).astype(np.float32)


class Reader:
    """An ONNX graph as a list of steps."""

    def __init__(self, graph):
        self.values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.steps, self.by_output = [], {}
        for node in graph.node:
            if node.op_type != "Constant":
                self.take(node)

    def take(self, node):
        kind = node.op_type
        before = self.by_output.get(node.input[0])
        if kind == "BatchNormalization" and before and before.op == "Conv":
            fold_norm(before, self.values.__getitem__, node)
        elif kind in ("Relu", "Clip") and before and before.op in ("Conv", "Gemm", "Add"):
            limits = [float(self.values[n]) for n in node.input[1:3]]
            before.lo, before.hi = limits if kind == "Clip" else (0.0, math.inf)
        elif kind in ("Conv", "Gemm", "Add", "GlobalAveragePool") + KEEPS_SCALE:
            self.steps.append(self.step_of(node))
            before = self.steps[-1]
        else:
            sys.exit(f"node {node.name}: {kind} cannot be retrained where it stands; there are "
                     "Conv, Gemm, Add, MaxPool, GlobalAveragePool, Flatten, with "
                     "BatchNormalization, Relu and Clip behind them")
        self.by_output[node.output[0]] = before
        before.output = node.output[0]

    def step_of(self, node):
        step = Step(node)
        if step.op == "Gemm" and not step.attributes.get("transB"):
            sys.exit(f"node {step.name}: a Gemm without transB")
        if step.op in ("Conv", "Gemm"):
            step.weight = self.values[node.input[1]].astype(np.float32)
            step.bias = np.zeros(len(step.weight), np.float32)
            if len(node.input) > 2:
                step.bias = self.values[node.input[2]].astype(np.float32)
        return step


def straight_round(x):
    return x + (x.round() - x).detach()


def scale_gradient(x, factor):
    return x * factor + (x - x * factor).detach()


class Student(nn.Module):
    """The steps, in float or as int8 rounds them."""

    def __init__(self, steps, source, thresholds):
        super().__init__()
        self.steps, self.source = steps, source
        self.owner = self.find_owners(thresholds)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        self.index = {}
        for step in steps:
            if step.weight is not None:
                self.index[step.name] = len(self.weights)
                self.weights.append(nn.Parameter(torch.from_numpy(step.weight.copy())))
                self.biases.append(nn.Parameter(torch.from_numpy(step.bias.copy())))
        rounding = [s for s in steps[:-1] if s.op not in KEEPS_SCALE]
        self.names = sorted({self.owner[s.name] for s in rounding} | {source})
        missing = [n for n in self.names if n not in thresholds]
        if missing:
            sys.exit(f"the calibration has no threshold for {missing[0]}: it is of another model")
        self.logs = nn.ParameterList(
            nn.Parameter(torch.tensor(math.log(thresholds[n]))) for n in self.names)
        self.clipped = self.counted = 0

    def find_owners(self, thresholds):
        """Whose threshold a tensor has: that of its only reader, where the reader keeps scales (and
        has not been dropped, as the flatten of a vector is)."""
        owner = {}
        for step in reversed(self.steps):
            readers = [r for r in self.steps if step.output in r.inputs]
            keeps = (len(readers) == 1 and readers[0].op in KEEPS_SCALE
                     and readers[0].name in thresholds)
            owner[step.name] = owner[readers[0].name] if keeps else step.name
        return owner

    def threshold(self, name):
        return self.logs[self.names.index(name)].exp()

    def round_tensor(self, x, name, positive):
        levels = LEVELS_POSITIVE if positive else LEVELS
        threshold = scale_gradient(self.threshold(name), 1 / math.sqrt(x[0].numel() * levels))
        q = x / (threshold / levels)
        clamped = q.clamp(0 if positive else -levels, levels)
        self.clipped += (q.detach().abs() > levels + 0.5).sum().item()
        self.counted += q.numel()
        return straight_round(clamped) * (threshold / levels)

    def round_weights(self, w):
        largest = w.detach().abs().flatten(1).amax(1).clamp(min=1e-30)
        scale = (largest / LEVELS).view(-1, *[1] * (w.dim() - 1))
        return straight_round(w / scale) * scale

    def run(self, step, inputs, quantised):
        if step.op in ("Conv", "Gemm"):
            i = self.index[step.name]
            w = self.round_weights(self.weights[i]) if quantised else self.weights[i]
            if step.op == "Gemm":
                return F.linear(inputs[0], w, self.biases[i])
            a = step.attributes
            pads = a.get("pads", [0, 0, 0, 0])
            x = F.pad(inputs[0], (pads[1], pads[3], pads[0], pads[2]))
            return F.conv2d(x, w, self.biases[i], a.get("strides", 1), 0, a.get("dilations", 1),
                            a.get("group", 1))
        if step.op == "Add":
            return inputs[0] + inputs[1]
        if step.op == "MaxPool":
            return F.max_pool2d(inputs[0], step.attributes["kernel_shape"],
                                step.attributes.get("strides"))
        if step.op == "GlobalAveragePool":
            return F.adaptive_avg_pool2d(inputs[0], 1)
        return inputs[0].flatten(1)

    def forward(self, x, quantised=True):
        last = self.steps[-1]
        tensors = {self.source: self.round_tensor(x, self.source, False) if quantised else x}
        positive = {self.source: False}
        for step in self.steps:
            y = self.run(step, [tensors[i] for i in step.inputs], quantised).clamp(step.lo, step.hi)
            passes = step.op in KEEPS_SCALE + ("GlobalAveragePool", "Add")
            positive[step.output] = step.lo >= 0 or (passes and all(positive[i]
                                                                    for i in step.inputs))
            if quantised and step is not last and step.op not in KEEPS_SCALE:
                y = self.round_tensor(y, self.owner[step.name], positive[step.output])
            tensors[step.output] = y
        return tensors[last.output]


def read_calibration(path):
    """Its lines, and the threshold of every tensor."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    if not lines or lines[0] != "quern calibration 1":
        sys.exit(f"{path}: not a calibration of 'quern calibrate -o FILE'")
    if any(line.startswith(("factors ", "biases ")) for line in lines):
        sys.exit(f"{path}: made with --equalise or --correct-bias; retraining begins without them")
    words = [line.split(" ", 9) for line in lines if line.startswith("tensor ")]
    return lines, {w[9]: float(w[1]) for w in words}


def write_calibration(path, lines, student):
    """The same lines with other thresholds; what was measured of the old ones goes."""
    with open(path, "w", encoding="utf-8") as f:
        for line in lines:
            words = line.split(" ", 9)
            name = student.owner.get(words[-1], words[-1])
            if words[0] == "tensor" and name in student.names:
                threshold = student.threshold(name).item()
                line = f"tensor {threshold:.9g} {words[2]} {words[3]} 0 0 0 0 0 {words[9]}"
            f.write(line + "\n")


def write_model(path, model, reader, student):
    """The model with batch normalisation folded and the weights retrained; names stay."""
    graph = model.graph
    replaced = {s.node.output[0]: s for s in reader.steps if s.weight is not None}
    constants, nodes, renamed = [], [], {}
    for node in graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = renamed.get(name, name)
        if node.op_type == "BatchNormalization":
            renamed[node.output[0]] = node.input[0]
            continue
        step = replaced.get(node.output[0])
        if step:
            i = student.index[step.name]
            names = [step.name + ".weight", step.name + ".bias"]
            for name, value in zip(names, (student.weights[i], student.biases[i])):
                constants.append(numpy_helper.from_array(value.detach().numpy(), name))
            del node.input[1:]
            node.input.extend(names)
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    constants += [t for t in graph.initializer if t.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def top1(student, x, y, quantised=True):
    with torch.no_grad():
        right = sum((student(a, quantised).argmax(1) == b).sum().item()
                    for a, b in zip(x.split(500), y.split(500)))
    return 100 * right / len(x)


def train(student, teacher, data, args, rng):
    x, y, held_x, held_y = data
    first = [p.item() for p in student.logs]
    groups = [{"params": list(student.logs), "peak": args.lr_threshold}]
    if not args.thresholds_only:
        weights = list(student.weights) + list(student.biases)
        groups.append({"params": weights, "peak": args.lr_weight})
    optimiser = torch.optim.Adam(groups, lr=args.lr_weight)
    per_epoch, begin = len(x) // args.batch, time.time()
    print(f"start  held-out top-1: float {top1(teacher, held_x, held_y, False):.2f} %, "
          f"int8 {top1(student, held_x, held_y):.2f} %", flush=True)
    for epoch in range(args.epochs):
        order, total = torch.randperm(len(x), generator=rng), 0.0
        student.clipped = student.counted = 0
        for i in range(per_epoch):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(epoch * per_epoch + i, args.epochs * per_epoch,
                                            per_epoch // 4 or 1, group["peak"])
            pick = order[i * args.batch:(i + 1) * args.batch]
            batch = augment(x[pick], rng)
            scores = student(batch)
            if args.loss == "teacher":
                with torch.no_grad():
                    want = F.log_softmax(teacher(batch, False), 1)
                loss = F.kl_div(F.log_softmax(scores, 1), want, reduction="batchmean",
                                log_target=True)
            else:
                loss = F.cross_entropy(scores, y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        moved = [(p.item() - f) / math.log(2) for p, f in zip(student.logs, first)]
        most = max(range(len(moved)), key=lambda k: abs(moved[k]))
        print(f"epoch {epoch + 1}/{args.epochs}  loss {total / per_epoch:.5f}  "
              f"held-out top-1 {top1(student, held_x, held_y):.2f} %  "
              f"moved {np.mean(np.abs(moved)):.3f} octaves, most {moved[most]:+.3f} "
              f"{student.names[most]}  clipped {100 * student.clipped / student.counted:.4f} %  "
              f"{time.time() - begin:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", help="ONNX, of Fashion-MNIST")
    parser.add_argument("calibration", help="of 'quern calibrate -o FILE'")
    parser.add_argument("--out", required=True, help="writes OUT.onnx and OUT.cal")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist",
                        help="folder of the idx.gz files")
    parser.add_argument("--loss", choices=["teacher", "labels"], default="teacher")
    parser.add_argument("--thresholds-only", action="store_true", help="weights stay as they are")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=55000, help="of the training set, per epoch")
    parser.add_argument("--held", type=int, default=5000, help="training images set aside")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr-weight", type=float, default=2e-4, help="peak, of Adam")
    parser.add_argument("--lr-threshold", type=float, default=5e-3, help="peak, of Adam")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = torch.Generator().manual_seed(args.seed)
    model = onnx.load(args.model)
    said = {p.key: p.value for p in model.metadata_props}
    if said.get("quern.dataset") != "fashion-mnist" or float(said["quern.mean"]) != MEAN \
            or float(said["quern.norm"]) != NORM:
        sys.exit(f"{args.model}: not of Fashion-MNIST with the normalisation of train_fashion.py")
    reader = Reader(model.graph)
    lines, thresholds = read_calibration(args.calibration)
    source = model.graph.input[0].name
    student, teacher = (Student(reader.steps, source, thresholds) for _ in range(2))
    x, y = load(args.data, "train")
    if not 0 < args.held < len(x) or not args.batch <= args.images <= len(x) - args.held:
        sys.exit(f"--held and --images: the set has {len(x)} images, a batch {args.batch}")
    data = x[:args.images], y[:args.images], x[-args.held:], y[-args.held:]
    train(student, teacher, data, args, rng)
    write_calibration(args.out + ".cal", lines, student)
    write_model(args.out + ".onnx", model, reader, student)
    print(f"wrote {args.out}.onnx and {args.out}.cal: quern run {args.out}.onnx "
          f"--calibration={args.out}.cal")


if __name__ == "__main__":
    main()
