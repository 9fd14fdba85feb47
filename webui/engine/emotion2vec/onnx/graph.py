"""Emotion2vec as an ONNX graph: the same network as ``network.py``, written for ONNX Runtime.

    waveform -> normalisation -> 7 convolutions -> projection -> 5 positional convolutions -> blocks -> features
    -> linear head -> frame logits; the mean of the features over a waveform's own frames -> embedding

The graph is built node by node instead of being traced, in order to choose the nodes: strided convolutions are matrix
products in ``(time, channels)`` layout, the sum and LayerNorm of a block are one node, attention is one node.

In int8 the weights of every matrix product are int8 with one scale per output channel. Its inputs are shifted per
channel (``int8_calibration.py``) and quantized to uint8, with one scale and one zero point that are computed in every
run. Weights use only 7 bits, because on CPUs without VNNI the sum of two products of 8 bits overflows (ONNX Runtime
calls this ``reduce_range``). The first convolution, the projection, the positional convolutions, attention and the head
stay in fp32.

Shape letters: B batch, S samples, T frames, X extra tokens, D embedding, H heads, L labels.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from webui.engine.emotion2vec.config import Emotion2vecConfig
from webui.engine.emotion2vec.network import LAYER_NORM_EPS, alibi_slopes
from webui.engine.emotion2vec.onnx.graph_builder import GraphBuilder

Array = NDArray[np.float32]
Weights = Mapping[str, Array]
Quantized = tuple[str, str, str]  # names of uint8 values, their scale, their zero point

OPSET: Final = 21
MICROSOFT: Final = (
    "com.microsoft"  # domain of ONNX Runtime's own operators; its CPU package has all operators used here
)
WEIGHT_LEVELS: Final = 63  # largest absolute value of weights with 7 bits, see above
FP32_CONVS: Final = 1  # number of convolutions that stay in fp32: the first has few inputs and would lose precision
LAST: Final = 1 << 40  # end of a slice up to the end; larger than any length
IR: Final = 10  # version of the file format that belongs to the opset
EMPTY: Final = ""  # an optional input that is left out


class Emotion2vecGraph(GraphBuilder):
    """Builds the network's graph.

    Args:
        config: sizes of the network.
        weights: tensors of the network, named as in ``network.py``.
        normalize: whether waveforms are normalised over their whole length.
        shifts: for each linear layer, by its name, the values to subtract from its inputs before they are quantized,
            shape ``(inputs,)``; see ``int8_calibration.py``. None builds the graph in fp32.
    """

    def __init__(
        self, config: Emotion2vecConfig, weights: Weights, *, normalize: bool, shifts: Weights | None = None
    ) -> None:
        super().__init__()
        self._config = config
        self._weights = weights
        self._int8 = shifts is not None
        self._shifts = shifts if shifts is not None else {}
        self._normalizes = normalize

    def build(self) -> onnx.ModelProto:
        """Returns the model; ``export.py`` describes its inputs and outputs."""
        x = self._zero_padding(self._normalized() if self._normalizes else "waveforms")  # (B, S)
        x = self.node("Unsqueeze", x, self.constant([2]))  # (B, S, 1)
        for number, (_, kernel, stride) in enumerate(self._config.conv_layers):
            x = self._wave_conv(x, number, kernel, stride)  # (B, time, channels)
        x = self._linear(self._norm(x, "project_norm"), "project")  # (B, T, D)
        valid = self._valid_frames(x)  # (B, T, 1), 1.0 or 0.0
        x = self._add_positions(x, valid)
        x = self._with_extra_tokens(x)  # (B, X + T, D)
        bias = self._attention_bias(valid)  # (B, H, X + T, X + T)
        blocks = self._blocks()
        x = self._norm(x, "encoder.norm", shift=self._shift(f"{blocks[0]}.qkv"))
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            x = self._block(x, block, following, bias)
        features = self.slice(x, self._config.num_extra_tokens, LAST)  # (B, T, D)
        logits = self._product(features, self._weights["head.weight"].T, self._weights["head.bias"])  # (B, T, L)
        total = self.node("ReduceSum", self.node("Mul", features, valid), self.constant([1]), keepdims=0)  # (B, D)
        frames = self.node("ReduceSum", valid, self.constant([1]), keepdims=0)  # (B, 1)
        return self._model(logits=logits, features=features, embedding=self.node("Div", total, frames))

    def _model(self, **results: str) -> onnx.ModelProto:
        config = self._config
        shapes: dict[str, list[str | int]] = {
            "logits": ["batch", "frames", config.labels],
            "features": ["batch", "frames", config.embed_dim],
            "embedding": ["batch", config.embed_dim],
        }
        for name in shapes:
            self.nodes.append(helper.make_node("Identity", [results[name]], [name], name=name))
        inputs = [
            helper.make_tensor_value_info("waveforms", TensorProto.FLOAT, ["batch", "samples"]),
            helper.make_tensor_value_info("samples", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info("variance", TensorProto.FLOAT, ["batch"]),
        ]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
        graph = helper.make_graph(self.nodes, "emotion2vec", inputs, outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="speech-emotion-webui")

    def _normalized(self) -> str:
        """Returns the waveforms, normalised by the statistics of their recordings, ``(B, S)``."""
        mean, variance = (self.node("Unsqueeze", name, self.constant([1])) for name in ("mean", "variance"))  # (B, 1)
        epsilon = self.constant(np.array([LAYER_NORM_EPS], dtype=np.float32))
        deviation = self.node("Sqrt", self.node("Add", variance, epsilon))
        return self.node("Div", self.node("Sub", "waveforms", mean), deviation)

    def _zero_padding(self, x: str) -> str:
        """Returns ``x`` with zeros beyond each waveform's true length, ``(B, S)``."""
        lengths = self.node("Unsqueeze", "samples", self.constant([1]))  # (B, 1)
        return self.node("Mul", x, self._mask(lengths, self.size(x, 1)))

    def _mask(self, lengths: str, size: str) -> str:
        """Returns 1.0 at positions below ``lengths`` ``(B, 1)`` and 0.0 at the others, ``(B, size)``."""
        positions = self.node("Range", self.constant(0), self.node("Squeeze", size), self.constant(1))
        return self.node("Cast", self.node("Less", positions, lengths), to=TensorProto.FLOAT)

    def _wave_conv(self, x: str, number: int, kernel: int, stride: int) -> str:
        """Adds a strided convolution as one matrix product, then LayerNorm and GELU.

        It maps ``(B, time, inputs)`` to ``(B, rows, channels)``. Row t of the product's left factor contains the steps
        ``stride * t`` to ``stride * t + kernel - 1`` of ``x``: the first ``stride`` of them by reshaping ``x``, each of
        the others by slicing ``x`` with a step of ``stride``.
        """
        weight = self._weights[f"wave.{number}.conv.weight"]  # (channels, C, kernel)
        channels, inputs, _ = weight.shape
        matrix = weight.transpose(2, 1, 0).reshape(kernel * inputs, channels)
        quantized = self._quantize(x) if self._int8 and number >= FP32_CONVS else None
        x = x if quantized is None else quantized[0]
        length = self.size(x, 1)
        rows = self._div(self._sub(length, kernel - stride), stride)  # number of output frames
        rows_samples = self.node("Mul", rows, self.constant([stride]))
        first = self.slice(x, 0, rows_samples)
        taps = [self.node("Reshape", first, self.constant([0, -1, stride * inputs]))]
        for tap in range(stride, kernel):
            stop = self.node("Add", rows_samples, self.constant([tap]))
            taps.append(self.slice(x, tap, stop, stride))
        x = self.node("Concat", *taps, axis=-1) if len(taps) > 1 else taps[0]  # (B, rows, kernel * C)
        if quantized is None:
            x = self._product(x, matrix, None)
        else:
            x = self._integer_product((x, quantized[1], quantized[2]), matrix, None)
        return self.node("Gelu", self._norm(x, f"wave.{number}.norm"))

    def _sub(self, x: str, number: int) -> str:
        return self.node("Sub", x, self.constant([number])) if number else x

    def _div(self, x: str, number: int) -> str:
        return self.node("Div", x, self.constant([number]))

    def _shift(self, name: str) -> Array:
        """Returns the values that are subtracted from the inputs of a linear layer; zeros if it has no shift."""
        inputs = self._weights[f"{name}.weight"].shape[1]
        return self._shifts.get(name, np.zeros(inputs, dtype=np.float32))

    def _linear(self, x: str, name: str, *, plus: Array | None = None) -> str:
        """Adds ``x @ W.T + b + plus``. The shift of ``x`` was subtracted before; the bias compensates for it."""
        weight, bias = self._weights[f"{name}.weight"].T, self._weights[f"{name}.bias"]
        bias = bias + self._shift(name) @ weight
        bias = bias if plus is None else bias + plus
        if not self._int8 or name == "project":  # it takes little time, and its errors would affect every block
            return self._product(x, weight, bias)
        return self._integer_product(self._quantize(x), weight, bias)

    def _product(self, x: str, matrix: Array, bias: Array | None) -> str:
        y = self.node("MatMul", x, self.constant(matrix))
        return y if bias is None else self.node("Add", y, self.constant(bias))

    def _quantize(self, x: str) -> Quantized:
        """Quantizes a tensor to uint8, with one scale and one zero point for the whole tensor."""
        values, scale, zero_point = self.node_outputs("DynamicQuantizeLinear", x, outputs=3)
        return values, scale, zero_point

    def _integer_product(self, x: Quantized, matrix: Array, bias: Array | None) -> str:
        values, scale, zero_point = x
        steps = np.maximum(np.abs(matrix).max(axis=0), np.finfo(np.float32).tiny) / WEIGHT_LEVELS  # (outputs,)
        rounded = np.clip(np.rint(matrix / steps), -WEIGHT_LEVELS, WEIGHT_LEVELS).astype(np.int8)
        inputs = [values, self.constant(rounded), scale, self.constant(steps.astype(np.float32)), zero_point]
        if bias is not None:
            inputs += [EMPTY, self.constant(bias)]
        return self.node("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def _norm(self, x: str, name: str, *, shift: Array | None = None) -> str:
        eps = self._config.norm_eps if name == "encoder.norm" else LAYER_NORM_EPS
        weight, bias = (self._weights[f"{name}.{part}"] for part in ("weight", "bias"))
        bias = bias if shift is None else bias - shift
        return self.node("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=eps)

    def _valid_frames(self, x: str) -> str:
        """Returns 1.0 for frames within a waveform's true length and 0.0 for the others, ``(B, T, 1)``."""
        config = self._config
        frames = self._div(self._sub("samples", config.receptive_samples), config.hop_samples)
        frames = self.node("Unsqueeze", self.node("Add", frames, self.constant([1])), self.constant([1]))  # (B, 1)
        return self.node("Unsqueeze", self._mask(frames, self.size(x, 1)), self.constant([2]))

    def _add_positions(self, x: str, valid: str) -> str:
        position = self.node("Mul", x, valid)
        scale = self.constant(np.ones(self._config.embed_dim, dtype=np.float32))
        for number in range(self._config.conv_pos_depth):
            weight, bias = (self._weights[f"positions.{number}.conv.{part}"] for part in ("weight", "bias"))
            before = weight.shape[2] // 2
            after = weight.shape[2] - 1 - before  # with less padding, an even kernel doesn't give one frame too many
            y = self.node("Transpose", position, perm=[0, 2, 1])  # (B, D, T)
            inputs = (y, self.constant(weight), self.constant(bias))
            y = self.node("Conv", *inputs, group=self._config.conv_pos_groups, pads=[before, after])
            y = self.node("Transpose", y, perm=[0, 2, 1])  # (B, T, D)
            y = self.node("Gelu", self.node("LayerNormalization", y, scale, axis=-1, epsilon=LAYER_NORM_EPS))
            position = self.node("Mul", y, valid)
        return self.node("Add", x, position)

    def _with_extra_tokens(self, x: str) -> str:
        tokens = self.constant(self._weights["extra_tokens"])  # (1, X, D)
        shape = self.node("Concat", self.size(x, 0), self.constant([1, 1]), axis=0)
        return self.node("Concat", self.node("Expand", tokens, shape), x, axis=1)

    def _attention_bias(self, valid: str) -> str:
        """Returns ``-slope * scale * distance``; 0 from and to extra tokens, and -1e9 more to invalid frames."""
        config = self._config
        scale = np.maximum(self._weights["alibi.scale"], 0).reshape(-1) * np.array(alibi_slopes(config.num_heads))
        frames = self.node("Squeeze", self.size(valid, 1))
        positions = self.node("Range", self.constant(0), frames, self.constant(1))
        positions = self.node("Cast", positions, to=TensorProto.FLOAT)  # (T,)
        rows = self.node("Unsqueeze", positions, self.constant([1]))
        distance = self.node("Abs", self.node("Sub", rows, positions))  # (T, T)
        slopes = self.constant(-scale.astype(np.float32).reshape(1, -1, 1, 1))
        bias = self.node("Mul", distance, slopes)  # (1, H, T, T)
        extra = config.num_extra_tokens
        bias = self.node("Pad", bias, self.constant([0, 0, extra, extra, 0, 0, 0, 0]))  # (1, H, X + T, X + T)
        outside = self.node("Sub", valid, self.constant(np.ones(1, dtype=np.float32)))  # (B, T, 1): 0 or -1
        hidden = self.node("Mul", outside, self.constant(np.full(1, 1e9, dtype=np.float32)))
        hidden = self.node("Transpose", hidden, perm=[0, 2, 1])  # (B, 1, T)
        hidden = self.node("Pad", hidden, self.constant([0, 0, extra, 0, 0, 0]))  # (B, 1, X + T)
        return self.node("Add", bias, self.node("Unsqueeze", hidden, self.constant([1])))

    def _blocks(self) -> list[str]:
        context = [f"encoder.context_blocks.{number}" for number in range(self._config.prenet_depth)]
        return context + [f"encoder.blocks.{number}" for number in range(self._config.depth)]

    def _block(self, x: str, name: str, following: str | None, bias: str) -> str:
        """Adds ``norm1(x + attention)``, then ``norm2(x + mlp)``.

        ``x`` has already been shifted for this block, and the result is shifted for the block ``following``.
        """
        qkv, fc1, fc2 = (self._shift(f"{name}.{part}") for part in ("qkv", "fc1", "fc2"))
        attended = self._linear(self._attend(x, name, bias), f"{name}.proj", plus=qkv)
        x = self._add_and_norm(x, attended, f"{name}.norm1", shift=fc1)
        hidden = self.node("Gelu", self._linear(x, f"{name}.fc1"))
        if fc2.any():
            hidden = self.node("Sub", hidden, self.constant(fc2))
        shift = self._shift(f"{following}.qkv") if following is not None else np.zeros_like(qkv)
        return self._add_and_norm(x, self._linear(hidden, f"{name}.fc2", plus=fc1), f"{name}.norm2", shift=shift)

    def _attend(self, x: str, name: str, bias: str) -> str:
        weight = self._weights[f"{name}.qkv.weight"].T
        offsets = self._weights[f"{name}.qkv.bias"] + self._shift(f"{name}.qkv") @ weight
        query, key, value = np.split(offsets, 3)
        value = value - self._shift(f"{name}.proj")  # the weights of attention sum to 1, so the shift is preserved
        pairs = list(zip(np.split(weight, 3, axis=1), (query, key, value), strict=True))
        if self._int8:
            quantized = self._quantize(x)  # once for query, key and value
            parts = [self._integer_product(quantized, *pair) for pair in pairs]
        else:
            parts = [self._product(x, *pair) for pair in pairs]
        inputs = (*parts, EMPTY, EMPTY, bias)  # without the optional inputs for another bias and a mask
        return self.node("MultiHeadAttention", *inputs, domain=MICROSOFT, num_heads=self._config.num_heads)

    def _add_and_norm(self, x: str, y: str, name: str, *, shift: Array) -> str:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"] - shift
        constants = self.constant(weight), self.constant(bias)
        eps = self._config.norm_eps
        return self.node("SkipLayerNormalization", x, y, *constants, domain=MICROSOFT, epsilon=eps)
