"""What the page says: labels, hints, and the sentences it puts around an answer. Console lines of the server too."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

_LABELS: Final[Mapping[str, Text]] = {
    "page.title": Text(zh="语音情感识别", en="Speech Emotion Recognition"),
    "page.subtitle": Text(
        zh="上传或录一段语音，得到主要情感、九种得分和结果文件。",
        en="Upload or record some speech; get its main emotion, nine scores and the result files.",
    ),
    "page.version": Text(zh="版本 {version}", en="Version {version}"),
    "page.api_docs": Text(zh="供程序调用：REST 接口文档", en="For programs: docs of the REST API"),
    "page.language": Text(zh="语言", en="Language"),
    "page.tab_recognize": Text(zh="🎯 识别", en="🎯 Recognize"),
    "page.tab_compare": Text(zh="⚖️ 对比模型", en="⚖️ Models"),
    "page.model_choice": Text(zh="模型", en="Model"),
    "page.model_default": Text(zh="自动（最好的可用模型）", en="Automatic (the best that is here)"),
    "page.model_all": Text(zh="全部并排", en="All, side by side"),
    "page.side_by_side": Text(zh="各模型并排", en="Models side by side"),
    "page.side_model": Text(zh="模型", en="Model"),
    "page.side_emotion": Text(zh="情感", en="Emotion"),
    "page.side_confidence": Text(zh="置信度", en="Confidence"),
    "page.side_second": Text(zh="其次", en="Second"),
    "page.side_time": Text(zh="推理时间", en="Inference"),
    "page.side_note": Text(
        zh="上面和下面显示的是第一个模型的回答；每个模型的结果各存一个文件夹。各模型的类别不同，置信度不能直接相比。",
        en="Above and below is the first model's answer; each model's result has a folder of its own. The models don't "
        "know the same classes, so that confidences can't be compared one to one.",
    ),
    "page.compare_intro": Text(
        zh=(
            "在这台机器上并排比较本机已有的模型：速度、内存、准确率、特征、部署、输出六张表，以及按规则给出的建议。"
            "每个模型在自己的进程中载入，需要几分钟和相应的内存。还没有的模型用 `bash run.sh download 名称` 下载。"
        ),
        en=(
            "Puts the models that are here side by side, on this machine: speed, memory, accuracy, embeddings, "
            "deployment and output in six tables, then advice by rules. Each model is loaded in a process of its own; "
            "that takes minutes, and their memory. Others come with `bash run.sh download NAME`."
        ),
    ),
    "page.compare_models": Text(zh="模型", en="Models"),
    "page.compare_files": Text(zh="带标注的录音（可选）", en="Labelled recordings (optional)"),
    "page.compare_files_info": Text(
        zh=(
            "没有录音时只比较速度和内存等。录音的标注来自一起上传的表格（`path,label[,speaker]`，"
            "或多列 `annotator_1,annotator_2,…`），或来自 RAVDESS、CREMA-D、EMO-DB 的文件名。"
        ),
        en=(
            "Without recordings, only speed, memory and the like are compared. Labels come from a table that is "
            "uploaded with them (`path,label[,speaker]`, or columns `annotator_1,annotator_2,…`), or from file names "
            "as in RAVDESS, CREMA-D or EMO-DB."
        ),
    ),
    "page.compare_start": Text(zh="⚖️ 开始比较", en="⚖️ Compare"),
    "page.compare_nobody": Text(
        zh="没有选择可用的模型。请至少选一个：{expected}。",
        en="No model that is here was chosen. Choose one or more of: {expected}.",
    ),
    "page.compare_twice": Text(
        zh="有两个文件都叫 {found}。请改名或去掉一个。", en="Two files are named {found}. Rename or remove one."
    ),
    "page.compare_tables": Text(
        zh="上传了多个表格：{found}。请只保留一个。", en="More than one table was uploaded: {found}. Keep one."
    ),
    "page.compare_unlabelled": Text(
        zh="{found} 个文件中没有表格，文件名也不是 RAVDESS、CREMA-D 或 EMO-DB 的。请加上一个表格（path,label）。",
        en="Among the {found} files is no table, and they are not named as in RAVDESS, CREMA-D or EMO-DB. Add a table "
        "(path,label).",
    ),
    "page.tab_file": Text(zh="📁 文件", en="📁 File"),
    "page.tab_microphone": Text(zh="🎙️ 录音", en="🎙️ Microphone"),
    "page.upload": Text(zh="上传音频文件", en="Audio file"),
    "page.drop": Text(zh="点击选择文件，或拖放到这里", en="Click to choose a file, or drop one here"),
    "page.formats": Text(
        zh="WAV、MP3、M4A、FLAC、OGG、Opus、WebM、AMR、AIFF、CAF，以及 MP4/MOV/MKV 的音轨；按内容识别，不看扩展名。",
        en="WAV, MP3, M4A, FLAC, OGG, Opus, WebM, AMR, AIFF, CAF, and the sound of MP4/MOV/MKV; "
        "known by content, not by name.",
    ),
    "page.record": Text(zh="用麦克风录音", en="Record with the microphone"),
    "page.microphone_refused": Text(
        zh="浏览器没有允许使用麦克风，或找不到麦克风。请在地址栏旁允许录音，再点一次「录制」；也可以直接上传文件。",
        en=(
            "The browser did not allow the microphone, or there is none. Allow it beside the address and press Record "
            "again; or upload a file."
        ),
    ),
    "page.microphone_insecure": Text(
        zh="浏览器只在 https 或 localhost 地址下允许录音。请改用其中之一打开本页，或上传文件。",
        en="Browsers record only at https or localhost. Open this page at such an address, or upload a file.",
    ),
    "page.granularity": Text(zh="粒度选择", en="Granularity"),
    "page.utterance": Text(zh="utterance 整句级别", en="utterance: the whole recording"),
    "page.frame": Text(zh="frame 帧级别", en="frame: a curve over time"),
    "page.segment": Text(zh="segment 片段级别", en="segment: each stretch of speech"),
    "page.segments": Text(zh="说话片段", en="Stretches of speech"),
    "page.segment_start": Text(zh="开始（秒）", en="from (s)"),
    "page.segment_end": Text(zh="结束（秒）", en="to (s)"),
    "page.segment_emotion": Text(zh="情感", en="emotion"),
    "page.segment_confidence": Text(zh="置信度", en="confidence"),
    "page.segments_more": Text(zh="另有 {more} 段，见 result.json。", en="{more} more are in result.json."),
    "page.embedding": Text(zh="提取 Embedding 特征", en="Extract embedding features"),
    "page.embedding_info": Text(zh="另存 embedding.npy，供相似度、聚类等使用", en="Also saves embedding.npy"),
    "page.fast": Text(zh="快速（int8）", en="Fast (int8)"),
    "page.fast_info": Text(
        zh="得分与 fp32 略有出入；已用本机的权重比较过，差异在容许范围内。",
        en="Scores differ a little from fp32's; compared on this machine's weights and found close enough.",
    ),
    "page.recognize": Text(zh="🎯 开始识别", en="🎯 Recognize"),
    "page.cancel": Text(zh="⏹️ 取消", en="⏹️ Cancel"),
    "page.example": Text(zh="📝 加载示例音频", en="📝 Load example audio"),
    "page.log": Text(zh="处理日志", en="Processing log"),
    "page.log_empty": Text(
        zh="识别后，这里列出：验证 → 预处理 → 推理 → 结果。",
        en="After a recognition: validation → preprocessing → inference → results.",
    ),
    "page.downloads": Text(zh="下载结果文件", en="Download the result files"),
    "page.resources": Text(zh="服务器状态", en="Server"),
    "page.resources_again": Text(zh="🔄 刷新", en="🔄 Refresh"),
    "page.resources_under_way": Text(zh="正在处理（其中排队）", en="Being answered (of them waiting)"),
    "page.resources_done": Text(zh="启动以来的识别（拒绝）", en="Recognitions since the start (refused)"),
    "page.resources_audio": Text(zh="已识别的音频", en="Audio heard"),
    "page.resources_times": Text(zh="解码 / 推理用时", en="Time for decoding / inference"),
    "page.resources_memory": Text(zh="内存", en="Memory"),
    "page.resources_gpu": Text(zh="显存", en="GPU memory"),
    "page.advice_title": Text(zh="使用建议", en="Advice"),
    "page.advice": Text(
        zh=(
            "- 录音 1–30 秒，3–10 秒效果最好；一个人说话，背景安静。\n"
            "- 「整句级别」给出一个答案；「帧级别」另画出情感随时间变化的曲线，「片段级别」另列出每一段话。\n"
            "- 示例音频由程序合成，不是真人语音，只用来试用页面。"
        ),
        en=(
            "- 1-30 s of audio, 3-10 s works best; one person speaking, little noise.\n"
            "- “utterance” gives one answer; “frame” also draws the emotion over time, “segment” lists each\n"
            "  stretch of speech.\n"
            "- The example clip is synthetic, not a person's voice; it is there to try the page."
        ),
    ),
}

_STATUS: Final[Mapping[str, Text]] = {
    "page.status_model": Text(zh="当前模型：", en="Model:"),
    "page.status_builtin": Text(
        zh="内置小模型（不是 Emotion2Vec+ Large）", en="built-in small model (not Emotion2Vec+ Large)"
    ),
    "page.status_nobody": Text(
        zh="模型准备中，暂时不能作答。", en="The model is being prepared; nobody can answer yet."
    ),
    "page.status_not_loaded": Text(zh="正在加载…", en="loading…"),
    "page.status_verified": Text(zh="数值已与上游核对", en="numbers verified against upstream"),
    "page.status_unverified": Text(zh="数值未核对（bash run.sh verify）", en="not verified (bash run.sh verify)"),
    "page.status_absent": Text(
        zh="本机没有 Emotion2Vec+ Large 的权重，由内置小模型作答，准确率低得多。",
        en=(
            "The weights of Emotion2Vec+ Large are not on this machine; "
            "the built-in model answers, which is far less accurate."
        ),
    ),
    "page.status_download": Text(
        zh="⬇️ 下载 Emotion2Vec+ Large（1.95 GB）", en="⬇️ Download Emotion2Vec+ Large (1.95 GB)"
    ),
    "page.status_here": Text(
        zh="{model} 的权重已在本机，尚未载入；点「载入」现在准备，否则下一次识别时载入，需要多等一会儿。",
        en=(
            "The weights of {model} are on this machine, but not loaded yet. Load them now; "
            "otherwise the next recognition does, and takes longer."
        ),
    ),
    "page.status_idle": Text(zh="尚未载入", en="not loaded yet"),
    "page.status_load": Text(zh="▶️ 载入", en="▶️ Load"),
    "page.status_retry": Text(zh="🔄 重试", en="🔄 Try again"),
    "page.status_cancel": Text(zh="✖ 取消下载", en="✖ Cancel download"),
}

_ANSWER: Final[Mapping[str, Text]] = {
    "page.empty": Text(
        zh="选一段音频，然后点「🎯 开始识别」。",
        en="Choose some audio, then press “🎯 Recognize”.",
    ),
    "page.cancelled": Text(
        zh="识别已取消，没有写入任何文件。可以再次点「🎯 开始识别」。",
        en="The recognition was cancelled and nothing was written. Press “🎯 Recognize” to start again.",
    ),
    "page.cancelled_late": Text(
        zh="取消时识别已经完成，结果文件已写入输出文件夹。",
        en="It was done before it could be cancelled; its files are in the outputs folder.",
    ),
    "page.running": Text(zh="正在识别，请稍候…", en="Recognizing…"),
    "page.confidence": Text(zh="置信度: {confidence:.1%}", en="Confidence: {confidence:.1%}"),
    "page.scores": Text(zh="详细得分分布", en="Scores of the nine emotions"),
    "page.curve": Text(zh="情感随时间的变化", en="Emotion over time"),
    "page.curve_caption": Text(
        zh="每点为 {window_s:.2f} 秒的平均，间隔 {hop_s:.2f} 秒，共 {rows} 点；色带为各时刻得分最高的情感。",
        en="Each point averages {window_s:.2f} s, one every {hop_s:.2f} s, {rows} in all; "
        "the strip shows the emotion with the highest score.",
    ),
    "page.curve_peak": Text(zh="最高 {score:.0%}，在 {time_s:.1f} 秒", en="peak {score:.0%} at {time_s:.1f} s"),
    "page.curve_span": Text(zh="{start_s:.1f}–{end_s:.1f} 秒：{emotion}", en="{start_s:.1f}-{end_s:.1f} s: {emotion}"),
    "page.seconds": Text(zh="秒", en="s"),
    "page.answered_by": Text(zh="作答模型", en="Answered by"),
    "page.model_builtin": Text(
        zh="内置小模型（{name}），不是 Emotion2Vec+ Large",
        en="built-in small model ({name}), not Emotion2Vec+ Large",
    ),
    "page.model_other": Text(zh="{name}", en="{name}"),
    "page.model_details": Text(
        zh="引擎 {engine} · 精度 {precision} · 设备 {device} · 权重许可 {license}",
        en="engine {engine} · precision {precision} · device {device} · licence of the weights {license}",
    ),
    "page.source": Text(
        zh="{file_name} · {duration_s:.2f} 秒 · {sample_rate_hz} Hz · 推理 {inference_s:.2f} 秒",
        en="{file_name} · {duration_s:.2f} s · {sample_rate_hz} Hz · inference {inference_s:.2f} s",
    ),
    "page.warnings": Text(zh="提示", en="Please note"),
    "page.honest": Text(
        zh="得分表示一段声音在模型听来像什么，不能据此判断一个人的真实内心。",
        en="A score is what a voice sounds like to a model, not a reading of a person's mind.",
    ),
    "page.unplayable": Text(
        zh="浏览器无法播放这个文件，但这不影响识别。",
        en="The browser can't play this file; recognition does not depend on that.",
    ),
}

_ERRORS: Final[Mapping[str, Text]] = {
    "page.no_audio": Text(
        zh="还没有音频。请先上传或录一段语音，或点「📝 加载示例音频」，再开始识别。",
        en="There is no audio yet. Upload or record some speech, or press “📝 Load example audio”, then recognize.",
    ),
    "page.trouble_refused": Text(zh="这次识别没有开始", en="The recognition did not start"),
    "page.refused": Text(
        zh=(
            "服务器没有接受这次识别：排队的人太多，您自己正在进行的识别太多，或者连接中断了。"
            "音频还在，请稍后再点「🎯 开始识别」。"
        ),
        en=(
            "The server did not take it: too many people are waiting, too many recognitions of your own are under way, "
            "or the connection broke. Your audio is still here; press “🎯 Recognize” again in a moment."
        ),
    ),
    "page.trouble_audio": Text(zh="这段音频无法使用", en="This audio can't be used"),
    "page.trouble_model": Text(zh="模型无法作答", en="The model can't answer"),
    "page.trouble_request": Text(zh="还差一步", en="One thing is missing"),
    "page.trouble_output": Text(zh="结果无法保存", en="The results can't be saved"),
    "page.trouble_unknown": Text(zh="程序出错了", en="Something went wrong in the program"),
    "page.unknown_error": Text(
        zh="发生了意外错误，编号 {error_id}。请重试；若仍出现，请把编号告诉维护者，服务器日志里有同一编号的详情。",
        en=(
            "An unexpected error happened, number {error_id}. Try again; if it stays, tell the maintainer this number: "
            "the server's log has the details under it."
        ),
    ),
    "page.log_cancelled": Text(zh="[取消] 已按要求停止。", en="[cancelled] stopped as asked."),
    "page.log_note": Text(zh="[提示] {message}", en="[note] {message}"),
    "page.log_error": Text(zh="[错误] {message}", en="[error] {message}"),
}

_PROGRESS: Final[Mapping[str, Text]] = {
    "page.stage_validation": Text(zh="验证音频…", en="Checking the audio…"),
    "page.stage_preprocessing": Text(zh="预处理…", en="Preprocessing…"),
    "page.stage_inference": Text(
        zh="推理中（首次使用需先加载模型）…",
        en="Inference (the first time, the model loads first)…",
    ),
    "page.stage_results": Text(zh="保存结果…", en="Saving the results…"),
}

# What Gradio says by itself, said in both.
_GRADIO: Final[Mapping[str, Text]] = {
    "page.gradio_copy": Text(zh="复制", en="Copy"),
    "page.gradio_tabs": Text(zh="更多标签", en="More tabs"),
    "page.gradio_footer": Text(zh="页脚", en="Footer"),
    "page.gradio_device": Text(zh="选择录音设备", en="Recording device"),
    "page.gradio_pause": Text(zh="暂停", en="Pause"),
    "page.gradio_record": Text(zh="录制", en="Record"),
    "page.gradio_stop": Text(zh="停止", en="Stop"),
    "page.gradio_resume": Text(zh="继续", en="Resume"),
    "page.gradio_clear": Text(zh="清除", en="Clear"),
    "page.gradio_close": Text(zh="关闭", en="Close"),
    "page.gradio_remove": Text(zh="移除这个文件", en="Remove this file"),
    "page.gradio_queue": Text(zh="排队中：第 {position} 位，共 {size} 位 ·", en="waiting: {position} of {size} ·"),
    "page.gradio_processing": Text(zh="处理中 ·", en="working ·"),
    "page.gradio_too_large": Text(
        zh="文件 {names} 太大，上限为 {limit}。请截短或压缩后再上传，或调高设置 SPEECH_EMOTION_MAX_AUDIO_MB。",
        en="{names} is too large; up to {limit} is accepted. Cut or compress it, or raise SPEECH_EMOTION_MAX_AUDIO_MB.",
    ),
    "page.gradio_lost": Text(zh="连接中断", en="Connection lost"),
    "page.gradio_reconnecting": Text(
        zh="与服务器的连接已中断，正在重新连接…", en="The connection to the server broke; trying to reconnect…"
    ),
    "page.gradio_queue_full": Text(
        zh="排队的人太多（上限 {limit}），请稍后再试。",
        en="Too many people are waiting ({limit} at most); try again later.",
    ),
    "page.gradio_busy": Text(zh="服务器正忙，请稍后再试。", en="The server is busy; try again in a moment."),
    "page.gradio_upload_refused": Text(zh="上传没有被接受。{detail}", en="The upload was refused. {detail}"),
    "page.gradio_error": Text(zh="出错了", en="Error"),
    "page.gradio_warning": Text(zh="注意", en="Warning"),
}

_SERVER: Final[Mapping[str, Text]] = {
    "page.port_taken": Text(
        zh="端口 {taken} 已被占用，改用 {port}。",
        en="Port {taken} is taken; using {port} instead.",
    ),
    "page.no_free_port": Text(
        zh="端口 {first} 到 {last} 都被占用，需要一个空闲端口。请关闭占用的程序，或用 SPEECH_EMOTION_PORT 另选端口。",
        en=(
            "The ports {first} to {last} are all taken; a free one is expected. "
            "Stop what uses them, or choose another with SPEECH_EMOTION_PORT."
        ),
    ),
    "page.cannot_listen": Text(
        zh="无法在 {host}:{port} 上监听（{reason}）。请检查 SPEECH_EMOTION_HOST 和 SPEECH_EMOTION_PORT。",
        en=(
            "The server can't listen on {host}:{port} ({reason}). "
            "Check SPEECH_EMOTION_HOST (127.0.0.1 or 0.0.0.0 usually) and SPEECH_EMOTION_PORT (1024 or above)."
        ),
    ),
}

TEXTS: Final[Mapping[str, Text]] = {**_LABELS, **_STATUS, **_ANSWER, **_ERRORS, **_PROGRESS, **_GRADIO, **_SERVER}
