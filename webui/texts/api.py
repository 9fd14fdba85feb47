"""Texts of the REST API alone; most of what it says is said by the errors themselves."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "api.unexpected": Text(
        zh="程序出错了，编号 {error_id}。请重试；若仍出现，请把编号告诉维护者，服务器日志里有同一编号的详情。",
        en=(
            "The program made a mistake, number {error_id}. Try again; if it stays, tell the maintainer this number: "
            "the server's log has the details under it."
        ),
    ),
    "api.bad_request": Text(
        zh="请求不合理（{reason}）。各字段见 /docs。",
        en="The request makes no sense ({reason}). /docs describes the fields.",
    ),
    "api.one_source": Text(
        zh="请求给出了 {found}；需要 audio_path、audio_url、audio_base64 中的一个，或一个上传的文件（字段 audio）。",
        en=(
            "The request gives {found}; exactly one of audio_path, audio_url and audio_base64 is expected, or one "
            "uploaded file in the field `audio`."
        ),
    ),
    "api.no_audio_urls": Text(
        zh="服务器不从网址读取音频。管理员可用设置 SPEECH_EMOTION_AUDIO_URLS=true 允许；或改为上传文件。",
        en=(
            "This server fetches no audio by URL. Its administrator can allow it with SPEECH_EMOTION_AUDIO_URLS=true; "
            "or upload the file."
        ),
    ),
    "api.bad_url": Text(
        zh="audio_url 不是有效的网址。请给出完整的 https:// 或 http:// 地址。",
        en="audio_url is not a URL. Give a whole address with https:// or http://.",
    ),
    "api.url_refused": Text(
        zh=(
            "audio_url（或它转到的地址）不可用：只接受公网上的 http 或 https 地址，不带用户名和密码。"
            "自己网络内的地址由设置 SPEECH_EMOTION_AUDIO_URL_NETWORKS 允许；或上传文件。"
        ),
        en=(
            "audio_url, or where it redirects to, is refused: an http or https address of the public internet is "
            "expected, without user and password. The setting SPEECH_EMOTION_AUDIO_URL_NETWORKS allows addresses of "
            "one's own network; or upload the file."
        ),
    ),
    "api.url_unreachable": Text(
        zh="无法从 audio_url 读取音频：连接失败或中断。请检查地址，或上传文件。",
        en="The audio at audio_url can't be had: the connection failed or broke off. Check the address, or upload it.",
    ),
    "api.url_status": Text(
        zh="audio_url 的服务器回答 HTTP {found}；需要 200。请检查地址和权限，或上传文件。",
        en="The server of audio_url answers HTTP {found}; 200 is expected. Check the address and who may read it.",
    ),
    "api.url_too_slow": Text(
        zh="audio_url 的服务器太慢：{limit_s:.0f} 秒内没有给出全部音频。请稍后重试，或上传文件。",
        en="The server of audio_url is too slow: not all came within {limit_s:.0f} s. Try again later, or upload it.",
    ),
    "api.url_redirects": Text(
        zh="audio_url 转发超过 {expected} 次。请给出音频本身的地址。",
        en="audio_url redirects more than {expected} times. Give the address of the audio itself.",
    ),
    "api.bad_base64": Text(
        zh="audio_base64 不是有效的 base64（{reason}）。请给出文件内容的标准 base64 编码，不带 data: 前缀。",
        en="audio_base64 is not base64 ({reason}). Give the file's bytes in standard base64, without a data: prefix.",
    ),
    "api.no_audio_roots": Text(
        zh="服务器不允许按路径读取音频。管理员可用设置 SPEECH_EMOTION_AUDIO_ROOTS 指定允许的文件夹；或改为上传文件。",
        en=(
            "This server reads no audio by path. Its administrator can allow folders with the setting "
            "SPEECH_EMOTION_AUDIO_ROOTS; or upload the file."
        ),
    ),
    "api.outside_roots": Text(
        zh=(
            "audio_path 不在允许的文件夹内。允许的文件夹由设置 SPEECH_EMOTION_AUDIO_ROOTS 指定；"
            "请给出其中文件的完整路径，或上传文件。"
        ),
        en=(
            "audio_path lies outside of the allowed folders. The setting SPEECH_EMOTION_AUDIO_ROOTS names them; give "
            "the whole path of a file in one of them, or upload the file."
        ),
    ),
    "api.media_type": Text(
        zh="请求的内容类型是 {found}；需要 multipart/form-data（上传文件）或 application/json。",
        en="The request's content type is {found}; multipart/form-data (an upload) or application/json is expected.",
    ),
    "api.too_large": Text(
        zh="请求超过 {expected_mb:.0f} MB 的上限。请缩短或压缩音频，或由管理员调整 SPEECH_EMOTION_MAX_AUDIO_MB。",
        en=(
            "The request is larger than the limit of {expected_mb:.0f} MB. Send a shorter or compressed recording, "
            "or have SPEECH_EMOTION_MAX_AUDIO_MB raised."
        ),
    ),
    "api.upload_slow": Text(
        zh="请求的内容在 {limit_s:.0f} 秒内没有传完。请检查网络，或由管理员调整 SPEECH_EMOTION_MAX_UPLOAD_S。",
        en=(
            "The request's body did not arrive within {limit_s:.0f} s. Check the connection, or have "
            "SPEECH_EMOTION_MAX_UPLOAD_S raised."
        ),
    ),
    "api.no_job": Text(
        zh="没有编号为 {found} 的任务；它可能已被删除。请用 GET /api/v1/jobs 查看。",
        en="There is no job {found}; it may have been deleted. GET /api/v1/jobs lists what there is.",
    ),
    "api.job_sources": Text(
        zh="请求中有 {found} 个上传的文件；应有一个或多个字段 `audio`，或者 audio_paths 和 audio_urls 中的恰好一个。",
        en="The request has {found} uploads; one or more in the field `audio` are expected, or exactly one of "
        "audio_paths and audio_urls.",
    ),
    "api.no_result": Text(
        zh="没有编号为 {found} 的结果，或它已被删除。请检查编号，或重新识别。",
        en="There is no result {found}, or it was deleted. Check the id, or recognize the audio again.",
    ),
    "api.no_file": Text(
        zh="这个结果没有名为 {found} 的文件；现有：{expected}。请从 links 中选择。",
        en="This result has no file {found}; it has {expected}. Choose one of its `links`.",
    ),
    "api.inline_frames": Text(
        zh="逐帧的 embedding 太大，不能写进 JSON。请去掉 inline_embedding，从 links 下载 embedding.npy。",
        en=(
            "An embedding per frame is too large for JSON. "
            "Leave inline_embedding out and fetch embedding.npy from `links`."
        ),
    ),
}
