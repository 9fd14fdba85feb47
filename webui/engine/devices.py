"""The choice of the device that a model runs on, and how many concurrent requests are worthwhile on it."""

import torch

from webui.engine.protocol import CPU_CONCURRENCY, GPU_CONCURRENCY
from webui.errors import DeviceUnavailableError
from webui.settings import Device


def choose_device(device: Device) -> torch.device:
    """Returns the device to run on.

    ``auto`` selects the first of CUDA, Apple's MPS and the CPU on which a small test computation succeeds.

    Raises:
        DeviceUnavailableError: a device was requested by name, and it does not exist or does not work.
    """
    if device is Device.CPU:
        return torch.device("cpu")
    if device is not Device.AUTO:
        if device not in _present():
            present = ", ".join([*(found.value for found in _present()), Device.CPU.value])
            raise DeviceUnavailableError("engine.no_device", found=device.value, expected=present)
        failure = _failure(_torch_device(device))
        if failure is not None:
            raise DeviceUnavailableError("engine.device_failed", found=device.value, reason=str(failure)) from failure
        return _torch_device(device)
    for found in _present():
        if _failure(_torch_device(found)) is None:
            return _torch_device(found)
    return torch.device("cpu")


def concurrency_of(device: torch.device) -> int:
    """Returns how many requests should be processed concurrently; see ``EmotionModel.concurrency``."""
    return CPU_CONCURRENCY if device.type == "cpu" else GPU_CONCURRENCY


def _present() -> list[Device]:
    present = {Device.CUDA: torch.cuda.is_available(), Device.MPS: torch.backends.mps.is_available()}
    return [device for device, is_present in present.items() if is_present]


def _torch_device(device: Device) -> torch.device:
    return torch.device("cuda:0" if device is Device.CUDA else device.value)


def _failure(device: torch.device) -> RuntimeError | None:
    """Runs a small test computation and returns its error, if any.

    It fails if the driver is too old for this PyTorch, or the GPU has no free memory.
    """
    try:
        torch.ones(8, 8, device=device).matmul(torch.ones(8, 8, device=device)).sum().item()
    except RuntimeError as err:
        return err
    return None
