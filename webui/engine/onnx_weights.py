"""Lower precision for the weights of an exported graph.

int8 is by blocks: every ``BLOCK`` weights of a row share one scale, and so do the activations that meet them. One
scale per row of weights and one per tensor of activations, which ``onnxruntime.quantization`` would give, is faster by
a third, but its scores are off by two and a half times as much, and it needs a bit of the weights against overflow.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

BLOCK: Final = 32
_ZERO: Final = 128  # of the stored bytes
_INT8_SUMS: Final = 4  # `accuracy_level` of MatMulNBits: activations in int8 too
_KEPT: Final = ("/wave.0/", "/head/")  # first and last product: next to no time, and the most to lose
_LARGE: Final = 1 << 12  # values; smaller tensors stay as they are


def quantize(model: "ModelProto") -> "ModelProto":
    """Returns the graph with its matrix products by constant weights in int8."""
    import onnx
    from onnx import numpy_helper

    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[NodeProto] = []
    replaced: dict[str, list[TensorProto]] = {}
    for node in model.graph.node:
        if not _is_quantized(node, weights):
            nodes.append(node)
            continue
        name = node.input[1]
        matrix = numpy_helper.to_array(weights[name])  # (K, N)
        if name not in replaced:
            stored, scales = quantize_blocks(matrix)
            replaced[name] = [
                numpy_helper.from_array(stored, f"{name}_int8"),
                numpy_helper.from_array(scales, f"{name}_scales"),
            ]
        nodes.append(
            onnx.helper.make_node(
                "MatMulNBits",
                [node.input[0], *(tensor.name for tensor in replaced[name])],
                list(node.output),
                name=node.name,
                domain="com.microsoft",
                K=matrix.shape[0],
                N=matrix.shape[1],
                bits=8,
                block_size=BLOCK,
                accuracy_level=_INT8_SUMS,
            )
        )
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in replaced]
    added = [tensor for pair in replaced.values() for tensor in pair]
    graph = onnx.helper.make_graph(
        nodes, model.graph.name, list(model.graph.input), list(model.graph.output), [*kept, *added]
    )
    opsets = [*model.opset_import, onnx.helper.make_opsetid("com.microsoft", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)


def quantize_blocks(matrix: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Rounds a matrix ``(K, N)`` to 8 bits with a scale per block.

    Returns:
        Bytes ``(N, K / BLOCK, BLOCK)``, 128 standing for zero, and scales ``(N * K / BLOCK,)``.
    """
    inputs, outputs = matrix.shape
    blocks = -(-inputs // BLOCK)
    padded = np.zeros((outputs, blocks * BLOCK), dtype=np.float32)
    padded[:, :inputs] = matrix.T
    rows = padded.reshape(outputs, blocks, BLOCK)
    scales = np.maximum(np.abs(rows).max(axis=2) / (_ZERO - 1), np.finfo(np.float32).tiny)  # (N, K / BLOCK)
    stored = np.round(rows / scales[..., None]) + _ZERO
    return stored.astype(np.uint8), scales.reshape(-1).astype(np.float32)


def halve_weights(model: "ModelProto") -> None:
    """Stores large weights as float16; the runtime widens them once, when it loads the file, and works in fp32."""
    import onnx
    from onnx import numpy_helper

    casts: list[NodeProto] = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _is_quantized(node: "NodeProto", weights: dict[str, "TensorProto"]) -> bool:
    if node.op_type != "MatMul" or node.input[1] not in weights:
        return False
    return not any(part in node.name for part in _KEPT)
