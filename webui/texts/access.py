"""Texts about access: keys, the login page, rejected requests."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "access.bad_callback_secret": Text(
        zh=(
            "设置 SPEECH_EMOTION_CALLBACK_SECRET 无效：应为至少 {expected} 字节的 base64。"
            "请用 openssl rand -base64 32 生成。"
        ),
        en=(
            "The setting SPEECH_EMOTION_CALLBACK_SECRET is not valid: base64 of at least {expected} bytes is expected. "
            "Create one with `openssl rand -base64 32`."
        ),
    ),
    "access.bad_key_hash": Text(
        zh=(
            "第 {number} 个 API 密钥不是哈希：应为 64 位十六进制字符，由 bash run.sh key new 生成。"
            "此处应填哈希，不能填密钥本身。请改正 SPEECH_EMOTION_API_KEYS 或 SPEECH_EMOTION_API_KEYS_FILE。"
        ),
        en=(
            "API key {number} is not a hash: 64 hexadecimal characters are expected, as `bash run.sh key new` prints "
            "them. Enter the hash, not the key itself. Correct SPEECH_EMOTION_API_KEYS or "
            "SPEECH_EMOTION_API_KEYS_FILE."
        ),
    ),
    "access.bad_login": Text(
        zh=(
            "第 {number} 个登录账号的格式不是“用户名:哈希”。请用 bash run.sh key login 用户名 生成，"
            "再改正 SPEECH_EMOTION_LOGIN 或 SPEECH_EMOTION_LOGIN_FILE。"
        ),
        en=(
            "Login {number} is not in the form `user:hash`. Create it with `bash run.sh key login USER` and correct "
            "SPEECH_EMOTION_LOGIN or SPEECH_EMOTION_LOGIN_FILE."
        ),
    ),
    "access.file_unreadable": Text(
        zh="无法读取 {file}（{reason}），服务器因此无法启动。请检查路径和权限。",
        en="{file} can't be read ({reason}), so the server can't start. Check its path and permissions.",
    ),
    "access.bad_certificate": Text(
        zh="无法使用证书 {certificate} 和私钥 {keyfile}（{reason}）。二者应为 PEM 格式、相互匹配且没有密码。",
        en=(
            "The certificate {certificate} and the key {keyfile} can't be used ({reason}). A matching pair of PEM "
            "files without a password is expected."
        ),
    ),
    "access.key_alone": Text(
        zh="证书和私钥只给出了一个；--ssl-certfile 和 --ssl-keyfile 必须同时使用。",
        en="Only one of certificate and key is given; --ssl-certfile and --ssl-keyfile must be used together.",
    ),
    "access.unauthorized": Text(
        zh="需要有效的 API 密钥（请求头 Authorization: Bearer 或 X-API-Key）或登录；未提供，或无效。请向管理员索取。",
        en=(
            "An API key (header `Authorization: Bearer` or `X-API-Key`) or a login is required; none was given, or it "
            "is not valid. Ask the administrator for one."
        ),
    ),
    "access.cross_site": Text(
        zh="已拒绝：这个请求来自其他网站的页面。管理员可用设置 SPEECH_EMOTION_CORS_ORIGINS 允许该网站。",
        en=(
            "Rejected: this request comes from a page of another site. The administrator can allow that site with the "
            "setting SPEECH_EMOTION_CORS_ORIGINS."
        ),
    ),
    "access.foreign_origin": Text(
        zh=(
            "已拒绝：这个请求来自 {found} 的页面，与请求的地址不同。如果它是本服务器的反向代理，"
            "管理员应让代理原样转发 Host（含端口），或在 SPEECH_EMOTION_ALLOWED_HOSTS 中列出该域名；"
            "如果是应当允许的其他网站，请列入 SPEECH_EMOTION_CORS_ORIGINS。"
        ),
        en=(
            "Rejected: this request comes from a page of {found}, which is not the address of the request. If that is "
            "the reverse proxy of this server, the administrator should forward the Host header with its port, or list "
            "the name in SPEECH_EMOTION_ALLOWED_HOSTS. If another site should be allowed, list it in "
            "SPEECH_EMOTION_CORS_ORIGINS."
        ),
    ),
    "access.bad_host": Text(
        zh=(
            "请求头 Host 为 {found}：应恰好有一个，值为域名、IPv4 地址或方括号中的 IPv6 地址，后面可加 :端口。"
            "请检查请求的地址，以及中间的反向代理。"
        ),
        en=(
            "The Host header is {found}; exactly one is expected, with a name, an IPv4 address or an IPv6 address in "
            "brackets, optionally followed by :port. Check the address of the request and any reverse proxy in between."
        ),
    ),
    "access.foreign_host": Text(
        zh=(
            "请求使用的主机名是 {found}。未设置密钥和登录时，服务器只接受 localhost、本机名称、IP 地址和不含点的名称，"
            "以防其他网站的页面通过 DNS 重绑定访问它。请使用其中之一；或由管理员在 SPEECH_EMOTION_ALLOWED_HOSTS "
            "中列出该名称，或设置密钥或登录。"
        ),
        en=(
            "The request uses the host name {found}. Without keys and a login, the server accepts only localhost, this "
            "machine's name, IP addresses and names without a dot, because a page of another site could use any other "
            "name (DNS rebinding). Use one of these, or have the administrator list the name in "
            "SPEECH_EMOTION_ALLOWED_HOSTS, or set keys or a login."
        ),
    ),
    "access.bad_allowed_host": Text(
        zh=(
            "SPEECH_EMOTION_ALLOWED_HOSTS 中的 {found} 不是域名或地址：应为 example.org 或 example.org:8443，"
            "不含 https:// 和路径。请改正。"
        ),
        en=(
            "{found} in SPEECH_EMOTION_ALLOWED_HOSTS is not a host; example.org or example.org:8443 is expected, "
            "without https:// and without a path. Correct it."
        ),
    ),
    "access.bad_base_path": Text(
        zh=(
            "SPEECH_EMOTION_BASE_PATH 不能是 {found}：应为以 / 开头的路径，只含字母、数字和 . _ ~ - /，不含 //，"
            "如 /emotion。请改正。"
        ),
        en=(
            "SPEECH_EMOTION_BASE_PATH can't be {found}: a path that begins with / is expected, of letters, digits and "
            ". _ ~ - /, without //, for example /emotion. Correct it."
        ),
    ),
    "access.bad_frame_ancestor": Text(
        zh=(
            "SPEECH_EMOTION_FRAME_ANCESTORS 中的 {found} 不是网站：应为 https://example.org 或"
            " https://example.org:8443，不含路径。请改正。"
        ),
        en=(
            "{found} in SPEECH_EMOTION_FRAME_ANCESTORS is not an origin; https://example.org or "
            "https://example.org:8443 is expected, without a path. Correct it."
        ),
    ),
    "access.too_many_connections": Text(
        zh="服务器正忙：正在处理 {found} 个连接的请求，上限为 {expected}。请 {retry_s} 秒后重试。",
        en=(
            "The server is busy: requests on {found} connections are being processed, {expected} at most. Try again in "
            "{retry_s} s."
        ),
    ),
    "access.too_many_of_address": Text(
        zh=(
            "来自您的地址的 {found} 个连接正在处理请求，每个地址最多 {expected} 个。请关闭一些网页或连接，"
            "{retry_s} 秒后重试；管理员可调大 SPEECH_EMOTION_MAX_CONNECTIONS_PER_ADDRESS。"
        ),
        en=(
            "Requests on {found} connections from your address are being processed, {expected} at most per address. "
            "Close some pages or connections and try again in {retry_s} s; the administrator can raise "
            "SPEECH_EMOTION_MAX_CONNECTIONS_PER_ADDRESS."
        ),
    ),
    "access.login_failed": Text(
        zh="用户名、密码或密钥不正确，请重试。", en="Wrong user name, password or key. Try again."
    ),
    "access.login_too_often": Text(
        zh="登录失败次数过多，请 {retry_s} 秒后重试。", en="Too many failed attempts. Try again in {retry_s} s."
    ),
    "access.login_title": Text(zh="登录 · 语音情感识别", en="Log in · Speech Emotion Recognition"),
    "access.login_user": Text(zh="用户名", en="User name"),
    "access.login_password": Text(zh="密码", en="Password"),
    "access.login_key": Text(zh="或者：API 密钥", en="Or: API key"),
    "access.login_button": Text(zh="登录", en="Log in"),
    "access.logout_title": Text(zh="退出登录 · 语音情感识别", en="Log out · Speech Emotion Recognition"),
    "access.logout_button": Text(zh="退出登录", en="Log out"),
    "access.open_to_network": Text(
        zh=(
            "警告：服务器在 {host} 上对网络开放，且未设置密钥和登录：任何能访问它的人都可以使用它并读取所有结果。"
            "请设置 SPEECH_EMOTION_LOGIN 或 SPEECH_EMOTION_API_KEYS，见 docs/API.md（英文）。"
        ),
        en=(
            "Warning: the server is open to the network at {host}, without keys and without a login: anyone who can "
            "reach it can use it and read all results. Set SPEECH_EMOTION_LOGIN or SPEECH_EMOTION_API_KEYS, see "
            "docs/API.md."
        ),
    ),
    "access.new_key": Text(
        zh="密钥（只显示这一次，请交给调用方）：",
        en="The key (shown only once; give it to the caller):",
    ),
    "access.new_key_hash": Text(
        zh="它的哈希（写入 SPEECH_EMOTION_API_KEYS 或密钥文件）：",
        en="Its hash (for SPEECH_EMOTION_API_KEYS or the key file):",
    ),
    "access.new_login": Text(
        zh="账号（写入 SPEECH_EMOTION_LOGIN 或账号文件）：",
        en="The login (for SPEECH_EMOTION_LOGIN or the login file):",
    ),
    "access.ask_password": Text(zh="{user} 的密码：", en="Password of {user}:"),
    "access.bad_password": Text(
        zh="密码有 {found} 个字符，至少需要 {expected} 个。请换一个更长的密码。",
        en="The password has {found} characters; at least {expected} are required. Choose a longer one.",
    ),
    "access.bad_user": Text(
        zh="用户名 {found} 无效：不能为空，也不能含空白、逗号或 #。请换一个。",
        en="{found} is not a valid user name: it must not be empty or contain spaces, commas or #. Choose another one.",
    ),
}
