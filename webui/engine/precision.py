"""How a model runs: on which device, with which engine, and with weights of which precision."""

from dataclasses import dataclass
from importlib.util import find_spec

from webui.errors import RequestError
from webui.settings import Device, Engine, Precision, Settings


@dataclass(frozen=True, slots=True)
class Runtime:
    """How to run a model.

    Attributes:
        device: the device to run on.
        engine: the implementation of an Emotion2Vec model; ``auto`` leaves the choice to ``engine_for``.
        precision: the number format of an Emotion2Vec model's weights.
    """

    device: Device
    engine: Engine
    precision: Precision

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        device: Device | None = None,
        engine: Engine | None = None,
        precision: Precision | None = None,
    ) -> "Runtime":
        """Returns a runtime with the given values; the settings replace those that are None."""
        return cls(
            device if device is not None else settings.device,
            engine if engine is not None else settings.engine,
            precision if precision is not None else settings.precision,
        )


def has_torch() -> bool:
    """Returns whether PyTorch is installed; requirements-lite.txt does not contain it."""
    try:
        return find_spec("torch") is not None
    except (ImportError, ValueError):
        return False


def engine_for(runtime: Runtime) -> Engine:
    """Returns the engine for a precision; for ``auto``, the fastest one that supports it (docs/BENCHMARKS.md).

    fp32 and bf16 run in PyTorch if it is installed. So does fp16, except if the CPU was requested explicitly: there
    fp16 is only a storage format, which the ONNX engine has. int8 runs in ONNX Runtime.

    Raises:
        RequestError: the requested engine doesn't support the precision.
    """
    native_precisions = {Precision.FP32, Precision.FP16, Precision.BF16}
    onnx_precisions = {Precision.FP32, Precision.FP16, Precision.INT8}
    engine, precision = runtime.engine, runtime.precision
    if engine is Engine.AUTO:
        half_on_cpu = precision is Precision.FP16 and runtime.device is Device.CPU
        native = precision in native_precisions and not half_on_cpu and has_torch()
        return Engine.NATIVE if native else Engine.ONNX
    precisions = {
        Engine.NATIVE: native_precisions,
        Engine.ONNX: onnx_precisions,
        Engine.FUNASR: {Precision.FP32},
    }[engine]
    if precision not in precisions:
        expected = ", ".join(one.value for one in Precision if one in precisions)
        raise RequestError("engine.no_such_precision", engine=engine.value, found=precision.value, expected=expected)
    return engine
