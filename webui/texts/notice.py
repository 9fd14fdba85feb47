"""Short forms of warnings and failures: one line on the page and on the terminal. The full texts are the details.

The key is ``notice.`` and the code of the full text, with ``_`` for the dot; the values are the same. Keys that begin
with ``detail.`` are technical details of a full text: messages of libraries, which only some readers understand.
"""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "notice.audio_no_speech": Text(
        zh="没有检测到类似语音的信号，结果没有意义。", en="No speech-like signal: the result is meaningless."
    ),
    "notice.request_no_speech": Text(
        zh="没有检测到语音，结果没有参考意义。", en="No speech was detected: the result means little."
    ),
    "notice.request_no_segments": Text(zh="有人声但没有语音，因此没有片段。", en="A voice but no speech: no segments."),
    "notice.request_builtin_answered": Text(
        zh="使用内置小模型，非 Emotion2Vec+ Large：准确率低得多，仅限非商业用途。",
        en="Built-in model, not Emotion2Vec+ Large: much less accurate; non-commercial.",
    ),
    "notice.audio_incomplete": Text(
        zh="文件不完整：只识别了 {expected_s:time}中的 {kept_s:time}。",
        en="Incomplete file: only {kept_s:time} of {expected_s:time} were recognized.",
    ),
    "notice.audio_damaged_parts": Text(
        zh="文件有损坏，已跳过无法解码的部分。", en="Damaged file: parts that could not be decoded were skipped."
    ),
    "notice.audio_gap": Text(
        zh="录音中间缺少 {gap_s:time}，已补上静音。",
        en="{gap_s:time} are missing in the middle: replaced by silence.",
    ),
    "notice.audio_trailing_bytes": Text(
        zh="文件结尾之后还有 {unused_bytes} 字节，没有使用。",
        en="{unused_bytes} bytes after the end of the recording were not used.",
    ),
    "notice.audio_clipped": Text(
        zh="录音音量过大，出现削波，结果可能偏向激动的情绪。",
        en="Clipped recording: the result may shift towards aroused emotions.",
    ),
    "notice.audio_narrow_band": Text(
        zh="采样率只有 {found_hz} Hz，结果可能不够准确。",
        en="Sample rate of only {found_hz} Hz: the result may be less accurate.",
    ),
    "notice.audio_channels_cancel": Text(
        zh="声道相位相反，只使用了第 {used} 声道。", en="Channels of opposite polarity: only channel {used} was used."
    ),
    "notice.audio_channels_differ": Text(
        zh="各声道内容不同（可能各有一位说话人）：可把声道设为“分开”后重新识别。",
        en="Channels differ (a speaker on each?): recognize them again with separate channels.",
    ),
    "notice.audio_dual_mono": Text(
        zh="各声道内容相同，结果也相同。", en="All channels carry the same signal, so their results are equal."
    ),
    "notice.audio_several_tracks": Text(
        zh="文件里有 {tracks} 条音轨，只分析了第 {used} 条。",
        en="{tracks} audio tracks: only track {used} was analysed.",
    ),
    "notice.audio_silent_track": Text(
        zh="第 {silent} 条音轨没有声音，分析了第 {used} 条。",
        en="Audio track {silent} is silent: track {used} was analysed.",
    ),
    "notice.engine_fell_back": Text(
        zh="设备 {device} 出错，已改用 CPU。", en="The device {device} failed; the CPU was used."
    ),
    "notice.windows_cut": Text(
        zh="录音较长，已分成 {windows} 个窗口分析。", en="Long recording: analysed in {windows} windows."
    ),
    "notice.request_frames_left_out": Text(
        zh="{rows} 行帧级得分未写进结果（最多 {expected} 行）。",
        en="{rows} rows of frame scores are left out; the result has at most {expected}.",
    ),
    "notice.request_precision_ignored": Text(
        zh="模型 {model} 不支持 {found}，该选项没有作用。",
        en="The precision {found} has no effect on the model {model}.",
    ),
    "notice.audio_above_full_scale": Text(
        zh="采样值超过满幅，已整体缩小。", en="Samples above full scale: the recording was scaled down."
    ),
    "notice.download_unreachable": Text(zh="离线：使用内置小模型。", en="Offline: built-in model."),
    "detail.download_unreachable": Text(
        zh="原因：ModelScope：{modelscope_reason}；Hugging Face：{huggingface_reason}",
        en="Reasons: ModelScope: {modelscope_reason}; Hugging Face: {huggingface_reason}",
    ),
    "notice.download_cancelled": Text(zh="{model} 的下载已取消。", en="The download of {model} was cancelled."),
    "notice.download_failed": Text(zh="{model} 下载失败。", en="The download of {model} failed."),
    "notice.download_no_space": Text(
        zh="磁盘空间不足，无法下载模型。", en="Not enough disk space to download the model."
    ),
}
