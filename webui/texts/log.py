"""The lines of the processing log (处理日志): validation, preprocessing, inference, results."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "log.validated": Text(
        zh="[验证] 文件 {file_name}，{size_kb:.1f} KB，{format}，{sample_rate_hz} Hz，{channels} 声道",
        en="[validation] file {file_name}, {size_kb:.1f} KB, {format}, {sample_rate_hz} Hz, {channels} channel(s)",
    ),
    "log.preprocessed": Text(
        zh="[预处理] 时长 {duration_s:time}，已转换为 {target_hz} Hz 单声道，用时 {elapsed_s:time}",
        en="[preprocessing] {duration_s:time} of audio, converted to {target_hz} Hz mono in {elapsed_s:time}",
    ),
    "log.same_channels": Text(
        zh="[预处理] {channels} 个声道的内容相同（双单声道）",
        en="[preprocessing] the {channels} channels carry the same signal (dual mono)",
    ),
    "log.channel": Text(
        zh="[结果] 声道 {channel}：{emoji} {zh} ({en})，置信度 {confidence:.1%}",
        en="[results] channel {channel}: {emoji} {en} ({zh}), confidence {confidence:.1%}",
    ),
    "log.model_rate": Text(
        zh="[模型] 采样率 {sample_rate_hz} Hz，直接由源文件重采样",
        en="[model] sample rate {sample_rate_hz} Hz, resampled from the source file",
    ),
    "log.model": Text(
        zh="[模型] {name}（引擎 {engine}，精度 {precision}，设备 {device}），加载用时 {elapsed_s:.2f} 秒",
        en="[model] {name} (engine {engine}, precision {precision}, device {device}), loaded in {elapsed_s:.2f} s",
    ),
    "log.inferred": Text(
        zh="[推理] {frames} 帧，{windows} 个窗口，用时 {elapsed_s:time}",
        en="[inference] {frames} frame(s) in {windows} window(s), {elapsed_s:time}",
    ),
    "log.recognized": Text(
        zh="[结果] {emoji} {zh} ({en})，置信度 {confidence:.1%}",
        en="[results] {emoji} {en} ({zh}), confidence {confidence:.1%}",
    ),
    "log.embedding": Text(
        zh="[结果] Embedding 特征，形状 {shape}，已写入 {file}",
        en="[results] embedding of shape {shape}, written to {file}",
    ),
    "log.segments": Text(
        zh="[结果] {segments} 个语音片段，共 {speech_s:time}",
        en="[results] {segments} speech segment(s), {speech_s:time} in total",
    ),
    "log.frames": Text(
        zh="[结果] {rows} 行帧级得分，窗口 {window_s:.2f} 秒，步长 {hop_s:.2f} 秒",
        en="[results] {rows} rows of frame scores, window {window_s:.2f} s, hop {hop_s:.2f} s",
    ),
    "log.saved": Text(zh="[结果] 已保存到 {folder}：{files}", en="[results] saved to {folder}: {files}"),
}
