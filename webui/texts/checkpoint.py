"""Texts about the weights of Emotion2Vec: finding, reading, checking and converting them."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "checkpoint.bad_sample_rate": Text(
        zh=(
            "模型 {model} 声明的采样率为 {found}，应为 {expected_min_hz} 到 {expected_max_hz} Hz 之间的整数。"
            "请检查其文件夹中 preprocessor_config.json 或 config.json 里的采样率。"
        ),
        en=(
            "Model {model} states a sample rate of {found}; an integer from {expected_min_hz} to {expected_max_hz} Hz "
            "is expected. Check the rate in preprocessor_config.json or config.json in its folder."
        ),
    ),
    "checkpoint.needs_transformers": Text(
        zh="模型 {model} 需要软件包 transformers，但它没有安装。请运行 pip install -r requirements.txt。",
        en="Model {model} requires the package transformers, which is not installed. Run pip install -r "
        "requirements.txt.",
    ),
    "checkpoint.not_transformers": Text(
        zh="模型 {model} 的文件夹不是可用的 transformers 语音分类模型（{reason}）。请检查 config.json 和权重文件。",
        en=(
            "The folder of model {model} is not a usable transformers audio classification model ({reason}). "
            "Check its config.json and its weights."
        ),
    ),
    "checkpoint.config_unreadable": Text(
        zh="无法读取 {file}（{reason}），应为 Emotion2Vec 的 config.yaml。请重新下载该模型的文件。",
        en="{file} can't be read ({reason}); Emotion2Vec's config.yaml is expected. Download the model's files again.",
    ),
    "checkpoint.config_unsupported": Text(
        zh="config.yaml 中 {key} 为 {found}，本程序支持的网络要求 {expected}。请使用 Emotion2Vec 系列的模型。",
        en=(
            "In config.yaml, {key} is {found}; this program's network requires {expected}. "
            "Use a model of the Emotion2Vec family."
        ),
    ),
    "checkpoint.damaged": Text(
        zh="权重文件 {file} 已损坏，或不是 PyTorch 权重（{reason}）。请删除后重新下载。",
        en=("The weights {file} are damaged or not PyTorch weights ({reason}). Delete the file and download it again."),
    ),
    "checkpoint.is_program": Text(
        zh="{file} 是 TorchScript 程序，不是权重。本程序不执行权重文件中的代码，请使用官方发布的 model.pt。",
        en=(
            "{file} is a TorchScript program, not weights; code in a checkpoint is never executed. "
            "Use the published model.pt."
        ),
    ),
    "checkpoint.no_weights": Text(
        zh="{file} 中没有权重（找到 {found}），应为按名称存放的张量。请使用官方发布的 model.pt。",
        en="There are no weights in {file} (found {found}); tensors by name are expected. Use the published model.pt.",
    ),
    "checkpoint.missing": Text(
        zh="权重 {file} 缺少 {count} 个张量：{names}。请使用与 config.yaml 配套的权重。",
        en=(
            "The weights {file} lack {count} tensor(s) of the network: {names}. "
            "Use the weights that belong to config.yaml."
        ),
    ),
    "checkpoint.unexpected": Text(
        zh="权重 {file} 含有网络中没有的 {count} 个张量：{names}。请使用与 config.yaml 配套的权重。",
        en=(
            "The weights {file} contain {count} tensor(s) that the network does not have: {names}. "
            "Use the weights that belong to config.yaml."
        ),
    ),
    "checkpoint.misshapen": Text(
        zh="权重 {file} 中有 {count} 个张量形状不符：{names}。请使用与 config.yaml 配套的权重。",
        en=(
            "In the weights {file}, {count} tensor(s) have an unexpected shape: {names}. "
            "Use the weights that belong to config.yaml."
        ),
    ),
    "checkpoint.not_finite": Text(
        zh="权重 {file} 中张量 {name} 含有 NaN 或无穷大。请重新下载。",
        en="In the weights {file}, tensor {name} contains NaN or infinite values. Download the file again.",
    ),
    "checkpoint.no_space": Text(
        zh=(
            "{folder} 所在磁盘空间不足：可用 {free_mb:.0f} MB，需要 {needed_mb:.0f} MB。"
            "请清理磁盘，或把 models_dir 设为其他文件夹。"
        ),
        en=(
            "Not enough space in {folder}: {free_mb:.0f} MB free, {needed_mb:.0f} MB needed. "
            "Free some space, or set models_dir to another folder."
        ),
    ),
    "checkpoint.not_written": Text(
        zh=(
            "无法把权重写入 {folder}（{reason}），没有留下不完整的文件。"
            "请检查磁盘和权限，或把 models_dir 设为其他文件夹。"
        ),
        en=(
            "The weights can't be written to {folder} ({reason}); no incomplete file was left behind. "
            "Check the disk and its permissions, or set models_dir to another folder."
        ),
    ),
    "checkpoint.not_exported": Text(
        zh="{file} 已损坏，或不是本程序导出的 ONNX 模型（{reason}）。请删除后用 export 命令重新导出。",
        en=(
            "{file} is damaged or not an ONNX model exported by this program ({reason}). "
            "Delete it and run the `export` command again."
        ),
    ),
    "checkpoint.no_funasr": Text(
        zh="无法导入 FunASR（{reason}），参考引擎需要它。请重新运行 bash run.sh 安装依赖，或使用 native 引擎。",
        en=(
            "FunASR can't be imported ({reason}); the reference engine requires it. "
            "Run bash run.sh to install the missing packages, or use the native engine."
        ),
    ),
}
