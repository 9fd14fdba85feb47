"""Stores the weights of an exported graph in half precision."""

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_LARGE: Final = 1 << 12  # number of values; smaller tensors are not changed


def halve_weights(model: "ModelProto") -> None:
    """Stores large weights as float16. ONNX Runtime converts them when it loads the file, and computes in fp32."""
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
