"""What each setting means: the tables of docs/SETTINGS.md and the settings' own descriptions."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "settings.port": Text(
        zh="首选端口；被占用时换下一个空闲端口。",
        en="First port tried; the next free one is taken.",
    ),
    "settings.device": Text(
        zh="模型运行的设备；`auto` 取最好的一个。",
        en="Device the model runs on; `auto` takes the best one.",
    ),
    "settings.engine": Text(
        zh="运行 Emotion2Vec 的引擎：auto、native、onnx，或作为参考的 funasr。",
        en="Runs Emotion2Vec: auto, native, onnx, or funasr as the reference.",
    ),
    "settings.precision": Text(
        zh="Emotion2Vec 的精度：fp32、显卡上的 fp16 或 bf16、CPU 上最快的 int8。",
        en="Precision of Emotion2Vec: fp32, fp16 or bf16 on a GPU, int8 as the fastest on a CPU.",
    ),
    "settings.builtin": Text(
        zh="为 `auto` 时，内置模型是否可以作答。",
        en="Whether the built-in model may answer for `auto`.",
    ),
    "settings.model_dir": Text(
        zh="`model` 所指模型（auto 为 Large）的权重文件夹，最先查找。",
        en="Folder of the checkpoint that `model` names (auto: large), looked at first.",
    ),
    "settings.keep_original": Text(
        zh="转换后是否保留 `models/<name>/model.pt`（1.95 GB）。",
        en="Whether `models/<name>/model.pt` stays after its conversion (1.95 GB).",
    ),
    "settings.auto_download": Text(
        zh="本机没有大模型时，服务器是否自动下载（1.95 GB）。",
        en="Whether the server fetches a large model that isn't here by itself (1.95 GB).",
    ),
    "settings.audio_roots": Text(
        zh="API 的 `audio_path` 可以读取的文件夹；多个之间的分隔符与 PATH 相同。",
        en="Folders that the API's `audio_path` may name files in; several separated as in PATH.",
    ),
    "settings.audio_urls": Text(
        zh="API 的 `audio_url` 是否可用：服务器会去下载调用方给出的公网地址。",
        en="Whether the API's `audio_url` may be used: the server then fetches public addresses that callers name.",
    ),
    "settings.audio_url_networks": Text(
        zh="`audio_url` 除公网外还可访问的网络，如 `10.1.0.0/16`；以空格或逗号分隔。",
        en="Networks that `audio_url` may reach besides the public ones, `10.1.0.0/16` say; spaces or commas between.",
    ),
    "settings.audio_url_s": Text(
        zh="`audio_url` 的下载最多用多少秒。", en="Seconds that fetching an `audio_url` may take in all."
    ),
    "settings.api_keys": Text(
        zh="可用的 API 密钥的哈希（`bash run.sh key new` 打印），以空格或逗号分隔；不设密钥也不设登录则人人可用。",
        en=(
            "Hashes of the API keys that are let in (`bash run.sh key new` prints them), separated by spaces or "
            "commas; without keys and logins everybody is."
        ),
    ),
    "settings.api_keys_file": Text(
        zh="同上，来自文件，每行一个哈希，`#` 之后为备注。",
        en="The same from a file, a hash a line, remarks after `#`.",
    ),
    "settings.login": Text(
        zh="可登录网页的账号 `用户名:哈希`（`bash run.sh key login 用户名` 打印），以空格或逗号分隔。",
        en=(
            "Logins of the page as `user:hash` (`bash run.sh key login USER` prints them), separated by spaces or "
            "commas."
        ),
    ),
    "settings.login_file": Text(zh="同上，来自文件，每行一个账号。", en="The same from a file, a login a line."),
    "settings.cors_origins": Text(
        zh="可从浏览器调用 API 的其他网站，如 `https://example.org`；默认没有。",
        en="Other sites whose pages may call the API, `https://example.org` for instance; none by default.",
    ),
    "settings.allowed_hosts": Text(
        zh=(
            "浏览器访问本服务器时使用的域名，例如反向代理的域名；端口不是 80 或 443 时写 `域名:端口`。"
            "不设密钥和登录的服务器拒绝其他含点的域名。"
        ),
        en=(
            "Names that browsers know this server by, a reverse proxy's for instance; `name:port` where the port is "
            "not 80 or 443. Without keys and logins the server refuses other names that have a dot."
        ),
    ),
    "settings.trusted_proxies": Text(
        zh=(
            "可信的反向代理的地址，如 `127.0.0.1` 或 `10.0.0.0/8`：只采信它们的 X-Forwarded-For 和 "
            "X-Forwarded-Proto；默认没有。"
        ),
        en=(
            "Addresses of reverse proxies, `127.0.0.1` or `10.0.0.0/8` say, whose X-Forwarded-For and "
            "X-Forwarded-Proto are believed; none by default."
        ),
    ),
    "settings.frame_ancestors": Text(
        zh="可以在框架（iframe）中嵌入本网页的其他网站，如 `https://example.org`；默认没有。",
        en="Other sites that may show the page in a frame, `https://example.org` for instance; none by default.",
    ),
    "settings.ssl_certfile": Text(
        zh="TLS 证书（PEM）；给出后以 https 提供服务。", en="TLS certificate (PEM); with it the server speaks https."
    ),
    "settings.ssl_keyfile": Text(zh="证书的私钥（PEM）。", en="Private key of the certificate (PEM)."),
    "settings.max_waiting": Text(
        zh="最多有多少个 API 请求排队；再多的会被要求稍后重试。",
        en="API requests that may wait; more are told to come back.",
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
            "同一调用方（密钥、账号或地址）每小时最多解码多少秒音频，再多的得到 429；0 为不限。"
            "对外开放的服务器建议设置，如 7200。"
        ),
        en=(
            "Seconds of audio that are decoded for one caller (key, login or address) within an hour; more is answered "
            "429, and 0 is no limit. Recommended for servers that are open to strangers: 7200, for instance."
        ),
    ),
    "settings.max_visitor_mb": Text(
        zh="一位访客（密钥、账号或地址）上传到网页并保留着的文件总量上限，单位 MB；上传的文件保留六小时。",
        en=(
            "Megabytes of uploads to the page that are kept of one visitor (key, login or address); uploads are kept "
            "for six hours."
        ),
    ),
    "settings.max_uploads_mb": Text(
        zh="所有访客上传到网页并保留着的文件总量上限，单位 MB；应小于磁盘的可用空间。",
        en="The same of all visitors together; set it below what the disk has room for.",
    ),
    "settings.max_per_client": Text(
        zh="同一调用方（密钥、账号或地址）最多同时有多少个 API 请求，以及网页上的多少次识别；再多的得到 429。",
        en=(
            "API requests of one caller (key, login or address) at a time, and as many runs on the page; more are "
            "answered 429."
        ),
    ),
    "settings.max_upload_s": Text(
        zh="请求的内容最多用多少秒传完。", en="Seconds in which a request's body has to arrive."
    ),
    "settings.max_request_s": Text(
        zh="一次识别（含排队）最多用多少秒，超过则中止。",
        en="Seconds that a recognition may take, waiting included; then it is ended.",
    ),
    "settings.max_jobs": Text(
        zh="最多有多少个未完成的批量任务；再多的会被要求稍后重试。",
        en="Jobs that may be unfinished; more are told to come back.",
    ),
    "settings.max_connections": Text(
        zh="最多同时有多少个连接有请求在处理（一个打开的网页占一到三个）；没有请求的连接在需要时会被关闭，让出位置。",
        en=(
            "Connections with a request at a time (an open page takes one to three); those without one are closed "
            "where others need their place."
        ),
    ),
    "settings.max_connections_per_address": Text(
        zh="其中同一地址（IPv6 为同一 /64）最多多少个；本机（包括本机上的反向代理）没有此限制。",
        en="Of these, how many of one address (of one /64 of IPv6); this machine, a reverse proxy on it included, has "
        "no such limit.",
    ),
    "settings.keep_days": Text(
        zh="结果和已结束的批量任务保留多少天，之后自动删除；0 为不删除。",
        en="Days that results and ended jobs are kept, then deleted; 0 keeps them.",
    ),
    "settings.keep_gb": Text(
        zh="结果总共最多占多少 GB，超过则从最旧的删起；0 为不限。",
        en="Gigabytes that results may take in all, the oldest are deleted first; 0 is no limit.",
    ),
    "settings.compare_tab": Text(
        zh=(
            "网页上是否有“对比模型”页（on / off）：它会占满机器几分钟。`auto`：只对本机开放，或要求密钥或登录时才有；"
            "对网络开放或列出了反向代理的域名而无需密钥时没有。"
        ),
        en=(
            "Whether the page compares models (on, off), which keeps the machine busy for minutes. `auto`: only where "
            "the server is open to this machine alone, or asks for keys or logins; not where it is open to a network, "
            "or to a reverse proxy's names, without them."
        ),
    ),
    "settings.window_s": Text(
        zh="逐帧得分：每行平均多少秒音频。",
        en="Frame scores: length of audio that a row averages over.",
    ),
    "settings.hop_s": Text(
        zh="逐帧得分：两行相隔多少秒。",
        en="Frame scores: distance between two rows.",
    ),
    "settings.max_json_rows": Text(
        zh="逐帧得分超过这么多行时写入 frames.parquet。",
        en="Frame rows above this go to frames.parquet.",
    ),
    "settings.threads": Text(
        zh="模型使用的 CPU 线程数；0 为与核数相同。",
        en="CPU threads of a model; 0 means as many as there are cores.",
    ),
    "settings.host": Text(
        zh="服务器监听的地址；0.0.0.0 对整个网络开放。",
        en="Address the server listens on; 0.0.0.0 opens it to the network.",
    ),
    "settings.model": Text(
        zh="作答的模型：`auto` 或 `models` 列出的名称。",
        en="Model that answers: `auto` or a name that `models` lists.",
    ),
    "settings.models_dir": Text(
        zh="权重所在的目录，每个模型一个文件夹。",
        en="Where weights lie, a folder per model.",
    ),
    "settings.outputs_dir": Text(
        zh="结果文件夹写入的目录。",
        en="Where run folders are written.",
    ),
}
