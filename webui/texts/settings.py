"""Descriptions of the settings, for the tables of docs/SETTINGS.md and for the settings themselves."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "settings.port": Text(
        zh="首选端口；被占用时换下一个空闲端口。",
        en="First port to try; if it is taken, the next free one is used.",
    ),
    "settings.device": Text(
        zh="运行模型的设备；`auto` 自动选择最好的一个。",
        en="Device to run the model on; `auto` selects the best one.",
    ),
    "settings.engine": Text(
        zh="运行 Emotion2Vec 的引擎：auto、native、onnx，或作为参考的 funasr。",
        en="Engine for Emotion2Vec: auto, native, onnx, or funasr (the reference).",
    ),
    "settings.precision": Text(
        zh="Emotion2Vec 的精度：fp32、fp16 或 bf16（GPU）、int8（CPU 上最快）。",
        en="Precision of Emotion2Vec: fp32, fp16 or bf16 (GPU), int8 (fastest on a CPU).",
    ),
    "settings.builtin": Text(
        zh="模型为 `auto` 时是否允许使用内置模型。",
        en="Whether `auto` may use the built-in model.",
    ),
    "settings.model_dir": Text(
        zh="`model` 所指模型（auto 时为 Large）的权重文件夹，最先查找。",
        en="Folder with the weights of `model` (for auto: Large), searched first.",
    ),
    "settings.keep_original": Text(
        zh="转换后是否保留 `models/<name>/model.pt`（1.95 GB）。",
        en="Whether to keep `models/<name>/model.pt` after its conversion (1.95 GB).",
    ),
    "settings.auto_download": Text(
        zh="本机没有 Large 模型时，服务器是否自动下载（1.95 GB）。",
        en="Whether the server downloads the Large model if it is not on this machine (1.95 GB).",
    ),
    "settings.keep_results": Text(
        zh="通过 API（包括 gradio_client）识别的录音和结果是否保留在结果文件夹中；请求中的 `keep` 优先。"
        "网页和命令行总会保留。",
        en="Whether recordings and results of the API (including gradio_client) are kept in the results folder; `keep` "
        "in a request overrides it. The page and the command line always keep them.",
    ),
    "settings.audio_roots": Text(
        zh="API 的 `audio_path` 可以读取的文件夹；多个之间的分隔符与 PATH 相同。",
        en="Folders from which the API's `audio_path` may read; several are separated as in PATH.",
    ),
    "settings.audio_urls": Text(
        zh="是否启用 API 的 `audio_url`：服务器会下载调用方给出的公网地址。",
        en="Whether to enable the API's `audio_url`: the server fetches public addresses that callers give.",
    ),
    "settings.callback_secret": Text(
        zh="为任务的 `callback_url` 签名的密钥（base64，至少 24 字节，如 `openssl rand -base64 32` 的输出）；"
        "`callback_url` 需要它和 `audio_urls`。",
        en="Secret for signing the calls to a job's `callback_url` (base64 of at least 24 bytes, such as the output of "
        "`openssl rand -base64 32`); `callback_url` needs it and `audio_urls`.",
    ),
    "settings.audio_url_networks": Text(
        zh="`audio_url` 和 `callback_url` 除公网外还可访问的网络，如 `10.1.0.0/16`；以空格或逗号分隔。",
        en="Networks that `audio_url` and `callback_url` may access in addition to the public internet, for "
        "example `10.1.0.0/16`; separated by spaces or commas.",
    ),
    "settings.audio_url_s": Text(
        zh="`audio_url` 下载的总时限，单位秒。", en="Time limit for fetching an `audio_url`, in seconds."
    ),
    "settings.api_keys": Text(
        zh="有效 API 密钥的哈希（用 `bash run.sh key new` 生成），以空格或逗号分隔；未设置密钥和登录时，人人可用。",
        en=(
            "Hashes of the accepted API keys (created with `bash run.sh key new`), separated by spaces or commas; "
            "without keys and logins, access is open to everyone."
        ),
    ),
    "settings.api_keys_file": Text(
        zh="同上，从文件读取，每行一个哈希，`#` 之后为注释。",
        en="The same from a file, one hash per line, comments after `#`.",
    ),
    "settings.login": Text(
        zh="可登录网页的账号 `用户名:哈希`（用 `bash run.sh key login 用户名` 生成），以空格或逗号分隔。",
        en=(
            "Logins for the page as `user:hash` (created with `bash run.sh key login USER`), separated by spaces or "
            "commas."
        ),
    ),
    "settings.login_file": Text(zh="同上，从文件读取，每行一个账号。", en="The same from a file, one login per line."),
    "settings.cors_origins": Text(
        zh="可从浏览器调用 API 的其他网站，如 `https://example.org`；默认没有。",
        en="Other sites whose pages may call the API, for example `https://example.org`; none by default.",
    ),
    "settings.allowed_hosts": Text(
        zh=(
            "浏览器访问本服务器时使用的域名，例如反向代理的域名；端口不是 80 或 443 时写 `域名:端口`。"
            "未设置密钥和登录的服务器拒绝其他含点的域名。"
        ),
        en=(
            "Host names under which browsers reach this server, for example a reverse proxy's; `name:port` if the port "
            "is not 80 or 443. Without keys and logins, the server rejects other names that contain a dot."
        ),
    ),
    "settings.trusted_proxies": Text(
        zh=(
            "可信的反向代理的地址，如 `127.0.0.1` 或 `10.0.0.0/8`：只信任它们的 X-Forwarded-For、-Proto、-Host 和 "
            "-Prefix；默认没有。"
        ),
        en=(
            "Addresses of reverse proxies whose X-Forwarded-For, -Proto, -Host and -Prefix are trusted, for example "
            "`127.0.0.1` or `10.0.0.0/8`; none by default."
        ),
    ),
    "settings.base_path": Text(
        zh="反向代理发布本服务器的路径，如 `/emotion`；默认是根路径。可信代理的 X-Forwarded-Prefix 优先。",
        en=(
            "Path under which a reverse proxy publishes this server, for example `/emotion`; by default the root. An "
            "X-Forwarded-Prefix of a trusted proxy takes precedence."
        ),
    ),
    "settings.frame_ancestors": Text(
        zh="可以在框架（iframe）中嵌入本网页的其他网站，如 `https://example.org`；默认没有。",
        en="Other sites that may embed the page in a frame, for example `https://example.org`; none by default.",
    ),
    "settings.ssl_certfile": Text(
        zh="TLS 证书（PEM）；设置后以 https 提供服务。", en="TLS certificate (PEM); enables https."
    ),
    "settings.ssl_keyfile": Text(zh="证书的私钥（PEM）。", en="Private key of the certificate (PEM)."),
    "settings.max_waiting": Text(
        zh="最多有多少个 API 请求排队；超出的请求会被拒绝，并提示稍后重试。",
        en="API requests that may wait; further ones are rejected, with a time after which to retry.",
    ),
    "settings.max_audio_mb": Text(
        zh="接受的最大音频文件，单位 MB：12 小时的 16 kHz WAV 为 1382 MB。",
        en="Largest audio file accepted, in megabytes: 12 h of 16 kHz WAV are 1382.",
    ),
    "settings.max_audio_s": Text(
        zh="接受的最长录音，单位秒：12 小时。",
        en="Longest recording accepted, in seconds: 12 h.",
    ),
    "settings.max_audio_s_per_hour": Text(
        zh=(
            "每个调用方（密钥、账号或地址）每小时最多解码多少秒音频，超出时返回 429；0 为不限。"
            "对外开放的服务器建议设置，如 7200。"
        ),
        en=(
            "Seconds of audio that may be decoded per caller (key, login or address) and hour; further requests get "
            "status 429. 0 means no limit. Recommended for public servers, for example 7200."
        ),
    ),
    "settings.max_visitor_mb": Text(
        zh="每位用户（密钥、账号或地址）上传到网页的文件的总量上限，单位 MB；上传的文件保留六小时。",
        en=("Megabytes of uploads to the page per user (key, login or address); uploads are kept for six hours."),
    ),
    "settings.max_uploads_mb": Text(
        zh="所有用户上传到网页的文件的总量上限，单位 MB；应小于磁盘的可用空间。",
        en="The same for all users together; set it below the free space of the disk.",
    ),
    "settings.max_per_client": Text(
        zh="每个调用方（密钥、账号或地址）同时进行的 API 请求数上限，网页上的识别数上限与此相同；超出时返回 429。",
        en=(
            "Concurrent API requests per caller (key, login or address), and as many recognitions on the page; "
            "further ones get status 429."
        ),
    ),
    "settings.max_upload_s": Text(
        zh="传完请求内容的时限，单位秒。", en="Time limit for receiving a request's body, in seconds."
    ),
    "settings.max_request_s": Text(
        zh="一次识别（含排队）的时限，单位秒，超过则中止。",
        en="Time limit for a recognition, including waiting, in seconds.",
    ),
    "settings.max_jobs": Text(
        zh="最多有多少个未完成的批量任务；超出的任务会被拒绝，并提示稍后重试。",
        en="Unfinished jobs at a time; further ones are rejected, with a time after which to retry.",
    ),
    "settings.max_connections": Text(
        zh="最多同时有多少个连接有请求在处理（一个打开的网页占一到三个）；必要时会关闭空闲的连接。",
        en=(
            "Connections that may have a request in progress at the same time (an open page uses one to three); idle "
            "connections are closed when the limit is reached."
        ),
    ),
    "settings.max_connections_per_address": Text(
        zh="其中同一地址（IPv6 为同一 /64）最多多少个；本机（包括本机上的反向代理）没有此限制。",
        en="Of these, how many per address (per /64 for IPv6); this machine, including a reverse proxy on it, has no "
        "such limit.",
    ),
    "settings.keep_days": Text(
        zh="结果和已结束的批量任务保留多少天，之后自动删除；0 为不删除。",
        en="Days after which results and finished jobs are deleted; 0 keeps them.",
    ),
    "settings.keep_gb": Text(
        zh="结果总共最多占多少 GB，超过则从最旧的删起；0 为不限。",
        en="Gigabytes that results may take in total; beyond that, the oldest are deleted. 0 means no limit.",
    ),
    "settings.compare_tab": Text(
        zh=(
            "是否显示“模型对比”页（on / off）：它会占用机器几分钟。`auto`：仅在只对本机开放，或要求密钥或登录时显示；"
            "对网络开放或列出了反向代理的域名而无需密钥时不显示。"
        ),
        en=(
            "Whether the page has the tab that compares models (on, off), which keeps the machine busy for minutes. "
            "`auto`: only if the server can be reached from this machine only, or requires keys or logins; not if it "
            "is open to a network, or to the host names of a reverse proxy, without keys or logins."
        ),
    ),
    "settings.window_s": Text(
        zh="帧级得分：每行取多少秒音频的平均。",
        en="Frame scores: length of audio averaged per row, in seconds.",
    ),
    "settings.hop_s": Text(
        zh="帧级得分：相邻两行的间隔，单位秒。",
        en="Frame scores: distance between rows, in seconds.",
    ),
    "settings.max_json_rows": Text(
        zh="帧级得分超过多少行时写入 frames.parquet。",
        en="Frame scores with more rows than this are written to frames.parquet.",
    ),
    "settings.threads": Text(
        zh="模型使用的 CPU 线程数；0 为与核数相同。",
        en="CPU threads of a model; 0 means the number of cores.",
    ),
    "settings.host": Text(
        zh="服务器监听的地址；0.0.0.0 对整个网络开放。",
        en="Address the server listens on; 0.0.0.0 opens it to the network.",
    ),
    "settings.model": Text(
        zh="使用的模型：`auto` 或 `models` 命令列出的名称。",
        en="Model to use: `auto` or a name that `models` lists.",
    ),
    "settings.models_dir": Text(
        zh="权重所在的文件夹，每个模型一个子文件夹。",
        en="Folder with the weights, one subfolder per model.",
    ),
    "settings.outputs_dir": Text(
        zh="写入结果的文件夹。",
        en="Folder to write results to.",
    ),
}
