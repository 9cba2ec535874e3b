# SPDX-License-Identifier: Apache-2.0
"""A small neural-network library: layers with forward and backward passes.

Every activation is a float32 array laid out [channels, height, width, batch].
With the batch innermost, each numpy operation runs over long contiguous rows
even where a feature map is only 4x4, a 1x1 convolution is one matrix product
without any copy, and the shifted slices of a depthwise convolution stay
cheap.  `export.py` writes the usual [batch, channels, height, width] network;
the weights are the same in both.
"""

import numpy as np


class Parameter:
    """A trained array with its gradient."""

    def __init__(self, value, decay):
        self.value = value.astype(np.float32)
        self.grad = np.zeros_like(self.value)
        # Weight decay applies to weights, not to biases and scales.
        self.decay = decay


class Layer:
    """What all layers share; `name` becomes the ONNX node's name."""

    def __init__(self, name):
        self.name = name

    def parameters(self):
        return []

    def forward(self, x, train):
        raise NotImplementedError

    def backward(self, grad):
        """Stores the parameters' gradients, returns the input's gradient."""
        raise NotImplementedError


def he_normal(rng, shape, fan_in):
    return rng.normal(0.0, np.sqrt(2.0 / fan_in), shape)


def pad_border(x, pad):
    """Zero border of `pad` pixels around [channels, height, width, batch]."""
    channels, height, width, batch = x.shape
    padded = np.zeros((channels, height + 2 * pad, width + 2 * pad, batch),
                      np.float32)
    padded[:, pad:pad + height, pad:pad + width] = x
    return padded


def taps(kernel, stride, out_height, out_width):
    """For each kernel position the slice of padded input it is applied to."""
    for row in range(kernel):
        for column in range(kernel):
            yield row, column, (slice(None),
                                slice(row, row + stride * out_height, stride),
                                slice(column, column + stride * out_width,
                                      stride))


class Conv(Layer):
    """Convolution without bias: batch normalisation follows anyway."""

    def __init__(self, name, rng, in_channels, out_channels, kernel=1,
                 stride=1):
        super().__init__(name)
        self.kernel = kernel
        self.stride = stride
        self.pad = kernel // 2
        shape = (out_channels, in_channels, kernel, kernel)
        self.weight = Parameter(
            he_normal(rng, shape, in_channels * kernel * kernel), True)

    def parameters(self):
        return [self.weight]

    def _columns(self, x):
        """im2col: one row per (input channel, kernel row, kernel column)."""
        channels, height, width, batch = x.shape
        if self.kernel == 1 and self.stride == 1:
            return x.reshape(channels, -1)
        out_height, out_width = height // self.stride, width // self.stride
        padded = pad_border(x, self.pad)
        columns = np.empty((channels, self.kernel, self.kernel, out_height,
                            out_width, batch), np.float32)
        for row, column, part in taps(self.kernel, self.stride, out_height,
                                      out_width):
            columns[:, row, column] = padded[part]
        return columns.reshape(channels * self.kernel ** 2, -1)

    def forward(self, x, train):
        columns = self._columns(x)
        if train:
            self.input_shape, self.columns = x.shape, columns
        out_channels = self.weight.value.shape[0]
        y = self.weight.value.reshape(out_channels, -1) @ columns
        return y.reshape(out_channels, x.shape[1] // self.stride,
                         x.shape[2] // self.stride, x.shape[3])

    def backward(self, grad):
        channels, height, width, batch = self.input_shape
        out_channels, out_height, out_width, _ = grad.shape
        rows = grad.reshape(out_channels, -1)
        # einsum rather than matmul: both operands run along the summed axis,
        # which the reference BLAS handles at a quarter of einsum's speed.
        self.weight.grad = np.einsum("op,ip->oi", rows, self.columns).reshape(
            self.weight.value.shape)
        matrix = self.weight.value.reshape(out_channels, -1)
        columns = np.ascontiguousarray(matrix.T) @ rows
        if self.kernel == 1 and self.stride == 1:
            return columns.reshape(self.input_shape)
        columns = columns.reshape(channels, self.kernel, self.kernel,
                                  out_height, out_width, batch)
        padded = np.zeros((channels, height + 2 * self.pad,
                           width + 2 * self.pad, batch), np.float32)
        for row, column, part in taps(self.kernel, self.stride, out_height,
                                      out_width):
            padded[part] += columns[:, row, column]
        return np.ascontiguousarray(padded[:, self.pad:self.pad + height,
                                           self.pad:self.pad + width])


class DepthwiseConv(Layer):
    """3x3 convolution of each channel on its own, as nine shifted products."""

    KERNEL = 3

    def __init__(self, name, rng, channels, stride=1):
        super().__init__(name)
        self.stride = stride
        shape = (channels, 1, self.KERNEL, self.KERNEL)
        self.weight = Parameter(he_normal(rng, shape, self.KERNEL ** 2), True)

    def parameters(self):
        return [self.weight]

    def _tap_weight(self, row, column):
        return self.weight.value[:, 0, row, column].reshape(-1, 1, 1, 1)

    def forward(self, x, train):
        channels, height, width, batch = x.shape
        padded = pad_border(x, 1)
        if train:
            self.input_shape, self.padded = x.shape, padded
        y = np.zeros((channels, height // self.stride, width // self.stride,
                      batch), np.float32)
        product = np.empty_like(y)
        for row, column, part in taps(self.KERNEL, self.stride, y.shape[1],
                                      y.shape[2]):
            np.multiply(padded[part], self._tap_weight(row, column),
                        out=product)
            y += product
        return y

    def backward(self, grad):
        _, height, width, _ = self.input_shape
        padded_grad = np.zeros_like(self.padded)
        product = np.empty_like(grad)
        for row, column, part in taps(self.KERNEL, self.stride, grad.shape[1],
                                      grad.shape[2]):
            self.weight.grad[:, 0, row, column] = np.einsum(
                "chwn,chwn->c", self.padded[part], grad)
            np.multiply(grad, self._tap_weight(row, column), out=product)
            padded_grad[part] += product
        return np.ascontiguousarray(padded_grad[:, 1:1 + height, 1:1 + width])


class BatchNorm(Layer):
    """Normalises each channel; by the batch in training, by running averages
    afterwards."""

    # Larger than the customary 1e-5: it bounds the factor by which folding
    # can enlarge the weights of a channel that is nearly dead, and such a
    # factor would be costly in int8.
    EPSILON = 1e-3
    MOMENTUM = 0.95

    def __init__(self, name, channels):
        super().__init__(name)
        self.scale = Parameter(np.ones(channels), False)
        self.bias = Parameter(np.zeros(channels), False)
        self.running_mean = np.zeros(channels, np.float32)
        self.running_var = np.ones(channels, np.float32)

    def parameters(self):
        return [self.scale, self.bias]

    def forward(self, x, train):
        rows = x.reshape(x.shape[0], -1)
        if not train:
            factor = self.scale.value / np.sqrt(self.running_var
                                                + np.float32(self.EPSILON))
            offset = self.bias.value - self.running_mean * factor
            return (rows * factor[:, None] + offset[:, None]).reshape(x.shape)
        mean = rows.mean(axis=1)
        centred = rows - mean[:, None]
        var = np.einsum("cp,cp->c", centred, centred) / np.float32(
            rows.shape[1])
        self.running_mean += (1 - self.MOMENTUM) * (mean - self.running_mean)
        self.running_var += (1 - self.MOMENTUM) * (var - self.running_var)
        self.centred = centred
        self.inverse = 1 / np.sqrt(var + np.float32(self.EPSILON))
        y = centred * (self.scale.value * self.inverse)[:, None]
        y += self.bias.value[:, None]
        return y.reshape(x.shape)

    def backward(self, grad):
        rows = grad.reshape(grad.shape[0], -1)
        count = np.float32(rows.shape[1])
        self.bias.grad = rows.sum(axis=1)
        along = np.einsum("cp,cp->c", rows, self.centred)
        self.scale.grad = along * self.inverse
        # The batch statistics depend on the input too: the part of the
        # gradient that would only shift or scale the batch has no effect.
        result = self.centred * (-along * self.inverse ** 2 / count)[:, None]
        result += rows
        result -= (self.bias.grad / count)[:, None]
        result *= (self.scale.value * self.inverse)[:, None]
        return result.reshape(grad.shape)


class Relu(Layer):
    def forward(self, x, train):
        y = np.maximum(x, np.float32(0))
        if train:
            self.passing = y > 0
        return y

    def backward(self, grad):
        return grad * self.passing


class Relu6(Layer):
    """ReLU limited to 6: a known range suits fixed-point arithmetic."""

    def forward(self, x, train):
        # Not np.clip, which numpy does not vectorise as well.
        y = np.minimum(np.maximum(x, np.float32(0)), np.float32(6))
        if train:
            self.passing = x == y
        return y

    def backward(self, grad):
        return grad * self.passing


class GlobalAveragePool(Layer):
    """[channels, height, width, batch] -> [channels, batch]."""

    def forward(self, x, train):
        self.input_shape = x.shape
        return x.mean(axis=(1, 2))

    def backward(self, grad):
        _, height, width, _ = self.input_shape
        share = grad / np.float32(height * width)
        return np.broadcast_to(share[:, None, None, :],
                               self.input_shape).copy()


class Linear(Layer):
    """The classifier: [channels, batch] -> [classes, batch]."""

    def __init__(self, name, rng, in_channels, out_channels):
        super().__init__(name)
        self.weight = Parameter(
            rng.normal(0.0, np.sqrt(1.0 / in_channels),
                       (out_channels, in_channels)), True)
        self.bias = Parameter(np.zeros(out_channels), False)

    def parameters(self):
        return [self.weight, self.bias]

    def forward(self, x, train):
        if train:
            self.input = x
        return self.weight.value @ x + self.bias.value[:, None]

    def backward(self, grad):
        self.weight.grad = grad @ self.input.T
        self.bias.grad = grad.sum(axis=1)
        return self.weight.value.T @ grad


class Chain(Layer):
    """Layers one after the other."""

    def __init__(self, name, layers):
        super().__init__(name)
        self.layers = layers

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def forward(self, x, train):
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


class Residual(Layer):
    """x + branch(x)."""

    def __init__(self, name, branch):
        super().__init__(name)
        self.branch = branch

    def parameters(self):
        return self.branch.parameters()

    def forward(self, x, train):
        return x + self.branch.forward(x, train)

    def backward(self, grad):
        return grad + self.branch.backward(grad)


def softmax(logits):
    """Over the classes of [classes, batch]."""
    shifted = np.exp(logits - logits.max(axis=0))
    return shifted / shifted.sum(axis=0)


def inverted_residual(name, rng, in_channels, out_channels, expansion,
                      stride=1):
    """MobileNetV2's block: expand, filter each channel, project back."""
    inner = in_channels * expansion
    layers = Chain(name, [
        Conv(f"{name}_expand", rng, in_channels, inner),
        BatchNorm(f"{name}_expand_bn", inner),
        Relu6(f"{name}_expand_clip"),
        DepthwiseConv(f"{name}_depthwise", rng, inner, stride),
        BatchNorm(f"{name}_depthwise_bn", inner),
        Relu6(f"{name}_depthwise_clip"),
        Conv(f"{name}_project", rng, inner, out_channels),
        BatchNorm(f"{name}_project_bn", out_channels),
    ])
    if stride == 1 and in_channels == out_channels:
        return [Residual(f"{name}_add", layers)]
    return layers.layers


def plain_residual(name, rng, channels):
    """ResNet's basic block: two full 3x3 convolutions, ReLU after the sum."""
    return [
        Residual(f"{name}_add", Chain(name, [
            Conv(f"{name}_conv1", rng, channels, channels, 3),
            BatchNorm(f"{name}_bn1", channels),
            Relu(f"{name}_relu1"),
            Conv(f"{name}_conv2", rng, channels, channels, 3),
            BatchNorm(f"{name}_bn2", channels),
        ])),
        Relu(f"{name}_relu2"),
    ]


def build_network(rng, num_classes):
    """[3, 64, 64, batch] -> logits [num_classes, batch]."""
    return Chain("traffic_signs", [
        Conv("stem_conv", rng, 3, 16, 3, stride=2),              # 32x32
        BatchNorm("stem_bn", 16),
        Relu("stem_relu"),
        *inverted_residual("block1", rng, 16, 24, 2, stride=2),  # 16x16
        *inverted_residual("block2", rng, 24, 24, 3),
        *inverted_residual("block3", rng, 24, 32, 3, stride=2),  # 8x8
        *inverted_residual("block4", rng, 32, 32, 3),
        *plain_residual("block5", rng, 32),
        *inverted_residual("block6", rng, 32, 48, 3, stride=2),  # 4x4
        *inverted_residual("block7", rng, 48, 48, 3),
        Conv("head_conv", rng, 48, 128),
        BatchNorm("head_bn", 128),
        Relu("head_relu"),
        GlobalAveragePool("pool"),
        Linear("classifier", rng, 128, num_classes),
    ])
