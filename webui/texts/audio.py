"""Texts about the audio of a request: errors and warnings."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

_FORMATS: Final = (
    "WAV, MP3, M4A/AAC, FLAC, OGG, Opus, WebM, AMR, WMA, AIFF, CAF, MP4, MOV, MKV, AVI, WMV, FLV, MPEG, TS"
)

_ERRORS: Final[Mapping[str, Text]] = {
    "audio.no_speech_finder": Text(
        zh="检测语音片段需要软件包 {package}，但它没有安装。请运行 pip install -r requirements.txt，或选择其他粒度。",
        en=(
            "Detecting speech segments requires the package {package}, which is not installed. "
            "Run pip install -r requirements.txt, or choose another granularity."
        ),
    ),
    "audio.no_such_file": Text(
        zh="找不到文件 {found}。请检查路径，文件可能已被移动或删除。",
        en="There is no file {found}. Check the path: the file may have been moved or deleted.",
    ),
    "audio.is_folder": Text(
        zh="{found} 是文件夹，应为音频文件。请选择其中的文件。",
        en="{found} is a folder; an audio file is expected. Choose one of the files in it.",
    ),
    "audio.not_a_file": Text(
        zh="{found} 不是普通文件（可能是设备或管道），应为音频文件。请先把音频保存为文件。",
        en=(
            "{found} is not a regular file (perhaps a device or a pipe); an audio file is expected. "
            "Save the audio to a file first."
        ),
    ),
    "audio.apple_double": Text(
        zh="{found} 是 macOS 为 {beside} 保存的元数据，不是音频。请选择 {beside} 本身。",
        en="{found} is macOS metadata beside {beside}, not audio. Choose {beside} itself.",
    ),
    "audio.bad_data_url": Text(
        zh="{found} 以 data:…;base64, 开头，但其后不是有效的 base64（{reason}）。请检查文件是否完整，或改用音频文件。",
        en=(
            "{found} begins with data:...;base64, but what follows is not valid base64 ({reason}). Check that the file "
            "is complete, or use the audio file itself."
        ),
    ),
    "audio.unreadable": Text(
        zh="无法读取 {found}（{reason}）。请检查权限和磁盘后重试。",
        en="{found} can't be read ({reason}). Check its permissions and the disk, then try again.",
    ),
    "audio.empty_file": Text(
        zh="文件 {found} 是空的（0 字节），应为录音。请检查录音或上传是否完成。",
        en="The file {found} is empty (0 bytes); a recording is expected. Check that the recording or upload finished.",
    ),
    "audio.no_samples": Text(
        zh="文件 {found} 只有文件头，没有声音数据。请重新录音或重新导出。",
        en="The file {found} has a header but no audio data. Record or export it again.",
    ),
    "audio.too_short": Text(
        zh="音频太短：{found_ms:.1f} 毫秒，至少需要 {expected_ms:.0f} 毫秒。请换一段更长的录音（3–10 秒最佳）。",
        en=(
            "The audio is too short: {found_ms:.1f} ms found, at least {expected_ms:.0f} ms expected. "
            "Use a longer recording (3-10 s works best)."
        ),
    ),
    "audio.too_many_bytes": Text(
        zh="文件 {found} 太大：{found_mb:.1f} MB，上限为 {expected_mb:.1f} MB。请压缩或截短，或调大 max_audio_mb。",
        en=(
            "The file {found} is too large: {found_mb:.1f} MB found, at most {expected_mb:.1f} MB accepted. "
            "Compress or shorten it, or raise max_audio_mb."
        ),
    ),
    "audio.too_many_seconds": Text(
        zh="录音 {found} 太长：超过上限 {expected_s:time}，已停止解码。请分成几段，或调大 max_audio_s。",
        en=(
            "The recording {found} is too long: decoding stopped at the limit of {expected_s:time}. "
            "Cut it into parts, or raise max_audio_s."
        ),
    ),
    "audio.text": Text(
        zh=f"文件 {{found}} 的内容是文本，不是音频（与扩展名无关）。请选择音频文件：{_FORMATS}。",
        en=f"The file {{found}} is text, not audio, whatever its extension. Choose an audio file: {_FORMATS}.",
    ),
    "audio.silk": Text(
        zh=(
            "文件 {found} 是微信/QQ 语音消息（SILK 编码，扩展名可能是 .amr），暂不支持解码。"
            "请先转换成 WAV 或 MP3，例如使用 silk-v3-decoder，或 pip install silk-python 后调用 pysilk.decode。"
        ),
        en=(
            "The file {found} is a WeChat/QQ voice message (SILK, even if it is named .amr), which can't be decoded. "
            "Convert it to WAV or MP3, for example with silk-v3-decoder, or with pysilk.decode of silk-python."
        ),
    ),
    "audio.headerless": Text(
        zh=(
            "文件 {found} 像是没有文件头的采样（A-law、mu-law 或 PCM），无法得知其格式。"
            "请用选项 headerless 指定编码、采样率和声道数；看起来是 {likely}（命令行：--headerless {likely}）。"
        ),
        en=(
            "The file {found} looks like samples without a header: A-law, mu-law or PCM? State codec, sample rate and "
            "channels with the option headerless, probably {likely} (command line: --headerless {likely})."
        ),
    ),
    "audio.playlist": Text(
        zh="文件 {found} 是播放列表（{kind}），只列出其他文件的地址，本身没有声音。请直接选择音频文件。",
        en=(
            "The file {found} is a playlist ({kind}): it lists other files and contains no audio. "
            "Choose the audio file itself."
        ),
    ),
    "audio.image": Text(
        zh="文件 {found} 是图片（{kind}），不是音频。请选择录音文件。",
        en="The file {found} is an image ({kind}), not audio. Choose a recording.",
    ),
    "audio.not_audio": Text(
        zh="文件 {found} 是 {kind} 文件，不是音频。请选择录音文件（压缩包请先解压）。",
        en="The file {found} is a {kind} file, not audio. Choose a recording (unpack archives first).",
    ),
    "audio.unknown_format": Text(
        zh=f"无法识别文件 {{found}} 的格式。支持的格式：{_FORMATS}。请先转换成其中一种。",
        en=f"The format of the file {{found}} is unknown. Supported: {_FORMATS}. Convert it to one of these.",
    ),
    "audio.damaged_header": Text(
        zh="文件 {found} 看起来是 {container}，但文件头已损坏或编码不受支持。请重新导出，或转换成 WAV 后再试。",
        en=(
            "The file {found} looks like {container}, but its header is damaged or its codec is not supported. "
            "Export it again, or convert it to WAV."
        ),
    ),
    "audio.damaged": Text(
        zh="文件 {found} 已损坏，连 25 毫秒的声音都无法解码。请重新录音、重新下载或重新导出。",
        en="The file {found} is damaged: not even 25 ms of it could be decoded. Record, download or export it again.",
    ),
    "audio.video_without_sound": Text(
        zh="文件 {found} 只有画面，没有音轨。请选择带声音的视频，或单独的录音文件。",
        en="The file {found} has video but no audio track. Choose a video with sound, or a recording.",
    ),
    "audio.no_track": Text(
        zh="文件 {found} 没有音轨。请选择录音文件。",
        en="The file {found} has no audio track. Choose a recording.",
    ),
    "audio.no_such_track": Text(
        zh="文件 {found} 没有第 {track} 条音轨，它的音轨数为 {tracks}。请选择 1 到 {tracks}，或使用 auto。",
        en="There is no audio track {track} in {found}, which has {tracks}. Choose 1 to {tracks}, or auto.",
    ),
    "audio.unknown_codec": Text(
        zh="文件 {found} 的音轨使用了不受支持的编码（可能受版权保护）。请转换成 WAV 或 MP3 后再试。",
        en=(
            "The audio track of {found} has an unsupported codec (it may be copy-protected). Convert it to WAV or MP3."
        ),
    ),
    "audio.protected": Text(
        zh="文件 {found} 受版权保护（DRM），声音是加密的，无法解码。请使用未加密的录音。",
        en="The file {found} is protected (DRM): its sound is encrypted and can't be decoded. Use an unprotected copy.",
    ),
    "audio.encoded_as_pcm": Text(
        zh="WAV 文件 {found} 的文件头标明是 PCM，数据却是 {kind}，无法解码。请先转换成 PCM 编码的 WAV。",
        en=(
            "{kind} in a WAV: the header of {found} states PCM, but its data is {kind}, which could not be decoded. "
            "Convert it to a WAV with PCM samples."
        ),
    ),
    "audio.bad_channels": Text(
        zh="文件 {found} 的文件头标明 {channels} 个声道，应在 1 到 {expected_max} 之间。请重新导出。",
        en="The header of {found} states {channels} channels; 1 to {expected_max} are expected. Export it again.",
    ),
    "audio.no_such_channel": Text(
        zh=(
            "文件 {found} 有 {channels} 个声道，没有第 {wanted} 声道（编号 {channel}，从 0 起）。请选择其他声道，"
            "或用 mix（混合）、separate（分开）。"
        ),
        en=(
            "The file {found} has {channels} channel(s) and therefore no channel {wanted} (number {channel}, counted "
            "from 0). Choose another channel, or mix or separate."
        ),
    ),
    "audio.too_many_channels": Text(
        zh=(
            "文件 {found} 有 {channels} 个声道，分开识别最多 {expected_max} 个。请用编号选择一个声道，"
            "或用 mix（混合），或先导出所需的声道。"
        ),
        en=(
            "The file {found} has {channels} channels; at most {expected_max} are recognized separately. Choose one "
            "channel by its number, use mix, or export the channels that you need."
        ),
    ),
    "audio.over_budget": Text(
        zh=(
            "这段录音计为 {found_s:time}（实际或标明的时长；分开识别时每个声道各计一次），"
            "超过每个调用方每小时 {expected_s:time}的解码上限。请分成几段；"
            "若文件标明的时长有误，请转换成 WAV；或调大 SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR。"
        ),
        en=(
            "The recording counts as {found_s:time} (its own length or that in its header, once per separate channel); "
            "at most {expected_s:time} are decoded per caller and hour. Cut it into parts; convert it to WAV if the "
            "stated length is wrong; or ask the administrator to "
            "raise SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR."
        ),
    ),
    "audio.absurd_rate": Text(
        zh=(
            "文件 {found} 的采样率是 {found_hz} Hz，不合理：应在 {expected_min_hz} 到 {expected_max_hz} Hz 之间。"
            "请重新导出。"
        ),
        en=(
            "The sample rate of {found} is {found_hz} Hz, which is not plausible: {expected_min_hz} to "
            "{expected_max_hz} Hz are expected. Export it again."
        ),
    ),
    "audio.not_finite": Text(
        zh="文件 {found} 在 {at_s:.2f} 秒处含有 NaN 或无穷大，无法分析。请重新导出为整数 PCM 或正常的浮点数。",
        en=(
            "The file {found} contains NaN or infinite samples at {at_s:.2f} s. "
            "Export it again as integer PCM or as valid floating point."
        ),
    ),
}

_WARNINGS: Final[Mapping[str, Text]] = {
    "audio.no_speech": Text(
        zh="没有检测到类似语音的信号：最响处只有 {level_dbfs} dBFS，近乎静音，结果没有意义。请检查麦克风或换一段录音。",
        en=(
            "No speech-like signal: the loudest moment reaches only {level_dbfs} dBFS, almost silence, so the result "
            "is meaningless. Check the microphone, or use another recording."
        ),
    ),
    "audio.narrow_band": Text(
        zh="采样率只有 {found_hz} Hz，低于模型所需的 {expected_hz} Hz：高频缺失，结果可能不够准确。",
        en=(
            "The sample rate is only {found_hz} Hz, below the model's {expected_hz} Hz: high frequencies are missing "
            "and the result may be less accurate."
        ),
    ),
    "audio.clipped": Text(
        zh="录音音量过大，出现削波（{share:.1%} 的采样点），结果可能偏向激动的情绪。请降低音量后重录。",
        en=(
            "The recording is clipped ({share:.1%} of its samples), which may shift the result towards aroused "
            "emotions. Record it again at a lower level."
        ),
    ),
    "audio.above_full_scale": Text(
        zh="采样值最高达满幅的 {peak} 倍，已整体按比例缩小到满幅以内（波形不变）。",
        en="Samples reach {peak} times full scale; the whole recording was scaled down to fit (same waveform shape).",
    ),
    "audio.channels_cancel": Text(
        zh="{channels} 个声道相位相反，混合后会互相抵消，因此只使用了第 {used} 声道。请检查录音设备的接线。",
        en=(
            "The {channels} channels have opposite polarity and cancel each other when mixed, so only channel {used} "
            "was used. Check the wiring of the recorder."
        ),
    ),
    "audio.channels_differ": Text(
        zh=(
            "{channels} 个声道的内容不同（例如每个声道各有一位说话人），结果针对它们的混合，可能混淆各人的情感。"
            "如需每个声道各自的结果，请把声道选项设为 separate（分开）。"
        ),
        en=(
            "The {channels} channels carry different signals, for example one speaker each. This result is for their "
            "mix and may confuse the speakers' emotions. For a result per channel, choose separate channels."
        ),
    ),
    "audio.dual_mono": Text(
        zh="{channels} 个声道的内容相同（双单声道），因此各声道的结果也相同；用 mix（混合）即可。",
        en=(
            "The {channels} channels carry the same signal (dual mono), so their results are equal; mix gives that "
            "result at once."
        ),
    ),
    "audio.several_tracks": Text(
        zh="文件里有 {tracks} 条音轨，只分析了第 {used} 条。其他音轨可用选项 track 指定，或先单独导出。",
        en=(
            "The file has {tracks} audio tracks; only track {used} was analysed. Choose another one with the option "
            "track, or export it."
        ),
    ),
    "audio.silent_track": Text(
        zh="文件里有 {tracks} 条音轨，第 {silent} 条没有声音，因此分析了第 {used} 条。可用选项 track 指定其他音轨。",
        en=(
            "The file has {tracks} audio tracks; track {silent} is silent, so track {used} was analysed. Choose "
            "another one with the option track."
        ),
    ),
    "audio.incomplete": Text(
        zh="文件不完整：应有 {expected_s:time}，只解码出 {kept_s:time}，结果只针对这一部分。请检查录音或下载是否完成。",
        en=(
            "The file is incomplete: of {expected_s:time}, only {kept_s:time} could be decoded, and the result covers "
            "only these. Check that the recording or download finished."
        ),
    ),
    "audio.damaged_parts": Text(
        zh=(
            "文件有损坏或缺失的部分，无法解码的部分已跳过或以静音代替，结果只针对解码出的 {kept_s:time}。"
            "请尽量换用完好的文件。"
        ),
        en=(
            "Parts of the file are damaged or missing and were skipped or replaced by silence; the result is for the "
            "{kept_s:time} that could be decoded. Use an intact copy if there is one."
        ),
    ),
    "audio.gap": Text(
        zh="录音中间缺少 {gap_s:time}（共 {gaps} 处），已补上静音，使各个时间与播放器一致。",
        en=(
            "{gap_s:time} are missing in the middle of the recording (gaps: {gaps}). Silence was inserted, so that all "
            "times agree with a player."
        ),
    ),
    "audio.trailing_bytes": Text(
        zh="文件在录音结束之后还有 {unused_bytes} 字节，没有使用。如果是另一段录音，请单独保存后再分析。",
        en=(
            "The file contains {unused_bytes} more bytes after its end that were not used. If they are another "
            "recording, save it as a separate file."
        ),
    ),
}

TEXTS: Final[Mapping[str, Text]] = {**_ERRORS, **_WARNINGS}
