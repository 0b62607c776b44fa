#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Trains Quern's embedded default model on Fashion-MNIST and writes it as ONNX.

    apt-get install python3-torch python3-onnx dataset-fashion-mnist
    scripts/train_fashion.py --out quant/model/fashion.onnx \\
        --fixture tests/fixtures/fashion_scores.txt

Nothing else in Quern needs torch: the ONNX file is committed. The network holds one of each thing
that an int8 pipeline has to get right: a stem on one channel, strided and dense 3x3 layers, two
depthwise separable blocks with residual adds, ReLU6 beside ReLU, a max pool, an expanding 1x1,
global average pooling and a classifier. Batch normalisation is exported as its own operator, so
that folding is exercised on the default model.

Training: SGD with Nesterov momentum, one warm-up epoch and a cosine to zero, random horizontal
flips and shifts of up to two pixels. The weights of the last epoch are taken: the test set chooses
nothing. The seed, the number of threads and the version of torch determine the result on one kind
of CPU; another CPU may round differently and end a tenth of a point away.
"""
import argparse
import gzip
import math
import os
import sys
import time

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

# Of the training images: (pixel - MEAN) * NORM has mean 0 and deviation 1.
MEAN, NORM = 72.94, 0.011109
CLASSES = 10
SIDE = 28


def unit(ic, oc, k, stride=1, groups=1, act=None):
    """Convolution without bias, batch normalisation, activation."""
    parts = [nn.Conv2d(ic, oc, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(oc)]
    return nn.Sequential(*parts, *([act] if act else []))


class Separable(nn.Module):
    """x + pointwise(depthwise(x)), then ReLU."""

    def __init__(self, c):
        super().__init__()
        self.depthwise = unit(c, c, 3, groups=c, act=nn.ReLU6())
        self.pointwise = unit(c, c, 1)

    def forward(self, x):
        return F.relu(x + self.pointwise(self.depthwise(x)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = unit(1, 24, 3, act=nn.ReLU())
        self.down = unit(24, 48, 3, stride=2, act=nn.ReLU())
        self.block1 = Separable(48)
        self.pool = nn.MaxPool2d(2)
        self.mid = unit(48, 64, 3, act=nn.ReLU())
        self.block2 = Separable(64)
        self.head = unit(64, 128, 1, act=nn.ReLU())
        self.classifier = nn.Linear(128, CLASSES)

    def forward(self, x):
        x = self.block1(self.down(self.stem(x)))
        x = self.head(self.block2(self.mid(self.pool(x))))
        return self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))


def read_idx(path):
    """One idx.gz file of unsigned bytes as an array of its own shape."""
    with gzip.open(path, "rb") as f:
        data = f.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder, part):
    """Images as normalised float [n][1][28][28], labels as int64 [n]."""
    try:
        images = read_idx(os.path.join(folder, part + "-images-idx3-ubyte.gz"))
        labels = read_idx(os.path.join(folder, part + "-labels-idx1-ubyte.gz"))
    except FileNotFoundError as e:
        sys.exit(f"{e.filename} is missing: apt-get install dataset-fashion-mnist, or pass --data")
    x = (torch.from_numpy(images.copy()).float() - MEAN) * NORM
    return x.unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def augment(x, rng):
    """Flips each image with probability 1/2 and shifts it by -2..2 pixels; background moves in."""
    n = x.shape[0]
    flip = torch.rand(n, generator=rng) < 0.5
    x = torch.where(flip.view(n, 1, 1, 1), x.flip(3), x)
    padded = F.pad(x, (2, 2, 2, 2), value=-MEAN * NORM)
    dy, dx = torch.randint(0, 5, (2, n, 1, 1), generator=rng)
    line = torch.arange(SIDE)
    image = torch.arange(n).view(n, 1, 1)
    return padded[image, 0, dy + line.view(1, -1, 1), dx + line].unsqueeze(1)


def learning_rate(step, steps, warm, peak):
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def scores(net, x):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in x.split(500)])


def train(net, x, y, args, rng):
    optimiser = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, nesterov=True,
                                weight_decay=5e-4)
    per_epoch = len(x) // args.batch
    steps, begin = args.epochs * per_epoch, time.time()
    for epoch in range(args.epochs):
        net.train()
        order, total = torch.randperm(len(x), generator=rng), 0.0
        for i in range(per_epoch):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(epoch * per_epoch + i, steps, per_epoch, args.lr)
            pick = order[i * args.batch:(i + 1) * args.batch]
            batch = augment(x[pick], rng).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(net(batch), y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{args.epochs}  loss {total / per_epoch:.4f}  "
              f"{time.time() - begin:.0f} s", file=sys.stderr, flush=True)


def export(net, path):
    """Batch normalisation stays an operator of its own, in its inference form; the normalisation of
    the pixels goes into the file's metadata, where Quern reads it."""
    net = net.to(memory_format=torch.contiguous_format).eval()
    torch.onnx.export(net, torch.zeros(1, 1, SIDE, SIDE), path, opset_version=13,
                      input_names=["image"], output_names=["scores"], do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
    model = onnx.load(path)
    for node in model.graph.node:
        # The exporter writes its own source positions into it: of no use, and not reproducible.
        node.doc_string = ""
    onnx.helper.set_model_props(model, {"quern.mean": repr(MEAN), "quern.norm": repr(NORM),
                                        "quern.dataset": "fashion-mnist"})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_fixture(path, values, accuracy):
    """For tests/test_fashion.c: scores of the first test images, and the accuracy on all."""
    with open(path, "w", encoding="ascii") as f:
        f.write("# scripts/train_fashion.py: top-1 on the 10,000 test images in percent, "
                "then torch's scores of the\n# first test images, one image a line\n")
        f.write(f"top1 {accuracy:.2f}\n")
        for row in values.tolist():
            f.write(" ".join(f"{v:.6f}" for v in row) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist",
                        help="folder of the idx.gz files")
    parser.add_argument("--out", required=True, help="ONNX file to write")
    parser.add_argument("--fixture", help="text file for torch's scores of 16 test images")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(args.threads)
    rng = torch.Generator().manual_seed(args.seed)
    net = Net().to(memory_format=torch.channels_last)  # 1.6 times as fast on a CPU
    print(f"{sum(p.numel() for p in net.parameters())} parameters", file=sys.stderr)
    train(net, *load(args.data, "train"), args, rng)
    x, y = load(args.data, "t10k")
    values = scores(net, x)
    accuracy = (values.argmax(1) == y).float().mean().item() * 100
    export(net, args.out)
    if args.fixture:
        write_fixture(args.fixture, values[:16], accuracy)
    print(f"top-1 on {len(x)} test images: {accuracy:.2f} %")


if __name__ == "__main__":
    main()
