# SPDX-License-Identifier: Apache-2.0
"""Makes the traffic-sign example: draws the pictures, trains the network,
and writes the ONNX file, the labels, the calibration and the test pictures.

    OPENBLAS_NUM_THREADS=1 /usr/bin/python3 train.py

Needs numpy, PIL and onnx only.  All seeds are fixed and neither times nor
paths enter the files: two runs on one machine write the same bytes.
"""

import argparse
import math
import pathlib
import time

import numpy as np
from PIL import Image

import draw
from export import export_onnx
from network import build_network, softmax

# The preprocessing, applied outside of the network: (pixel - MEAN) * SCALE on
# RGB values of 0..255.  config.yaml carries the same numbers.
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
SCALE = np.array([0.0171, 0.0175, 0.0174], np.float32)

TRAIN_SEED = 1
TEST_SEED = 2
NETWORK_SEED = 3
ORDER_SEED = 4

TEST_PICTURES = 2000
SAVED_PICTURES = 64

BATCH = 64
PEAK_RATE = 2.5e-3
WARM_UP_STEPS = 100
WEIGHT_DECAY = 0.02
# A target of slightly less than certainty keeps the logits, and with them
# the range the last layer's int8 output has to cover, small.
LABEL_SMOOTHING = 0.05
# Each batch is shifted by up to this many pixels: the cheapest way to make
# more of the pictures drawn.
MAX_SHIFT = 3


def network_input(pictures):
    """uint8 [batch, y, x, rgb] -> normalised float32 [rgb, y, x, batch]."""
    planes = pictures.transpose(3, 1, 2, 0).astype(np.float32)
    planes -= MEAN[:, None, None, None]
    planes *= SCALE[:, None, None, None]
    return planes


def shift(pictures, dy, dx):
    """Moves the pictures, repeating their border."""
    rows = np.clip(np.arange(pictures.shape[1]) - dy, 0,
                   pictures.shape[1] - 1)
    columns = np.clip(np.arange(pictures.shape[2]) - dx, 0,
                      pictures.shape[2] - 1)
    return pictures[:, rows][:, :, columns]


class Adam:
    """Adam with decoupled weight decay."""

    BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-8

    def __init__(self, parameters):
        self.parameters = parameters
        self.first = [np.zeros_like(p.value) for p in parameters]
        self.second = [np.zeros_like(p.value) for p in parameters]
        self.steps = 0

    def step(self, rate):
        self.steps += 1
        correct1 = 1 - self.BETA1 ** self.steps
        correct2 = 1 - self.BETA2 ** self.steps
        for p, m, v in zip(self.parameters, self.first, self.second):
            m += (1 - self.BETA1) * (p.grad - m)
            v += (1 - self.BETA2) * (p.grad * p.grad - v)
            if p.decay:
                p.value *= 1 - rate * WEIGHT_DECAY
            p.value -= (rate / correct1) * m / (np.sqrt(v / correct2)
                                                + self.EPSILON)


def learning_rate(step, total_steps):
    """Linear warm-up, then half a cosine down to zero."""
    if step < WARM_UP_STEPS:
        return PEAK_RATE * (step + 1) / WARM_UP_STEPS
    done = (step - WARM_UP_STEPS) / max(1, total_steps - WARM_UP_STEPS)
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * done))


def plan_epochs(rng, radii, near_epochs, epochs):
    """For each epoch the order in which the pictures are shown.

    The first `near_epochs` show the half with the larger signs only.  Shape
    and colour are learnt within an epoch or two either way, but what tells a
    30 from a 50 or an 80 is found far sooner where the digits are large, and
    carries over to the small ones.
    """
    everything = np.arange(len(radii))
    near = everything[radii > np.median(radii)]
    return [rng.permutation(near) for _ in range(near_epochs)] + [
        rng.permutation(everything) for _ in range(epochs)]


def train(network, pictures, labels, radii, near_epochs, epochs):
    rng = np.random.default_rng(ORDER_SEED)
    optimizer = Adam(network.parameters())
    num_classes = len(draw.CLASS_NAMES)
    plan = plan_epochs(rng, radii, near_epochs, epochs)
    total_steps = sum(len(order) // BATCH for order in plan)
    started = time.monotonic()
    for epoch, order in enumerate(plan):
        batches = len(order) // BATCH
        total_loss = correct = 0
        for batch in range(batches):
            chosen = order[batch * BATCH:(batch + 1) * BATCH]
            dy, dx = rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, 2)
            x = network_input(shift(pictures[chosen], dy, dx))
            prob = softmax(network.forward(x, True))

            target = np.full((num_classes, BATCH),
                             LABEL_SMOOTHING / num_classes, np.float32)
            target[labels[chosen], np.arange(BATCH)] += 1 - LABEL_SMOOTHING
            total_loss -= (target * np.log(prob + 1e-9)).sum() / BATCH
            correct += (prob.argmax(axis=0) == labels[chosen]).sum()

            network.backward((prob - target) / np.float32(BATCH))
            optimizer.step(learning_rate(optimizer.steps, total_steps))
        print(f"epoch {epoch + 1}/{len(plan)}: {batches} batches, "
              f"loss {total_loss / batches:.4f}, "
              f"accuracy {correct / (batches * BATCH):.4f}, "
              f"{time.monotonic() - started:.0f} s", flush=True)


def predict(network, pictures):
    return np.concatenate([
        network.forward(network_input(pictures[i:i + BATCH]),
                        False).argmax(axis=0)
        for i in range(0, len(pictures), BATCH)])


def report(labels, predicted):
    print(f"test accuracy {np.mean(labels == predicted):.4f} "
          f"({np.sum(labels == predicted)} of {len(labels)})")
    for index, name in enumerate(draw.CLASS_NAMES):
        of_class = labels == index
        print(f"  {name:20s} {np.mean(predicted[of_class] == index):.4f}")


def save_pictures(folder, pictures, names):
    folder.mkdir(parents=True, exist_ok=True)
    for picture, name in zip(pictures, names):
        Image.fromarray(picture).save(folder / f"{name}.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent,
                        help="folder written to (default: this script's)")
    parser.add_argument("--near-epochs", type=int, default=6,
                        help="epochs on the larger signs only, to begin with")
    parser.add_argument("--epochs", type=int, default=7,
                        help="epochs on all training pictures, after those")
    parser.add_argument("--pictures", type=int, default=14000,
                        help="number of training pictures")
    options = parser.parse_args()

    print("drawing", flush=True)
    train_pictures, train_labels, train_radii = draw.draw_set(
        TRAIN_SEED, options.pictures)
    test_pictures, test_labels, _ = draw.draw_set(TEST_SEED, TEST_PICTURES)

    network = build_network(np.random.default_rng(NETWORK_SEED),
                            len(draw.CLASS_NAMES))
    print("parameters:", sum(p.value.size for p in network.parameters()))
    train(network, train_pictures, train_labels, train_radii,
          options.near_epochs, options.epochs)
    report(test_labels, predict(network, test_pictures))

    options.output.mkdir(parents=True, exist_ok=True)
    export_onnx(network, draw.PICTURE_SIZE, len(draw.CLASS_NAMES),
                str(options.output / "traffic_signs.onnx"))
    (options.output / "labels.txt").write_text(
        "".join(f"{name}\n" for name in draw.CLASS_NAMES))
    save_pictures(options.output / "calibration",
                  train_pictures[:SAVED_PICTURES],
                  [f"{i:03d}" for i in range(SAVED_PICTURES)])
    save_pictures(options.output / "test", test_pictures[:SAVED_PICTURES],
                  [f"{i:03d}_{draw.CLASS_NAMES[test_labels[i]]}"
                   for i in range(SAVED_PICTURES)])


if __name__ == "__main__":
    main()
