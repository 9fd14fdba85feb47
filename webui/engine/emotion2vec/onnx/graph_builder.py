"""Builds an ONNX graph node by node."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


class GraphBuilder:
    """Collects nodes and constants. Its methods return the names of the values that they add to the graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(
        self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: int | float | list[int]
    ) -> str:
        """Adds a node and returns the name of its first output."""
        return self.node_outputs(kind, *inputs, outputs=outputs, domain=domain, **attributes)[0]

    def node_outputs(
        self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: int | float | list[int]
    ) -> tuple[str, ...]:
        """Adds a node and returns the names of all its outputs."""
        number = len(self.nodes)
        names = tuple(f"{kind}_{number}_{index}" for index in range(outputs))
        node = helper.make_node(kind, inputs, names, name=f"{kind}_{number}", domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return names

    def constant(self, values: NDArray[np.generic] | list[int] | list[float] | int, name: str = "") -> str:
        """Adds a constant and returns its name. Python numbers become int64, as ONNX needs them for shapes."""
        array = values if isinstance(values, np.ndarray) else np.array(values, dtype=np.int64)
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def slice(self, x: str, start: int, stop: str | int, step: int = 1, axis: int = 1) -> str:
        """Adds ``x[start:stop:step]`` along ``axis``."""
        end = stop if isinstance(stop, str) else self.constant([stop])
        return self.node("Slice", x, self.constant([start]), end, self.constant([axis]), self.constant([step]))

    def size(self, x: str, axis: int) -> str:
        """Adds the length of ``axis``, shape ``(1,)``."""
        return self.node("Shape", x, start=axis, end=axis + 1)
