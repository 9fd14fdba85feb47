"""Texts of the area "engine": models, their files, their devices."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "engine.not_found": Text(
        zh="找不到模型文件 {path}。请确认模型目录完整；内置模型随项目提供，可用 git 恢复 models/builtin。",
        en=(
            "The model file {path} is not there; it is expected beside the other files of its model. "
            "The built-in model comes with the project: restore models/builtin from git."
        ),
    ),
    "engine.unreadable": Text(
        zh="无法读取模型文件 {path}（{reason}），文件可能已损坏。请重新获取该文件。",
        en="The model file {path} can't be read ({reason}); a whole, undamaged file is expected. Get it again.",
    ),
    "engine.bad_config": Text(
        zh="模型配置 {path} 有误：{place} 处 {reason}。请使用与权重配套的配置文件。",
        en="The model's configuration {path} is wrong at {place}: {reason}. Use the one that belongs to the weights.",
    ),
    "engine.missing_tensors": Text(
        zh="权重文件 {path} 缺少 {count} 个张量：{names}。请使用与配置配套的权重。",
        en=(
            "The weights {path} lack {count} tensor(s): {names}; exactly the network's tensors are expected. "
            "Use the weights that belong to the configuration."
        ),
    ),
    "engine.extra_tensors": Text(
        zh="权重文件 {path} 多出 {count} 个张量：{names}。请使用与配置配套的权重。",
        en=(
            "The weights {path} have {count} tensor(s) too many: {names}; only the network's tensors are expected. "
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
        zh="权重文件 {path} 中张量 {name} 含有无穷大或非数值，应全部为有限数。请重新获取权重。",
        en="In the weights {path}, tensor {name} holds numbers that are not finite; all must be. Get it again.",
    ),
    "engine.no_device": Text(
        zh="没有可用的设备 {found}；本机可用：{expected}。请选择其中之一或 auto。",
        en="There is no working device {found} here; available: {expected}. Choose one of them, or auto.",
    ),
    "engine.device_failed": Text(
        zh="设备 {found} 无法使用（{reason}）。请改用 cpu，或检查驱动程序。",
        en="The device {found} does not work ({reason}); a working one is expected. Use cpu, or check its driver.",
    ),
    "engine.bad_window": Text(
        zh="传给模型的窗口形状为 {found}，应为一维且至少 {expected} 个采样点。请使用更长的单声道音频。",
        en=(
            "A window of shape {found} was given to the model; one row of at least {expected} samples is expected. "
            "Use longer audio, mixed to mono."
        ),
    ),
    "engine.bad_statistics": Text(
        zh="录音的均值为 {mean}、方差为 {variance}，应为有限数且方差不为负。请检查音频是否含有非数值采样。",
        en=(
            "The recording's mean is {mean} and its variance {variance}; finite numbers and a variance of 0 or more "
            "are expected. Check the audio for samples that are no numbers."
        ),
    ),
    "engine.failed": Text(
        zh="模型 {model} 推理失败（{reason}）。请换用更短的音频或 cpu 设备后重试。",
        en="The model {model} failed ({reason}); an answer was expected. Try shorter audio, or the device cpu.",
    ),
    "engine.not_a_number": Text(
        zh="模型 {model} 的输出不是有限数。请检查音频是否含有非数值采样。",
        en=(
            "The model {model} gave numbers that are not finite; finite ones are expected. "
            "Check the audio for samples that are no numbers."
        ),
    ),
    "engine.no_such_precision": Text(
        zh="引擎 {engine} 没有精度 {found}，可用的是 {expected}。请换一种精度，或把引擎设为 auto。",
        en=(
            "The engine {engine} has no precision {found}; it has {expected}. "
            "Choose one of these, or leave the engine at auto."
        ),
    ),
    "engine.no_such_export": Text(
        zh="不能导出精度 {found} 的 ONNX 文件，可用的是 fp32、fp16 和 int8。",
        en="There is no ONNX file in {found}; choose fp32, fp16 or int8.",
    ),
    "engine.no_such_weights": Text(
        zh="safetensors 没有精度 {found}，可用 fp32 和 fp16。int8 请使用 --format onnx。",
        en="There are no safetensors in {found}; fp32 and fp16 are expected. For int8 use --format onnx.",
    ),
    "engine.fell_back": Text(
        zh="设备 {device} 出错（{reason}），已改用 CPU 继续，结果不受影响，但会变慢。",
        en="The device {device} failed ({reason}); the CPU answered instead, with the same numbers but more slowly.",
    ),
}
