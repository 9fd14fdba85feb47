"""Texts about requests: invalid parameters, limits, and models that can't be used."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "request.bad_smoothing": Text(
        zh="帧级得分的窗口 {window_s} 秒、步长 {hop_s} 秒无效，应满足窗口 ≥ 步长 > 0。请调整这两个值，或使用原始帧。",
        en=(
            "Frame scores can't have a window of {window_s} s and a hop of {hop_s} s: window >= hop > 0 is required. "
            "Change the two values, or use raw frames."
        ),
    ),
    "request.no_such_labels": Text(
        zh="模型 {model} 不支持指定的情感 {found}，支持的有：{expected}。请至少指定其中一种。",
        en="Model {model} has none of the requested emotions {found}. Name at least one that it has: {expected}.",
    ),
    "request.unknown_labels": Text(
        zh="没有名为 {found} 的情感，可用的有：{expected}。多个情感之间用逗号分隔。",
        en="There is no emotion {found}; choose from: {expected}. Separate several names with commas.",
    ),
    "request.only_with_segments": Text(
        zh="{found} 只适用于片段级别。请加上 --granularity segment，或去掉该选项。",
        en="{found} only applies to segments. Add --granularity segment, or omit the option.",
    ),
    "request.bad_channels": Text(
        zh="声道选项 {found} 无效：应为 {expected}，或声道编号 0、1、2……请改为其中之一。",
        en="Invalid channels {found}: use {expected}, or the number of one channel (0, 1, 2, ...).",
    ),
    "request.bad_channel_names": Text(
        zh=(
            "声道名称“{found}”无效：应为 1 到 {expected_max} 个互不相同的名称，以逗号分隔，每个不超过 {characters} 个"
            "可见字符。请修改名称。"
        ),
        en=(
            "Invalid channel names '{found}': 1 to {expected_max} different names with commas between them are "
            "expected, each of at most {characters} printable characters. Change the names."
        ),
    ),
    "request.only_with_separate": Text(
        zh="{found} 只在分开识别各声道时有效。请加上 --channels separate，或去掉该选项。",
        en="{found} only applies to separate channels. Add --channels separate, or omit the option.",
    ),
    "request.precision_ignored": Text(
        zh="模型 {model} 只有一种精度，所要求的 {found} 没有作用；结果与不指定精度时相同。",
        en=(
            "The model {model} has only one precision, so the requested {found} had no effect; the result is the same "
            "without it."
        ),
    ),
    "request.frames_left_out": Text(
        zh=(
            "{rows} 行帧级得分没有写进结果：不保留文件时最多 {expected} 行。"
            "请增大 hop_s，或单独识别这段录音并保留结果（keep=true），或请管理员调大 SPEECH_EMOTION_MAX_JSON_ROWS。"
        ),
        en=(
            "{rows} rows of frame scores are not in the result: without files it has at most {expected}. Use a larger "
            "hop_s, recognize this recording on its own and keep the result (keep=true), or ask the administrator to "
            "raise SPEECH_EMOTION_MAX_JSON_ROWS."
        ),
    ),
    "request.smoothing_range": Text(
        zh="帧级得分的窗口或步长 {found} 秒无效，应大于 0 秒且不超过 {expected:.0f} 秒。请调整这个值，或使用原始帧。",
        en=(
            "Frame scores can't have a window or hop of {found} s: more than 0 s and at most {expected:.0f} s is "
            "required. Change the value, or use raw frames."
        ),
    ),
    "request.bad_segment_s": Text(
        zh="片段最大长度 {found} 秒无效，应在 {expected_min:.0f} 到 {expected_max:.0f} 秒之间。请调整这个值。",
        en=(
            "Invalid longest segment of {found} s; {expected_min:.0f} to {expected_max:.0f} s are allowed. "
            "Change the value."
        ),
    ),
    "request.bad_track": Text(
        zh="音轨 {found} 无效：应为 auto，或从 1 开始的音轨序号（不超过 {expected_max}）。",
        en="Invalid audio track {found}; auto, or the number of a track from 1 to {expected_max}, is expected.",
    ),
    "request.bad_headerless": Text(
        zh="无文件头的格式 {found} 无效：应为 编码,采样率,声道数，例如 alaw,8000,1。编码可以是：{expected}。",
        en=(
            "Invalid format {found} of samples without a header; CODEC,HZ,CHANNELS is expected, for example "
            "alaw,8000,1. Codecs: {expected}."
        ),
    ),
    "request.bad_array": Text(
        zh="数组的类型或形状无效：{found}。形状应为 (采样数,) 或 (采样数, 声道数)，类型为 {expected} 之一。",
        en=(
            "The array has the type and shape {found}; the shape (samples,) or (samples, channels) and one of the "
            "types {expected} are expected."
        ),
    ),
    "request.no_speech": Text(
        zh="这段录音（{duration_s:time}）中没有检测到语音，因此得分没有参考意义，也没有片段。请检查录音中是否有人声。",
        en=(
            "No speech was detected in the recording ({duration_s:time}), so the scores mean little, and there are no "
            "segments. Check that the recording contains a voice."
        ),
    ),
    "request.no_segments": Text(
        zh="这段录音（{duration_s:time}）中有人声，但没有可以划分片段的语音；得分针对整段录音。",
        en=(
            "The recording ({duration_s:time}) contains a voice but no speech that could be cut into segments; the "
            "scores are for the whole recording."
        ),
    ),
    "request.job_mistake": Text(
        zh="内部错误（{kind}），详见日志。请单独识别这个文件，并报告该问题。",
        en="Internal error ({kind}), see the server's log. Recognize this file by itself, and report the problem.",
    ),
    "request.peer_absent": Text(
        zh=(
            "本机没有模型 {model} 的权重。请运行 bash run.sh download {model}，"
            "或把 Hugging Face 上 {found} 的 config.json、preprocessor_config.json 和权重文件放入 {folder}。"
        ),
        en=(
            "The weights of {model} are not on this machine. Run: bash run.sh download {model}; or put config.json, "
            "preprocessor_config.json and the weights of {found} on Hugging Face into {folder}."
        ),
    ),
    "request.not_published": Text(
        zh="没有可下载的模型 {found}。可以下载：{expected}（Hugging Face 或 ModelScope 上的语音分类模型）。",
        en="There is no model {found} to download. Available: {expected} (an audio classification model on Hugging "
        "Face or ModelScope).",
    ),
    "request.unknown_model": Text(
        zh="没有名为 {found} 的模型，可用的有：{expected}。请用 models 命令查看，或使用 auto。",
        en="There is no model named {found}; available: {expected}. See the `models` command, or use auto.",
    ),
    "request.busy": Text(
        zh="服务器正忙：已有 {found} 个请求在处理或等待，上限为 {expected}。请 {retry_s} 秒后重试。",
        en=(
            "The server is busy: {found} requests are being processed or waiting, {expected} at most. "
            "Try again in {retry_s} s."
        ),
    ),
    "request.too_many": Text(
        zh="您已有 {found} 个请求在处理或等待，每个调用方最多 {expected} 个。请等其中一个完成，或 {retry_s} 秒后重试。",
        en=(
            "{found} of your requests are being processed or waiting, {expected} at most per caller. Wait for one of "
            "them, or try again in {retry_s} s."
        ),
    ),
    "request.audio_budget": Text(
        zh=(
            "过去一小时内已为您解码 {found_s:time}音频，再加上这段的 {size_s:time}就会超过每小时 {expected_s:time}"
            "的上限。"
            "请约 {wait_min} 分钟后重试，或请管理员调大 SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR。"
        ),
        en=(
            "{found_s:time} of audio were decoded for you within the last hour; with the {size_s:time} of this "
            "recording, the limit of {expected_s:time} per caller would be exceeded. Try again in about {wait_min} "
            "min, or ask the administrator to raise SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR."
        ),
    ),
    "request.audio_budget_spent": Text(
        zh=(
            "过去一小时内已为您解码 {found_s:time}音频，达到了每小时 {expected_s:time}的上限。"
            "请约 {wait_min} 分钟后重试，或请管理员调大 SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR。"
        ),
        en=(
            "{found_s:time} of audio were decoded for you within the last hour; the limit is {expected_s:time} per "
            "caller. Try again in about {wait_min} min, or ask the administrator to raise "
            "SPEECH_EMOTION_MAX_AUDIO_S_PER_HOUR."
        ),
    ),
    "request.too_many_jobs": Text(
        zh="已有 {found} 个批量任务未完成，最多 {expected} 个。请等其中一个完成或取消它，{retry_s} 秒后重试。",
        en=(
            "{found} jobs are unfinished, {expected} at most. Wait for one of them or cancel it, and try again in "
            "{retry_s} s."
        ),
    ),
    "request.uploads_of_visitor": Text(
        zh=(
            "服务器上保留着您上传的 {found_mb} MB 文件，加上这次的 {size_mb} MB "
            "就会超过每位用户 {expected_mb} MB 的上限。"
            "请约 {wait_min} 分钟后再上传，或请管理员调大 SPEECH_EMOTION_MAX_VISITOR_MB。"
        ),
        en=(
            "The server keeps {found_mb} MB of your uploads; these {size_mb} MB would exceed the limit of "
            "{expected_mb} MB per user. Upload again in about {wait_min} min, or ask the administrator to raise "
            "SPEECH_EMOTION_MAX_VISITOR_MB."
        ),
    ),
    "request.uploads_of_all": Text(
        zh=(
            "服务器上保留着所有用户上传的 {found_mb} MB 文件，加上这次的 {size_mb} MB "
            "就会超过总共 {expected_mb} MB 的上限。"
            "请约 {wait_min} 分钟后再上传，或请管理员调大 SPEECH_EMOTION_MAX_UPLOADS_MB。"
        ),
        en=(
            "The server keeps {found_mb} MB of uploads of all users; these {size_mb} MB would exceed the total limit "
            "of {expected_mb} MB. Upload again in about {wait_min} min, or ask the administrator to raise "
            "SPEECH_EMOTION_MAX_UPLOADS_MB."
        ),
    ),
    "request.control_character": Text(
        zh="请求的路径中含有控制字符（{found}）。请去掉它。",
        en="The request path contains the control character {found}. Remove it.",
    ),
    "request.two_lengths": Text(
        zh="请求同时给出了 Content-Length 和 Transfer-Encoding，只应给出其中一个。请去掉一个。",
        en="The request has both Content-Length and Transfer-Encoding; only one is allowed. Remove one.",
    ),
    "request.bad_upload": Text(
        zh="上传的内容无法解析（{reason}）。应为 multipart/form-data，文件放在字段 files 中。请检查客户端。",
        en=(
            "The upload can't be parsed ({reason}). multipart/form-data with the files in fields named `files` is "
            "expected; check the client."
        ),
    ),
    "request.event_too_large": Text(
        zh="这次操作的数据超过 {expected_kb} kB 的上限。请减少一次选择的文件。",
        en="This event is larger than the limit of {expected_kb} kB. Choose fewer files at once.",
    ),
    "request.event_too_nested": Text(
        zh="这次操作的数据超过 {expected} 个列表和对象的上限。请减少一次选择的文件。",
        en="This event has more than {expected} lists and objects. Choose fewer files at once.",
    ),
    "request.event_web_address": Text(
        zh="文件是以网址给出的，而网页不会下载网址。请上传文件本身。",
        en="A file is given as a web address, which the page does not fetch. Upload the file itself.",
    ),
    "request.bad_session_hash": Text(
        zh="session_hash 无效：应为 1 到 {expected} 个字母、数字、- 或 _。请检查客户端。",
        en="session_hash is not valid: 1 to {expected} letters, digits, - and _ are expected. Check the client.",
    ),
    "request.stopping": Text(
        zh="服务器正在关闭，这次识别没有完成，也没有写入任何文件。请 {retry_s} 秒后重试。",
        en=(
            "The server is shutting down; the recognition did not finish and nothing was written. "
            "Try again in {retry_s} s."
        ),
    ),
    "request.too_slow": Text(
        zh=(
            "识别（含排队）超过了 {limit_s:time}，已中止。"
            "请使用较短的音频，或请管理员调大 SPEECH_EMOTION_MAX_REQUEST_S。"
        ),
        en=(
            "The recognition took longer than {limit_s:time}, including waiting, and was stopped. Send shorter audio, "
            "or ask the administrator to raise SPEECH_EMOTION_MAX_REQUEST_S."
        ),
    ),
    "request.unmapped_labels": Text(
        zh="模型 {model} 的类别 {found} 不对应九种情感中的任何一种，无法计算九种得分。请为该模型提供类别映射。",
        en=(
            "Model {model} has classes {found} that correspond to none of the nine emotions, "
            "so the nine scores can't be computed. Provide a label mapping for the model."
        ),
    ),
    "request.bad_title": Text(
        zh="名称“{found}”无效：应为 1 到 {expected_max} 个可显示的字符。",
        en="Invalid title '{found}': 1 to {expected_max} printable characters are expected.",
    ),
    "request.builtin_answered": Text(
        zh="本次使用的是内置小模型，而非 Emotion2Vec+ Large；其准确率低得多，权重仅限非商业用途（{license}）。",
        en=(
            "The built-in small model was used, not Emotion2Vec+ Large; it is much less accurate, "
            "and its weights are for non-commercial use only ({license})."
        ),
    ),
    "request.large_absent": Text(
        zh=(
            "本机没有 {model} 的权重。运行 bash run.sh download {model} 下载（1.95 GB）后即会自动使用；"
            "离线机器见 models/README.md。"
        ),
        en=(
            "The weights of {model} are not on this machine. Download them with `bash run.sh download {model}` "
            "(1.95 GB) to use it; for machines without a network see models/README.md."
        ),
    ),
    "request.weights_cut_short": Text(
        zh=(
            "{model} 的权重文件 {file} 不完整：有 {found} 字节，官方文件为 {expected} 字节。"
            "请运行 bash run.sh download {model}，或重新复制。"
        ),
        en=(
            "The weights of {model} are incomplete: {file} has {found} bytes, the published file {expected}. "
            "Run `bash run.sh download {model}`, or copy the file again."
        ),
    ),
    "request.weights_absent": Text(
        zh=(
            "本机没有 {model} 的权重，因此无法使用；指定的模型不会由其他模型代替。"
            "请运行 bash run.sh download {model}（离线机器见 models/README.md），或使用 auto。"
        ),
        en=(
            "The weights of {model} are not on this machine, and a model named explicitly is never replaced by "
            "another one. Run `bash run.sh download {model}` (for machines without a network see models/README.md), "
            "or use auto."
        ),
    ),
    "request.nothing_answers": Text(
        zh=(
            "没有可用的模型：本机没有 {model} 的权重，而设置 builtin 不允许使用内置模型。"
            "请运行 bash run.sh download {model}（离线机器见 models/README.md）。"
        ),
        en=(
            "No model is available: the weights of {model} are not on this machine, and the setting `builtin` "
            "disables the built-in model. Run `bash run.sh download {model}` (for machines without a network see "
            "models/README.md)."
        ),
    ),
}
