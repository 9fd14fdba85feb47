"""Which device a model runs on."""

import torch

from webui.errors import DeviceUnavailableError
from webui.settings import Device


def choose_device(device: Device) -> torch.device:
    """Returns the device to run on; ``auto`` takes CUDA, then Apple's MPS, if they really compute, then the CPU.

    Raises:
        DeviceUnavailableError: a named device is not there, or does not work.
    """
    if device is Device.CPU:
        return torch.device("cpu")
    if device is not Device.AUTO:
        place = _place(device)
        if device not in _present():
            there = ", ".join([*(found.value for found in _present()), Device.CPU.value])
            raise DeviceUnavailableError("engine.no_device", found=device.value, expected=there)
        failure = _failure(place)
        if failure is not None:
            raise DeviceUnavailableError("engine.device_failed", found=device.value, reason=str(failure)) from failure
        return place
    for found in _present():
        if _failure(_place(found)) is None:
            return _place(found)
    return torch.device("cpu")


def _present() -> list[Device]:
    present = {Device.CUDA: torch.cuda.is_available(), Device.MPS: torch.backends.mps.is_available()}
    return [device for device, there in present.items() if there]


def _place(device: Device) -> torch.device:
    return torch.device("cuda:0" if device is Device.CUDA else device.value)


def _failure(place: torch.device) -> RuntimeError | None:
    """Computes something small; a driver too old for this PyTorch, or a card without memory, fails here."""
    try:
        torch.ones(8, 8, device=place).matmul(torch.ones(8, 8, device=place)).sum().item()
    except RuntimeError as err:
        return err
    return None
