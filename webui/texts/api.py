"""Texts that only the REST API uses; most of its messages are those of the errors themselves."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "api.only_with_frames": Text(
        zh="{found} 只对帧级得分有效。请加上 granularity=frame，或去掉该字段。",
        en="{found} only applies to frame scores. Add granularity=frame, or omit the field.",
    ),
    "api.only_with_segments": Text(
        zh="{found} 只对片段有效。请加上 granularity=segment，或去掉该字段。",
        en="{found} only applies to segments. Add granularity=segment, or omit the field.",
    ),
    "api.only_with_separate": Text(
        zh="{found} 只在分开识别各声道时有效。请加上 channels=separate，或去掉该字段。",
        en="{found} only applies to separate channels. Add channels=separate, or omit the field.",
    ),
    "api.raw_or_smooth": Text(
        zh="{found} 互相矛盾：raw_frames 不做平滑，而 window_s 和 hop_s 用于平滑。请只用其中一种。",
        en="{found} contradict each other: raw_frames disables smoothing, window_s and hop_s set it. Use one or the "
        "other.",
    ),
    "api.no_embeddings": Text(
        zh="这个任务没有保存特征。提交任务时请加上 extract_embedding=true。",
        en="This job keeps no embeddings. Submit a job with extract_embedding=true.",
    ),
    "api.extras_deleted": Text(
        zh=(
            "特征和长录音的帧级得分已按 SPEECH_EMOTION_KEEP_DAYS 或 SPEECH_EMOTION_KEEP_GB 删除，"
            "或任务来自更早的版本。请重新提交这些录音。"
        ),
        en="Embeddings, and frame scores of long recordings, were deleted because of SPEECH_EMOTION_KEEP_DAYS "
        "or SPEECH_EMOTION_KEEP_GB, or the job is from an earlier version. Submit the recordings again.",
    ),
    "api.needs_jsonl": Text(
        zh="{format} 表格每段录音一行，无法容纳 {found} 的结果。请使用 format=jsonl。",
        en="A {format} table has one row per recording, which can't hold {found} results. Use format=jsonl.",
    ),
    "api.only_with_csv": Text(
        zh="{found} 只对 CSV 表格有效，对 {format} 没有作用。请使用 format=csv，或去掉该参数。",
        en="{found} only applies to CSV tables, not to {format}. Use format=csv, or omit the parameter.",
    ),
    "api.options_in_query": Text(
        zh=(
            "网址的查询部分带有参数 {found}，在那里没有作用。请放在请求体中：multipart/form-data 的表单字段，"
            "或 JSON 文档的键。"
        ),
        en=(
            "The query of the address has {found}, which has no effect there. Send it in the body: as a field of the "
            "form (multipart/form-data), or as a key of the JSON document."
        ),
    ),
    "api.unknown_query": Text(
        zh="没有名为 {found} 的查询参数；可用的参数：{expected}。请检查拼写，或去掉它。",
        en="There is no query parameter {found}; this address has: {expected}. Check the spelling, or omit it.",
    ),
    "api.no_query": Text(
        zh="这个网址没有查询参数，{found} 没有作用。请去掉它。",
        en="This address has no query parameters, so {found} has no effect. Omit it.",
    ),
    "api.one_file": Text(
        zh="请求中有多个文件，而 /api/v1/recognize 每次只识别一个（字段 audio）。多个文件请发送到 /api/v1/jobs。",
        en=(
            "The request has several files; /api/v1/recognize takes one, in the field `audio`. Several go to "
            "/api/v1/jobs."
        ),
    ),
    "api.no_route": Text(
        zh="地址 {found} 不存在。所有地址见 /docs（英文）。",
        en="There is no {found}; /docs lists the routes.",
    ),
    "api.no_method": Text(
        zh="这里不能使用 {found}，可以使用：{expected}。请改用其中之一。",
        en="{found} is not allowed here; allowed: {expected}. Use one of these.",
    ),
    "api.unexpected": Text(
        zh="发生内部错误，编号 {error_id}。请重试；如仍出现，请把编号告知维护者，服务器日志中有对应的详细信息。",
        en=(
            "Internal error {error_id}. Try again; if it happens again, give this number to the maintainer: the "
            "server's log has the details of this error."
        ),
    ),
    "api.bad_request": Text(
        zh="请求有误（{reason}）。各字段的说明见 /docs（英文）。",
        en="Invalid request ({reason}). The fields are described at /docs.",
    ),
    "api.one_source": Text(
        zh="请求给出了 {found}；应为 audio_path、audio_url、audio_base64 中的一个，或一个上传的文件（字段 audio）。",
        en=(
            "The request gives {found}; exactly one of audio_path, audio_url and audio_base64 is expected, or one "
            "uploaded file in the field `audio`."
        ),
    ),
    "api.no_audio_urls": Text(
        zh="服务器未启用从网址读取音频。管理员可用设置 SPEECH_EMOTION_AUDIO_URLS=true 启用；也可改为上传文件。",
        en=(
            "This server does not fetch audio from URLs. The administrator can enable that with "
            "SPEECH_EMOTION_AUDIO_URLS=true; or upload the file."
        ),
    ),
    "api.bad_url": Text(
        zh="audio_url 不是有效的网址。请给出以 https:// 或 http:// 开头的完整地址。",
        en="audio_url is not a valid URL. Give a complete address with https:// or http://.",
    ),
    "api.url_refused": Text(
        zh=(
            "audio_url（或重定向后的地址）不可用：只接受公网上的 http 或 https 地址，不能带用户名和密码。"
            "内网地址可用设置 SPEECH_EMOTION_AUDIO_URL_NETWORKS 允许；也可改为上传文件。"
        ),
        en=(
            "audio_url, or the address it redirects to, is not allowed: an http or https address on the public "
            "internet is expected, without user name and password. The setting SPEECH_EMOTION_AUDIO_URL_NETWORKS "
            "allows addresses on private networks; or upload the file."
        ),
    ),
    "api.url_unreachable": Text(
        zh="无法从 audio_url 读取音频：连接失败或中断。请检查地址，或改为上传文件。",
        en="The audio at audio_url can't be fetched: the connection failed or was lost. Check the address, or upload "
        "the file.",
    ),
    "api.url_status": Text(
        zh="audio_url 的服务器返回 HTTP {found}，应为 200。请检查地址和访问权限，或改为上传文件。",
        en="The server of audio_url returned HTTP {found}; 200 is expected. Check the address and its access rights, "
        "or upload the file.",
    ),
    "api.url_too_slow": Text(
        zh="audio_url 的服务器太慢：{limit_s:.0f} 秒内未能下载完音频。请稍后重试，或改为上传文件。",
        en="The server of audio_url is too slow: the download did not finish within {limit_s:.0f} s. Try again later, "
        "or upload the file.",
    ),
    "api.url_redirects": Text(
        zh="audio_url 的重定向超过 {expected} 次。请给出音频本身的地址。",
        en="audio_url redirects more than {expected} times. Give the address of the audio itself.",
    ),
    "api.bad_idempotency_key": Text(
        zh="请求头 Idempotency-Key 无效：应为 1 到 {expected} 个可见的 ASCII 字符，且只出现一次。请使用 UUID。",
        en="The header Idempotency-Key is not valid: 1 to {expected} printable ASCII characters are expected, once. "
        "Use a UUID.",
    ),
    "api.idempotency_key_in_use": Text(
        zh="使用同一 Idempotency-Key 的请求还在处理中。请 {retry_s} 秒后重试，即可得到它的结果。",
        en="A request with the same Idempotency-Key is still being processed. Try again in {retry_s} s to get its "
        "answer.",
    ),
    "api.idempotency_key_reused": Text(
        zh="这个 Idempotency-Key 已用于另一个内容不同的请求。请为每个新请求使用新的值。",
        en="This Idempotency-Key was used for a different request. Use a new value for each new request.",
    ),
    "api.no_callbacks": Text(
        zh=(
            "服务器未启用任务完成后的回调。管理员可用 SPEECH_EMOTION_AUDIO_URLS=true 和 SPEECH_EMOTION_CALLBACK_SECRET "
            "启用；也可去掉 callback_url，用 GET /api/v1/jobs/{{id}}?wait_s=60 等待。"
        ),
        en=(
            "This server makes no callbacks. The administrator can enable them with SPEECH_EMOTION_AUDIO_URLS=true and "
            "SPEECH_EMOTION_CALLBACK_SECRET; or omit callback_url and wait with GET /api/v1/jobs/{{id}}?wait_s=60."
        ),
    ),
    "api.bad_callback_url": Text(
        zh="callback_url 不是有效的网址。请给出以 https:// 或 http:// 开头的完整地址。",
        en="callback_url is not a valid URL. Give a complete address with https:// or http://.",
    ),
    "api.callback_refused": Text(
        zh=(
            "callback_url 不可用：只接受公网上的 http 或 https 地址，不能带用户名和密码。"
            "内网地址可用设置 SPEECH_EMOTION_AUDIO_URL_NETWORKS 允许。"
        ),
        en=(
            "callback_url is not allowed: an http or https address on the public internet is expected, without user "
            "name and password. The setting SPEECH_EMOTION_AUDIO_URL_NETWORKS allows addresses on private networks."
        ),
    ),
    "api.callback_unreachable": Text(
        zh="无法连接 callback_url 的服务器，或它没有及时响应。请检查该服务器。",
        en="The server of callback_url could not be reached, or did not respond in time. Check that server.",
    ),
    "api.callback_status": Text(
        zh="callback_url 的服务器返回 HTTP {found}，应为 200 到 299（不跟随重定向）。请检查该服务器。",
        en="The server of callback_url returned HTTP {found}; 200 to 299 is expected, and redirects are not followed. "
        "Check that server.",
    ),
    "api.bad_base64": Text(
        zh="audio_base64 不是有效的 base64（{reason}）。请给出文件内容的 base64 编码，可带 data: 前缀和换行。",
        en="audio_base64 is not valid base64 ({reason}). Give the file's bytes in base64; a data: prefix and line "
        "breaks are allowed.",
    ),
    "api.no_audio_roots": Text(
        zh="服务器未启用按路径读取音频。管理员可用设置 SPEECH_EMOTION_AUDIO_ROOTS 指定允许的文件夹；也可改为上传文件。",
        en=(
            "This server does not read audio by path. The administrator can allow folders with the setting "
            "SPEECH_EMOTION_AUDIO_ROOTS; or upload the file."
        ),
    ),
    "api.outside_roots": Text(
        zh=(
            "audio_path 不在允许的文件夹内。允许的文件夹由设置 SPEECH_EMOTION_AUDIO_ROOTS 指定；"
            "请给出其中文件的完整路径，或改为上传文件。"
        ),
        en=(
            "audio_path is outside of the allowed folders, which the setting SPEECH_EMOTION_AUDIO_ROOTS lists. Give "
            "the full path of a file in one of them, or upload the file."
        ),
    ),
    "api.media_type": Text(
        zh="请求的内容类型是 {found}，应为 multipart/form-data（上传文件）或 application/json。",
        en="The content type of the request is {found}; multipart/form-data (an upload) or application/json is "
        "expected.",
    ),
    "api.too_large": Text(
        zh="请求超过 {expected_mb:.0f} MB 的上限。请缩短或压缩音频，或请管理员调大 SPEECH_EMOTION_MAX_AUDIO_MB。",
        en=(
            "The request is larger than the limit of {expected_mb:.0f} MB. Send a shorter or compressed recording, "
            "or ask the administrator to raise SPEECH_EMOTION_MAX_AUDIO_MB."
        ),
    ),
    "api.upload_slow": Text(
        zh="请求的内容在 {limit_s:.0f} 秒内未传完。请检查网络，或请管理员调大 SPEECH_EMOTION_MAX_UPLOAD_S。",
        en=(
            "The request's body did not arrive within {limit_s:.0f} s. Check the connection, or ask the administrator "
            "to raise SPEECH_EMOTION_MAX_UPLOAD_S."
        ),
    ),
    "api.no_job": Text(
        zh="没有编号为 {found} 的任务，可能已被删除。现有任务可用 GET /api/v1/jobs 查看。",
        en="There is no job {found}; it may have been deleted. GET /api/v1/jobs lists the jobs.",
    ),
    "api.job_sources": Text(
        zh="请求中有 {found} 个上传的文件；应有一个或多个 `audio` 字段，或者 audio_paths 和 audio_urls 二者之一。",
        en="The request has {found} uploads; one or more in the field `audio` are expected, or exactly one of "
        "audio_paths and audio_urls.",
    ),
    "api.no_result": Text(
        zh="没有编号为 {found} 的结果，可能已被删除。请检查编号，或重新识别。",
        en="There is no result {found}; it may have been deleted. Check the id, or recognize the audio again.",
    ),
    "api.no_file": Text(
        zh="这个结果没有名为 {found} 的文件；现有：{expected}。请从 links 中选择。",
        en="This result has no file {found}; it has {expected}. Choose one of its `links`.",
    ),
    "api.embedding_not_kept": Text(
        zh="这次识别不保留文件（keep=false），因此没有 embedding.npy。请改用 inline_embedding，或加上 keep=true。",
        en="This recognition keeps no files (keep=false), so there would be no embedding.npy. Use inline_embedding, or "
        "add keep=true.",
    ),
    "api.inline_frames": Text(
        zh="帧级 embedding 太大，不能写进 JSON。请去掉 inline_embedding，再从 links 下载 embedding.npy。",
        en=(
            "An embedding per frame is too large for JSON. "
            "Omit inline_embedding and download embedding.npy from `links`."
        ),
    ),
}
