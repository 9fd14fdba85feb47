"""Texts about what was asked for: parameters that make no sense, and models that can't answer it."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "request.bad_smoothing": Text(
        zh="逐帧得分的窗口 {window_s} 秒、步长 {hop_s} 秒不合理：需要 窗口 ≥ 步长 > 0。请调整这两个值，或使用原始帧。",
        en=(
            "Frame scores can't have a window of {window_s} s and a hop of {hop_s} s: window >= hop > 0 is expected. "
            "Change the two values, or ask for raw frames."
        ),
    ),
    "request.unknown_model": Text(
        zh="没有名为 {found} 的模型，可用的有：{expected}。请用 models 命令查看，或使用 auto。",
        en="There is no model named {found}; known are: {expected}. See the `models` command, or use auto.",
    ),
    "request.unmapped_labels": Text(
        zh="模型 {model} 的类别 {found} 与九种情感没有对应关系，无法给出九种得分。请为该模型提供类别映射。",
        en=(
            "Model {model} has classes {found} that stand for none of the nine emotions, "
            "so the nine scores can't be given. Give the model a map to the nine."
        ),
    ),
    "request.builtin_answered": Text(
        zh=("本次由内置小模型作答，不是 Emotion2Vec+ Large；它的准确率低得多，权重仅限非商业用途（{license}）。"),
        en=(
            "The built-in small model answered, not Emotion2Vec+ Large; it is far less accurate, "
            "and its weights are for non-commercial use only ({license})."
        ),
    ),
    "request.large_absent": Text(
        zh="本机没有 {model} 的权重；把它的文件放入 models/{model}/ 后，将由它作答（见 models/README.md）。",
        en=(
            "The weights of {model} are not on this machine; once its files lie in models/{model}/ it answers "
            "(see models/README.md)."
        ),
    ),
    "request.weights_absent": Text(
        zh=(
            "本机没有 {model} 的权重，因此它不能作答，也不会由其他模型代替。"
            "请把它的文件放入 models/{model}/（见 models/README.md），或使用 auto。"
        ),
        en=(
            "The weights of {model} are not on this machine, so it can't answer, and no other model answers in its "
            "name. Put its files into models/{model}/ (see models/README.md), or use auto."
        ),
    ),
    "request.nothing_answers": Text(
        zh=(
            "没有可用的模型：本机没有 {model} 的权重，而设置 builtin 不允许内置模型代答。"
            "请把它的文件放入 models/{model}/（见 models/README.md）。"
        ),
        en=(
            "No model can answer: the weights of {model} are not on this machine, and the setting `builtin` keeps the "
            "built-in one from answering. Put its files into models/{model}/ (see models/README.md)."
        ),
    ),
}
