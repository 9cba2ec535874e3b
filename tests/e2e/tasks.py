# SPDX-License-Identifier: Apache-2.0
"""What each network's README says its result is: pictures in, decoded results compared, float against int8."""
import numpy as np
from PIL import Image


def prepare(network, path):
    """The picture as uint8 H x W x C in the network's colour order, cut and resized as its README says."""
    image = Image.open(path).convert("RGB")
    width, height = network["size"]
    if "box" in network:
        image = image.crop(network["box"]).rotate(network.get("rotate", 0), expand=True)
    if "crop" in network:
        short = network["crop"]
        ratio = short / min(image.size)
        image = image.resize((max(short, round(image.width * ratio)), max(short, round(image.height * ratio))), Image.BILINEAR)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    elif "letterbox" in network:
        ratio = min(width / image.width, height / image.height)
        resized = image.resize((int(image.width * ratio), int(image.height * ratio)), Image.BILINEAR)
        image = Image.new("RGB", (width, height), (network["letterbox"],) * 3)
        image.paste(resized, (0, 0))
    else:
        image = image.resize((width, height), Image.BILINEAR if width > 320 else Image.BOX)
    if network["type"] == "gray":
        return np.asarray(image.convert("YCbCr"))[:, :, :1]
    pixels = np.asarray(image)
    return pixels[:, :, ::-1] if network["type"] == "bgr" else pixels


def overlap(a, b):
    left, top = np.maximum(a[:2], b[:2])
    right, bottom = np.minimum(a[2:4], b[2:4])
    inner = max(0.0, right - left) * max(0.0, bottom - top)
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return inner / (area(a) + area(b) - inner + 1e-9)


def suppress(boxes, scores, labels, score, threshold):
    keep = []
    for i in np.argsort(-scores):
        if scores[i] < score:
            break
        if all(labels[i] != k[1] or overlap(boxes[i], k[2]) < threshold for k in keep):
            keep.append((float(scores[i]), int(labels[i]), boxes[i]))
    return keep


def yolox_boxes(outputs):
    out = outputs[0].reshape(-1, 85)
    grids, strides = [], []
    for stride in (8, 16, 32):
        n = 416 // stride
        y, x = np.mgrid[:n, :n]
        grids.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((n * n, 1), stride))
    grid, stride = np.concatenate(grids), np.concatenate(strides)
    centre, size = (out[:, :2] + grid) * stride, np.exp(out[:, 2:4]) * stride
    scores = out[:, 4:5] * out[:, 5:]
    return suppress(np.concatenate([centre - size / 2, centre + size / 2], 1), scores.max(1), scores.argmax(1), 0.3, 0.45)


def fastestdet_boxes(outputs):
    out = outputs[0].reshape(85, 22, 22)
    y, x = np.mgrid[:22, :22]
    centre = np.stack([(x + np.tanh(out[1])) / 22, (y + np.tanh(out[2])) / 22], -1).reshape(-1, 2)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    size = np.stack([sigmoid(out[3]), sigmoid(out[4])], -1).reshape(-1, 2)
    scores = (out[0] ** 0.6 * out[5:].max(0) ** 0.4).ravel()
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) * 352
    return suppress(boxes, scores, out[5:].argmax(0).ravel(), 0.6, 0.45)


def faces(outputs):
    scores = next(o for o in outputs if o.shape[-1] == 2).reshape(-1, 2)[:, 1]
    boxes = next(o for o in outputs if o.shape[-1] == 4).reshape(-1, 4) * [320, 240, 320, 240]
    return suppress(boxes, scores, np.zeros(len(scores), int), 0.7, 0.3)


def compare_boxes(decode, expected, found):
    """Every confident float box has an int8 box of its class with an overlap of at least 0.5, COCO's limit for a match."""
    a, b = decode(expected), decode(found)
    matched = [any(k[1] == w[1] and overlap(k[2], w[2]) >= 0.5 for k in b) for w in a]
    # Boxes near the score limit may fall to either side of it.
    confident = [m for m, w in zip(matched, a) if w[0] > 0.6]
    return (bool(confident) or not a) and all(confident), f"{sum(matched)} of {len(a)} boxes found again, {len(b)} in all"


def compare_classes(expected, found):
    same = int(np.argmax(expected[0])) == int(np.argmax(found[0]))
    return same, f"class {np.argmax(found[0])} (float {np.argmax(expected[0])})"


def compare_mask(expected, found):
    a, b = expected[0].reshape(-1, 4).argmax(1), found[0].reshape(-1, 4).argmax(1)
    share = float((a == b).mean())
    return share >= 0.97, f"{share:.2%} of the pixels have the same class"


def compare_psnr(expected, found):
    noise = float(((np.clip(expected[0], 0, 1) - np.clip(found[0], 0, 1)) ** 2).mean())
    psnr = 10 * np.log10(1 / max(noise, 1e-12))
    return psnr >= 30, f"{psnr:.2f} dB between float and int8 pictures"


def compare_points(expected, found):
    distance = np.abs(expected[0].reshape(21, 3)[:, :2] - found[0].reshape(21, 3)[:, :2]).max()
    presence = abs(float(expected[1].ravel()[0]) - float(found[1].ravel()[0]))
    return distance <= 10 and presence < 0.1, f"keypoints at most {distance:.1f} pixels apart, presence {found[1].ravel()[0]:.3f}"


COMPARE = {
    "classes": compare_classes,
    "mask": compare_mask,
    "psnr": compare_psnr,
    "points": compare_points,
    "yolox": lambda e, f: compare_boxes(yolox_boxes, e, f),
    "fastestdet": lambda e, f: compare_boxes(fastestdet_boxes, e, f),
    "faces": lambda e, f: compare_boxes(faces, e, f),
}
