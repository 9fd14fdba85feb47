"""Texts about models, their files and their devices."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "engine.not_found": Text(
        zh="找不到模型文件 {path}。请检查模型文件夹是否完整；内置模型随项目提供，可用 git 恢复 models/builtin。",
        en=(
            "The model file {path} is missing. Check that the model's folder is complete; "
            "the built-in model comes with the project: restore models/builtin from git."
        ),
    ),
    "engine.unreadable": Text(
        zh="无法读取模型文件 {path}（{reason}），文件可能已损坏。请重新获取该文件。",
        en="The model file {path} can't be read ({reason}); it may be damaged. Get a new copy.",
    ),
    "engine.bad_config": Text(
        zh="模型配置 {path} 有误：{place} 处 {reason}。请使用与权重配套的配置文件。",
        en="The model's configuration {path} is invalid at {place}: {reason}. Use the one that belongs to the weights.",
    ),
    "engine.missing_tensors": Text(
        zh="权重文件 {path} 缺少 {count} 个张量：{names}。请使用与配置配套的权重。",
        en=(
            "The weights {path} lack {count} tensor(s) of the network: {names}. "
            "Use the weights that belong to the configuration."
        ),
    ),
    "engine.extra_tensors": Text(
        zh="权重文件 {path} 多出 {count} 个张量：{names}。请使用与配置配套的权重。",
        en=(
            "The weights {path} contain {count} tensor(s) that the network does not have: {names}. "
            "Use the weights that belong to the configuration."
        ),
    ),
    "engine.bad_tensor": Text(
        zh="权重文件 {path} 中张量 {name} 为 {found}，应为 {expected}。请使用与配置配套的权重。",
        en=(
            "In the weights {path}, tensor {name} is {found}; {expected} is expected. "
            "Use the weights that belong to the configuration."
        ),
    ),
    "engine.not_finite": Text(
        zh="权重文件 {path} 中张量 {name} 含有 NaN 或无穷大。请重新获取权重。",
        en="In the weights {path}, tensor {name} contains NaN or infinite values. Get a new copy.",
    ),
    "engine.no_export": Text(
        zh=(
            "没有安装 PyTorch，只能使用导出的模型，但找不到 {file}，同一文件夹中也没有其他精度的 model.*.onnx。"
            "请在装有 PyTorch 的机器上运行 bash run.sh export {model} --precision int8，把得到的文件复制到 {folder}；"
            "或用 bash run.sh 安装全部软件包。"
        ),
        en=(
            "PyTorch is not installed, so an exported model is needed, but {file} does not exist, nor a model.*.onnx "
            "of another precision that could be used. Run `bash run.sh export {model} --precision int8` on a machine "
            "with PyTorch and copy the file to {folder}, or install all packages with bash run.sh."
        ),
    ),
    "engine.no_package": Text(
        zh="模型 {model} 需要软件包 {package}，但没有安装。请用 bash run.sh 安装全部软件包，或使用导出的模型。",
        en=(
            "The model {model} needs the package {package}, which is not installed. Install all packages with "
            "bash run.sh, or use an exported model."
        ),
    ),
    "engine.no_device": Text(
        zh="没有可用的设备 {found}；本机可用：{expected}。请选择其中之一或 auto。",
        en="The device {found} is not available on this machine; available: {expected}. Choose one of them, or auto.",
    ),
    "engine.device_failed": Text(
        zh="设备 {found} 无法使用（{reason}）。请改用 cpu，或检查驱动程序。",
        en="The device {found} does not work ({reason}). Use cpu, or check its driver.",
    ),
    "engine.bad_window": Text(
        zh="传给模型的窗口形状为 {found}，应为一维且至少 {expected} 个采样点。请使用更长的单声道音频。",
        en=(
            "The model was given a window of shape {found}; one dimension of at least {expected} samples is expected. "
            "Use longer audio, mixed to mono."
        ),
    ),
    "engine.bad_statistics": Text(
        zh="录音的均值为 {mean}、方差为 {variance}，应为有限数且方差不为负。请检查音频是否含有 NaN 或无穷大的采样点。",
        en=(
            "The recording's mean is {mean} and its variance {variance}; finite numbers and a variance of 0 or more "
            "are expected. Check the audio for NaN or infinite samples."
        ),
    ),
    "engine.failed": Text(
        zh="模型 {model} 推理失败（{reason}）。请换用更短的音频或 cpu 设备后重试。",
        en="Inference with model {model} failed ({reason}). Try shorter audio, or the device cpu.",
    ),
    "engine.not_a_number": Text(
        zh="模型 {model} 的输出含有 NaN 或无穷大。请检查音频是否含有 NaN 或无穷大的采样点。",
        en=(
            "The output of model {model} contains NaN or infinite values. Check the audio for NaN or infinite samples."
        ),
    ),
    "engine.no_such_precision": Text(
        zh="引擎 {engine} 不支持精度 {found}，支持 {expected}。请换一种精度，或把引擎设为 auto。",
        en=(
            "The engine {engine} does not support precision {found}; it supports {expected}. "
            "Choose one of these, or set the engine to auto."
        ),
    ),
    "engine.no_such_export": Text(
        zh="ONNX 文件不支持精度 {found}，请选择 fp32、fp16 或 int8。",
        en="ONNX files can't be exported in {found}; choose fp32, fp16 or int8.",
    ),
    "engine.no_such_weights": Text(
        zh="safetensors 不支持精度 {found}，请选择 fp32 或 fp16。int8 请使用 --format onnx。",
        en="safetensors can't be exported in {found}; choose fp32 or fp16. For int8 use --format onnx.",
    ),
    "engine.fell_back": Text(
        zh="设备 {device} 出错（{reason}），已改用 CPU 继续；结果不受影响，但会变慢。",
        en="The device {device} failed ({reason}); the CPU was used instead: the same numbers, but slower.",
    ),
}
