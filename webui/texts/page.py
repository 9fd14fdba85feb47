"""Texts of the page: labels, hints, and the sentences around a result. Console messages of the server too."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

_LABELS: Final[Mapping[str, Text]] = {
    "page.title": Text(zh="语音情感识别", en="Speech Emotion Recognition"),
    "page.subtitle": Text(
        zh="上传或录制一段语音，即可得到主要情感、九种得分和结果文件。",
        en="Upload or record speech to get its main emotion, nine scores and the result files.",
    ),
    "page.version": Text(zh="版本 {version}", en="Version {version}"),
    "page.api_docs": Text(zh="供程序调用：REST 接口文档（英文）", en="For programs: REST API documentation"),
    "page.language": Text(zh="语言", en="Language"),
    "page.tab_recognize": Text(zh="🎯 识别", en="🎯 Recognize"),
    "page.tab_compare": Text(zh="⚖️ 模型对比", en="⚖️ Compare models"),
    "page.model_choice": Text(zh="模型", en="Model"),
    "page.model_default": Text(zh="自动（使用可用的最佳模型）", en="Automatic (best available model)"),
    "page.model_all": Text(zh="对比所有模型", en="Compare all models"),
    "page.side_by_side": Text(zh="各模型结果对比", en="Results of the models"),
    "page.side_model": Text(zh="模型", en="Model"),
    "page.side_emotion": Text(zh="情感", en="Emotion"),
    "page.side_confidence": Text(zh="置信度", en="Confidence"),
    "page.side_second": Text(zh="第二可能", en="Second"),
    "page.side_time": Text(zh="推理时间", en="Inference"),
    "page.side_note": Text(
        zh="上方和下方显示的是第一个模型的结果；每个模型的结果各存一个文件夹。各模型的类别不同，置信度不能直接比较。",
        en="Above and below are the results of the first model; each model's results are in their own folder. The "
        "models have different classes, so their confidences can't be compared directly.",
    ),
    "page.compare_intro": Text(
        zh=(
            "对比本机已有的模型：速度、内存、准确率、特征、部署、输出六张表，以及按固定规则得出的建议。"
            "每个模型在单独的进程中加载，需要几分钟，并占用相应的内存。其他模型可用 `bash run.sh download 名称` 下载。"
        ),
        en=(
            "Compares the models on this machine: six tables (speed, memory, accuracy, embeddings, deployment, output) "
            "and advice derived from fixed rules. Each model is loaded in its own process, which takes minutes and the "
            "memory of the model. Other models can be downloaded with `bash run.sh download NAME`."
        ),
    ),
    "page.compare_models": Text(zh="模型", en="Models"),
    "page.compare_files": Text(zh="带标注的录音（可选）", en="Labelled recordings (optional)"),
    "page.compare_files_info": Text(
        zh=(
            "没有录音时不对比准确率。标注可来自一起上传的表格（`path,label[,speaker]`，"
            "或多列 `annotator_1,annotator_2,…`），也可来自 RAVDESS、CREMA-D、EMO-DB、nEMO 的文件名。"
        ),
        en=(
            "Without recordings, accuracy is not compared. Labels come from a table that is "
            "uploaded with them (`path,label[,speaker]`, or columns `annotator_1,annotator_2,…`), or from file names "
            "as in RAVDESS, CREMA-D, EMO-DB or nEMO."
        ),
    ),
    "page.compare_start": Text(zh="⚖️ 开始对比", en="⚖️ Compare"),
    "page.compare_nobody": Text(
        zh="未选择可用的模型。请至少选择一个：{expected}。",
        en="No available model was selected. Select at least one of: {expected}.",
    ),
    "page.compare_twice": Text(
        zh="有两个文件同名：{found}。请将其中一个改名或移除。", en="Two files are named {found}. Rename or remove one."
    ),
    "page.compare_tables": Text(
        zh="上传了多个表格：{found}。请只保留一个。", en="More than one table was uploaded: {found}. Keep one."
    ),
    "page.compare_unlabelled": Text(
        zh=(
            "上传的 {found} 个文件中没有表格，文件名也不符合 RAVDESS、CREMA-D、EMO-DB 或 nEMO 的命名规则。"
            "请同时上传表格（path,label）。"
        ),
        en="There is no table among the {found} files, and they are not named as in RAVDESS, CREMA-D, EMO-DB or nEMO. "
        "Add a table (path,label).",
    ),
    "page.tab_file": Text(zh="📁 文件", en="📁 File"),
    "page.tab_microphone": Text(zh="🎙️ 录音", en="🎙️ Microphone"),
    "page.upload": Text(zh="上传音频文件", en="Audio file"),
    "page.drop": Text(zh="点击选择文件，或拖放到这里", en="Click to choose a file, or drop one here"),
    "page.formats": Text(
        zh="WAV、MP3、M4A、FLAC、OGG、Opus、WebM、AMR、WMA、AIFF、CAF，以及 MP4/MOV/MKV/AVI/WMV/FLV/MPEG/TS 的音轨；"
        "按内容识别，与扩展名无关。",
        en="WAV, MP3, M4A, FLAC, OGG, Opus, WebM, AMR, WMA, AIFF, CAF, and the audio track of "
        "MP4/MOV/MKV/AVI/WMV/FLV/MPEG/TS; "
        "the format is detected from the content, not the extension.",
    ),
    "page.record": Text(zh="用麦克风录音", en="Record with the microphone"),
    "page.microphone_refused": Text(
        zh="浏览器未获得麦克风权限，或没有找到麦克风。请在地址栏旁允许使用麦克风，再点一次“录制”；也可以直接上传文件。",
        en=(
            "The browser did not allow the microphone, or there is none. Allow it next to the address bar and press "
            "Record again; or upload a file."
        ),
    ),
    "page.microphone_insecure": Text(
        zh="浏览器只允许 https 或 localhost 页面录音。请通过这样的地址打开本页，或上传文件。",
        en="Browsers allow recording only on https or localhost. Open this page at such an address, or upload a file.",
    ),
    "page.granularity": Text(zh="粒度选择", en="Granularity"),
    "page.utterance": Text(zh="utterance 整句级别", en="utterance"),
    "page.frame": Text(zh="frame 帧级别", en="frame"),
    "page.segment": Text(zh="segment 片段级别", en="segment"),
    "page.utterance_info": Text(
        zh="整段录音得到一个结果，适合一句话或一小段。", en="One result for the whole recording, such as a sentence."
    ),
    "page.frame_info": Text(
        zh="另外画出情感随时间变化的曲线，可以看出情感何时变化。",
        en="Also a curve over time, to see when the emotion changes.",
    ),
    "page.segment_info": Text(
        zh="另外找出各个语音片段，每段各有一个结果，适合较长的录音。",
        en="Also a result for each stretch of speech, for longer recordings.",
    ),
    "page.segments": Text(zh="语音片段", en="Speech segments"),
    "page.segment_start": Text(zh="开始（{unit}）", en="from ({unit})"),
    "page.segment_end": Text(zh="结束（{unit}）", en="to ({unit})"),
    "page.segment_emotion": Text(zh="情感", en="emotion"),
    "page.segment_confidence": Text(zh="置信度", en="confidence"),
    "page.segments_more": Text(zh="另有 {more} 段，见 result.json。", en="{more} more are in result.json."),
    "page.embedding": Text(zh="提取 Embedding 特征", en="Extract embedding"),
    "page.embedding_info": Text(
        zh="另存 embedding.npy：整段录音一个 {dim} 维向量，可用于相似度计算、聚类等。",
        en="Also saves embedding.npy: one vector of {dim} values, for similarity, clustering etc.",
    ),
    "page.embedding_info_frames": Text(
        zh="另存 embedding.npy：每帧一个 {dim} 维向量，可用于相似度计算、聚类等。",
        en="Also saves embedding.npy: a vector of {dim} values per frame, for similarity, clustering etc.",
    ),
    "page.embedding_info_unknown": Text(
        zh="另存 embedding.npy（维数取决于模型），可用于相似度计算、聚类等。",
        en="Also saves embedding.npy (its size depends on the model), for similarity, clustering etc.",
    ),
    "page.fast": Text(zh="快速（int8）", en="Fast (int8)"),
    "page.fast_info": Text(
        zh="得分与 fp32 略有差异；已用本机的权重验证，差异在允许范围内。",
        en="Scores differ slightly from fp32; verified with this machine's weights to be within tolerance.",
    ),
    "page.channels": Text(zh="声道", en="Channels"),
    "page.channels_info": Text(
        zh="只对多声道录音有效；例如客服电话的两个声道各有一位说话人",
        en="Only for recordings with several channels, such as a call with one speaker on each",
    ),
    "page.channels_mix": Text(zh="混合", en="Mixed"),
    "page.channels_separate": Text(
        zh="分开：每个声道各有结果（最多 8 个）", en="Separate: a result for each (up to 8)"
    ),
    "page.only_channel": Text(zh="只用第 {number} 声道", en="Only channel {number}"),
    "page.channel_names": Text(zh="各声道的名称（可选）", en="Names of the channels (optional)"),
    "page.channel_names_example": Text(zh="客户，坐席", en="customer, agent"),
    "page.separate_channels": Text(
        zh="各声道内容不同：分开识别每个声道", en="The channels differ: recognize each of them separately"
    ),
    "page.headerless": Text(zh="采样的格式：编码,采样率,声道数", en="Format of the samples: codec,Hz,channels"),
    "page.headerless_info": Text(
        zh="编码：alaw、mulaw、u8、s16le、s16be、s24le、s32le、f32le。",
        en="Codecs: alaw, mulaw, u8, s16le, s16be, s24le, s32le, f32le.",
    ),
    "page.try_again": Text(zh="按此格式重试", en="Try again"),
    "page.channel": Text(zh="声道 {number}", en="Channel {number}"),
    "page.channels_note": Text(
        zh="以上是所有声道混合后的结果，以下是每个声道各自的结果。",
        en="Above is the result for the mix of all channels; below is the result for each of them.",
    ),
    "page.track": Text(zh="音轨", en="Audio track"),
    "page.track_info": Text(
        zh="文件里有多条音轨；选择后会重新识别。", en="The file has several audio tracks; choosing one recognizes it."
    ),
    "page.track_auto": Text(
        zh="自动（默认音轨；无声时换下一条）", en="Automatic (the default one; if silent, the next)"
    ),
    "page.track_number": Text(zh="第 {number} 条音轨", en="Track {number}"),
    "page.run_title": Text(zh="名称（可选，用于下载的文件名）", en="Name (optional, for the downloads)"),
    "page.run_title_example": Text(zh="例如：三班 第二次朗读", en="for instance: class 3, second reading"),
    "page.kept": Text(
        zh="识别过的录音和结果会一直保存在服务器上，直到被删除；可用结果下方的“🗑️ 删除”删除。",
        en=(
            "Recognized recordings and their results stay on the server until they are deleted: use “🗑️ Delete” below "
            "the result."
        ),
    ),
    "page.kept_days": Text(
        zh="识别过的录音和结果在服务器上保存 {days} 天；可用结果下方的“🗑️ 删除”提前删除。",
        en=(
            "Recognized recordings and their results stay on the server for {days} day(s); “🗑️ Delete” below the result "
            "deletes them at once."
        ),
    ),
    "page.kept_gb": Text(
        zh="识别过的录音和结果会保存在服务器上，总量超过 {size_gb} GB 时从最早的删起；可用结果下方的“🗑️ 删除”立即删除。",
        en=(
            "Recognized recordings and their results stay on the server; above {size_gb} GB in total the oldest are "
            "deleted. “🗑️ Delete” below the result deletes them at once."
        ),
    ),
    "page.delete": Text(zh="🗑️ 删除这段录音和结果", en="🗑️ Delete this recording and its result"),
    "page.delete_question": Text(
        zh="从服务器上删除这次识别的全部文件？删除后无法恢复。",
        en="Delete all files of this recognition from the server? They can't be restored.",
    ),
    "page.delete_confirm": Text(zh="🗑️ 删除", en="🗑️ Delete"),
    "page.delete_keep": Text(zh="保留", en="Keep"),
    "page.deleted": Text(
        zh="“{file_name}”的录音和结果已从服务器上删除。",
        en="The recording and the result of “{file_name}” were deleted from the server.",
    ),
    "page.recognize": Text(zh="🎯 开始识别", en="🎯 Recognize"),
    "page.cancel": Text(zh="⏹️ 取消", en="⏹️ Cancel"),
    "page.example": Text(zh="📝 加载示例音频", en="📝 Load example audio"),
    "page.log": Text(zh="处理日志", en="Processing log"),
    "page.log_empty": Text(
        zh="识别后，这里会显示：验证 → 预处理 → 推理 → 结果。",
        en="After a recognition: validation → preprocessing → inference → results.",
    ),
    "page.downloads": Text(zh="下载结果文件", en="Download the result files"),
    "page.resources": Text(zh="服务器状态", en="Server status"),
    "page.resources_again": Text(zh="🔄 刷新", en="🔄 Refresh"),
    "page.resources_under_way": Text(zh="处理中（其中排队）", en="In progress (of these, waiting)"),
    "page.resources_done": Text(zh="启动以来已识别（被拒绝）", en="Recognized since the start (rejected)"),
    "page.resources_audio": Text(zh="累计音频时长", en="Total audio"),
    "page.resources_times": Text(zh="解码 / 推理用时", en="Decoding / inference time"),
    "page.resources_memory": Text(zh="内存", en="Memory"),
    "page.resources_gpu": Text(zh="显存", en="GPU memory"),
    "page.advice_title": Text(zh="使用建议", en="Tips"),
    "page.advice": Text(
        zh=(
            "- 录音时长 1–30 秒（3–10 秒最佳），单人说话、背景安静。\n"
            "- “整句级别”给出一个结果；“帧级别”还会画出情感随时间变化的曲线；“片段级别”还会列出每个语音片段。\n"
            "- 示例音频由程序合成，不是真人语音，仅供试用页面。"
        ),
        en=(
            "- 1-30 s of audio (3-10 s works best), one speaker, little background noise.\n"
            "- “utterance” gives one result; “frame” also draws the emotion over time; “segment” also lists each\n"
            "  speech segment.\n"
            "- The example clip is synthetic, not a person's voice; use it only to try the page."
        ),
    ),
}

_STATUS: Final[Mapping[str, Text]] = {
    "page.status_model": Text(zh="当前模型：", en="Model:"),
    "page.status_builtin": Text(
        zh="内置小模型（不是 Emotion2Vec+ Large）", en="built-in small model (not Emotion2Vec+ Large)"
    ),
    "page.status_no_model": Text(
        zh="模型正在准备，暂时无法识别。", en="The model is being prepared; recognition is not possible yet."
    ),
    "page.status_not_loaded": Text(zh="正在加载…", en="loading…"),
    "page.status_verified": Text(zh="数值已验证：与 FunASR 一致", en="numbers verified against FunASR"),
    "page.status_unverified": Text(zh="数值未验证（bash run.sh verify）", en="not verified (bash run.sh verify)"),
    "page.status_absent": Text(
        zh="本机没有 Emotion2Vec+ Large 的权重；内置小模型的准确率低得多。",
        en=(
            "The weights of Emotion2Vec+ Large are not on this machine; the built-in small model is much less accurate."
        ),
    ),
    "page.status_download": Text(
        zh="⬇️ 下载 Emotion2Vec+ Large（1.95 GB）", en="⬇️ Download Emotion2Vec+ Large (1.95 GB)"
    ),
    "page.status_here": Text(
        zh="{model} 的权重已在本机，尚未加载。可点“加载”提前加载；否则下一次识别时才加载，耗时会更长。",
        en=(
            "The weights of {model} are on this machine but not loaded yet. Load them now; "
            "otherwise the next recognition loads them and takes longer."
        ),
    ),
    "page.status_offline": Text(zh="离线，未能下载 {model}。", en="Offline: {model} was not downloaded."),
    "page.status_failed": Text(zh="{model} 未能就绪。", en="{model} could not be prepared."),
    "page.status_idle": Text(zh="尚未加载", en="not loaded yet"),
    "page.status_load": Text(zh="▶️ 加载", en="▶️ Load"),
    "page.status_retry": Text(zh="🔄 重试", en="🔄 Try again"),
    "page.status_cancel": Text(zh="✖ 取消下载", en="✖ Cancel download"),
}

_ANSWER: Final[Mapping[str, Text]] = {
    "page.empty": Text(
        zh="请选择一段音频，然后点“🎯 开始识别”。",
        en="Choose some audio, then press “🎯 Recognize”.",
    ),
    "page.cancelled": Text(
        zh="识别已取消，没有写入任何文件。可以再次点“🎯 开始识别”。",
        en="The recognition was cancelled and nothing was written. Press “🎯 Recognize” to start again.",
    ),
    "page.cancelled_late": Text(
        zh="取消时识别已经完成，文件已写入结果文件夹。",
        en="The recognition finished before it could be cancelled; its files are in the results folder.",
    ),
    "page.previous": Text(zh="上一个结果：{file_name}", en="Previous result: {file_name}"),
    "page.previous_unnamed": Text(zh="上一个结果", en="Previous result"),
    "page.running": Text(zh="正在识别，请稍候…", en="Recognizing…"),
    "page.confidence": Text(zh="置信度：{confidence:.1%}", en="Confidence: {confidence:.1%}"),
    "page.scores": Text(zh="详细得分分布", en="Scores of the nine emotions"),
    "page.no_class": Text(
        zh="—：所用模型或所选范围中没有这个类别。", en="—: not among the classes of the model or the request."
    ),
    "page.curve": Text(zh="情感随时间的变化", en="Emotion over time"),
    "page.curve_caption": Text(
        zh="每点为 {window_s:.2f} 秒的平均值，间隔 {hop_s:.2f} 秒，共 {rows} 点；色带表示各时刻得分最高的情感。",
        en="Each point is the average of {window_s:.2f} s, one every {hop_s:.2f} s, {rows} in total; "
        "the strip shows the emotion with the highest score.",
    ),
    "page.curve_peak": Text(zh="最高 {score:.0%}，在 {time}", en="peak {score:.0%} at {time}"),
    "page.curve_span": Text(zh="{start} – {end}：{emotion}", en="{start} – {end}: {emotion}"),
    "page.time": Text(zh="{time_s:.1f} 秒", en="{time_s:.1f} s"),
    "page.clock": Text(zh="分:秒", en="min:s"),
    "page.seconds": Text(zh="秒", en="s"),
    "page.answered_by": Text(zh="所用模型：", en="Model:"),
    "page.model_builtin": Text(zh="内置小模型（{name}）", en="built-in small model ({name})"),
    "page.model_other": Text(zh="{name}", en="{name}"),
    "page.model_details": Text(
        zh="引擎 {engine} · 精度 {precision} · 设备 {device} · 许可证 {license}",
        en="engine {engine} · precision {precision} · device {device} · licence {license}",
    ),
    "page.source": Text(
        zh="{file_name} · {duration_s:time} · {sample_rate_hz} Hz · 推理 {inference_s:.2f} 秒",
        en="{file_name} · {duration_s:time} · {sample_rate_hz} Hz · inference {inference_s:.2f} s",
    ),
    "page.warnings": Text(zh="提示", en="Please note"),
    "page.more": Text(zh="更多", en="more"),
    "page.more_warnings": Text(zh="更多（另有 {count} 条提示）", en="more (+{count})"),
    "page.disclaimer": Text(
        zh="得分只表示模型认为这段声音更像哪种情感，不代表说话人的真实感受。",
        en="A score describes what a voice sounds like to a model, not what the speaker really feels.",
    ),
    "page.unplayable": Text(
        zh="浏览器无法播放这个文件，但不影响识别。",
        en="The browser can't play this file, but it can still be recognized.",
    ),
}

_ERRORS: Final[Mapping[str, Text]] = {
    "page.no_audio": Text(
        zh="还没有音频。请先上传或录制一段语音，或点“📝 加载示例音频”，再开始识别。",
        en="There is no audio yet. Upload or record speech, or press “📝 Load example audio”, then recognize.",
    ),
    "page.no_recording": Text(
        zh="还没有录音。请先点“录制”；要识别文件，请切换到“📁 文件”。",
        en="There is no recording yet. Press Record first; to recognize a file, go to “📁 File”.",
    ),
    "page.result_forgotten": Text(
        zh="页面已不再保留这次识别的信息，无法从这里删除。请管理员在结果文件夹中删除，或通过 REST 接口删除。",
        en=(
            "This page no longer has the details of the result, so it can't be deleted here. Delete it in the results "
            "folder or with the REST API."
        ),
    ),
    "page.error_title_refused": Text(zh="识别未开始", en="The recognition did not start"),
    "page.refused": Text(
        zh=(
            "服务器没有接受这次识别：可能是排队的人太多、您同时进行的识别太多，或连接中断。"
            "音频仍在，请稍后再点“🎯 开始识别”。"
        ),
        en=(
            "The server did not accept the request: too many users are waiting, too many of your own recognitions are "
            "in progress, or the connection was lost. Your audio is still here; press “🎯 Recognize” again in a moment."
        ),
    ),
    "page.error_title_audio": Text(zh="这段音频无法使用", en="This audio can't be used"),
    "page.error_title_model": Text(zh="模型无法使用", en="The model can't be used"),
    "page.error_title_request": Text(zh="还差一步", en="Something is missing"),
    "page.error_title_output": Text(zh="结果无法保存", en="The results can't be saved"),
    "page.error_title_unknown": Text(zh="内部错误", en="Internal error"),
    "page.unknown_error": Text(
        zh="发生内部错误，编号 {error_id}。请重试；如仍出现，请把编号告知维护者，服务器日志中有对应的详细信息。",
        en=(
            "Internal error {error_id}. Try again; if it happens again, give this number to the maintainer: the "
            "server's log has the details of this error."
        ),
    ),
    "page.log_cancelled": Text(zh="[取消] 已由用户停止。", en="[cancelled] stopped by the user."),
    "page.log_note": Text(zh="[提示] {message}", en="[note] {message}"),
    "page.log_error": Text(zh="[错误] 识别未完成，原因见上方。", en="[error] not recognized; the reason is above."),
}

_PROGRESS: Final[Mapping[str, Text]] = {
    "page.stage_validation": Text(zh="验证音频…", en="Checking the audio…"),
    "page.stage_preprocessing": Text(zh="预处理…", en="Preprocessing…"),
    "page.stage_inference": Text(
        zh="推理中（首次使用需先加载模型）…",
        en="Inference (the model is loaded on first use)…",
    ),
    "page.stage_results": Text(zh="保存结果…", en="Saving the results…"),
}

# Gradio's own messages, in both languages.
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
    "page.gradio_processing": Text(zh="处理中 ·", en="processing ·"),
    "page.gradio_too_large": Text(
        zh="文件 {names} 太大，上限为 {limit}。请截短或压缩后再上传，或调大 SPEECH_EMOTION_MAX_AUDIO_MB。",
        en=(
            "{names} is too large; up to {limit} is accepted. Shorten or compress it, or raise "
            "SPEECH_EMOTION_MAX_AUDIO_MB."
        ),
    ),
    "page.gradio_lost": Text(zh="连接中断", en="Connection lost"),
    "page.gradio_reconnecting": Text(
        zh="与服务器的连接已中断，正在重新连接…", en="The connection to the server was lost; reconnecting…"
    ),
    "page.gradio_queue_full": Text(
        zh="排队的人太多（上限 {limit}），请稍后再试。",
        en="Too many users are waiting ({limit} at most); try again later.",
    ),
    "page.gradio_busy": Text(zh="服务器正忙，请稍后再试。", en="The server is busy; try again in a moment."),
    "page.gradio_upload_refused": Text(zh="上传被拒绝。{detail}", en="The upload was rejected. {detail}"),
    "page.gradio_error": Text(zh="出错了", en="Error"),
    "page.gradio_warning": Text(zh="注意", en="Warning"),
}

_SERVER: Final[Mapping[str, Text]] = {
    "page.port_taken": Text(
        zh="端口 {taken} 已被占用，改用 {port}。",
        en="Port {taken} is taken; using {port} instead.",
    ),
    "page.no_free_port": Text(
        zh="端口 {first} 到 {last} 都被占用。请关闭占用端口的程序，或用 SPEECH_EMOTION_PORT 另选端口。",
        en=(
            "The ports {first} to {last} are all taken. "
            "Stop the programs that use them, or choose another port with SPEECH_EMOTION_PORT."
        ),
    ),
    "page.cannot_listen": Text(
        zh="无法在 {host}:{port} 上监听（{reason}）。请检查 SPEECH_EMOTION_HOST 和 SPEECH_EMOTION_PORT。",
        en=(
            "The server can't listen on {host}:{port} ({reason}). "
            "Check SPEECH_EMOTION_HOST (usually 127.0.0.1 or 0.0.0.0) and SPEECH_EMOTION_PORT (1024 or above)."
        ),
    ),
}

TEXTS: Final[Mapping[str, Text]] = {**_LABELS, **_STATUS, **_ANSWER, **_ERRORS, **_PROGRESS, **_GRADIO, **_SERVER}
