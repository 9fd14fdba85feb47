"""Texts about who may do what: keys, the login page, what is refused."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "access.bad_key_hash": Text(
        zh=(
            "第 {number} 个 API 密钥不是哈希：需要 64 位十六进制字符，由 bash run.sh key new 打印。"
            "这里不能写密钥本身。请改正 SPEECH_EMOTION_API_KEYS 或 SPEECH_EMOTION_API_KEYS_FILE。"
        ),
        en=(
            "API key {number} is not a hash: 64 hexadecimal characters are expected, as `bash run.sh key new` prints "
            "them. The key itself has no place here. Correct SPEECH_EMOTION_API_KEYS or SPEECH_EMOTION_API_KEYS_FILE."
        ),
    ),
    "access.bad_login": Text(
        zh=(
            "第 {number} 个登录账号不是「用户名:哈希」的形式。请用 bash run.sh key login 用户名 生成，"
            "再改正 SPEECH_EMOTION_LOGIN 或 SPEECH_EMOTION_LOGIN_FILE。"
        ),
        en=(
            "Login {number} is not `user:hash`. Have `bash run.sh key login USER` make it, and correct "
            "SPEECH_EMOTION_LOGIN or SPEECH_EMOTION_LOGIN_FILE."
        ),
    ),
    "access.file_unreadable": Text(
        zh="无法读取 {file}（{reason}）。请检查路径和权限；在它可读之前服务器不会启动。",
        en="{file} can't be read ({reason}). Check its path and permissions; the server does not start without it.",
    ),
    "access.bad_certificate": Text(
        zh="无法使用证书 {certificate} 和私钥 {keyfile}（{reason}）。需要 PEM 格式、彼此匹配、没有密码的文件。",
        en=(
            "The certificate {certificate} and the key {keyfile} can't be used ({reason}). PEM files that fit each "
            "other, without a password, are expected."
        ),
    ),
    "access.key_alone": Text(
        zh="只给出了证书或私钥之一；--ssl-certfile 和 --ssl-keyfile 需要一起给出。",
        en="Only one of certificate and key is given; --ssl-certfile and --ssl-keyfile are expected together.",
    ),
    "access.unauthorized": Text(
        zh="需要 API 密钥（请求头 Authorization: Bearer 或 X-API-Key）或登录；没有给出，或它无效。请向管理员索取。",
        en=(
            "An API key (header `Authorization: Bearer` or `X-API-Key`) or a login is needed; none was given, or it is "
            "not valid. Ask the administrator for one."
        ),
    ),
    "access.cross_site": Text(
        zh="这个请求来自其他网站的页面，已拒绝。管理员可用设置 SPEECH_EMOTION_CORS_ORIGINS 允许该网站。",
        en=(
            "This request comes from a page of another site and is refused. The administrator can allow that site "
            "with the setting SPEECH_EMOTION_CORS_ORIGINS."
        ),
    ),
    "access.foreign_origin": Text(
        zh=(
            "这个请求来自 {found} 的页面，那不是请求所用的地址，已拒绝。若它是本服务器前面的反向代理，"
            "管理员应让代理原样传递 Host（含端口），或在 SPEECH_EMOTION_ALLOWED_HOSTS 中列出该域名；"
            "若是应当允许的其他网站，请列入 SPEECH_EMOTION_CORS_ORIGINS。"
        ),
        en=(
            "This request comes from a page of {found}, which is not the address that it asks, and is refused. If that "
            "is the reverse proxy of this server, the administrator can have it pass on the Host header with its port, "
            "or list the name in SPEECH_EMOTION_ALLOWED_HOSTS; another site that is to be allowed belongs in "
            "SPEECH_EMOTION_CORS_ORIGINS."
        ),
    ),
    "access.bad_host": Text(
        zh=(
            "请求头 Host 是 {found}：应当恰好有一个，是域名、IPv4 地址或方括号中的 IPv6 地址，之后可以有 :端口。"
            "请检查请求所用的地址，以及中间的反向代理。"
        ),
        en=(
            "The Host header is {found}; exactly one is expected, with a name, an IPv4 address or an IPv6 address in "
            "brackets, and :port after it if need be. Check the address that is asked, and a reverse proxy in between."
        ),
    ),
    "access.foreign_host": Text(
        zh=(
            "请求用的名称是 {found}。没有设置密钥和登录的服务器只接受 localhost、本机名称、IP 地址和不含点的名称，"
            "以防其他网站的页面借 DNS 冒充它。请使用其中之一；否则请管理员在 SPEECH_EMOTION_ALLOWED_HOSTS 中列出"
            "该名称，或设置密钥或登录。"
        ),
        en=(
            "The request calls the server {found}. Without keys and a login it answers to localhost, this machine's "
            "name, IP addresses and names without a dot alone, since a page of another site could have any other name. "
            "Use one of these; or the administrator lists the name in SPEECH_EMOTION_ALLOWED_HOSTS, or sets keys or a "
            "login."
        ),
    ),
    "access.bad_allowed_host": Text(
        zh=(
            "SPEECH_EMOTION_ALLOWED_HOSTS 中的 {found} 不是域名或地址：应为 example.org 或 example.org:8443，"
            "不含 https:// 和路径。请改正它。"
        ),
        en=(
            "{found} in SPEECH_EMOTION_ALLOWED_HOSTS is not a host; example.org or example.org:8443 is expected, "
            "without https:// and without a path. Correct it."
        ),
    ),
    "access.bad_frame_ancestor": Text(
        zh=(
            "SPEECH_EMOTION_FRAME_ANCESTORS 中的 {found} 不是网站：应为 https://example.org 或"
            " https://example.org:8443，不含路径。请改正它。"
        ),
        en=(
            "{found} in SPEECH_EMOTION_FRAME_ANCESTORS is not an origin; https://example.org or "
            "https://example.org:8443 is expected, without a path. Correct it."
        ),
    ),
    "access.too_many_connections": Text(
        zh="服务器正忙：有 {found} 个连接的请求在处理，上限为 {expected}。请 {retry_s} 秒后重试。",
        en=(
            "The server is busy: requests of {found} connections are being answered, {expected} at most. Try again in "
            "{retry_s} s."
        ),
    ),
    "access.too_many_of_address": Text(
        zh=(
            "您的地址有 {found} 个连接的请求在处理，每个地址最多 {expected} 个。请关闭一些网页或连接，"
            "{retry_s} 秒后重试；管理员可调大 SPEECH_EMOTION_MAX_CONNECTIONS_PER_ADDRESS。"
        ),
        en=(
            "Requests of {found} connections of your address are being answered, {expected} at most for one address. "
            "Close some pages or connections and try again in {retry_s} s; the administrator can raise "
            "SPEECH_EMOTION_MAX_CONNECTIONS_PER_ADDRESS."
        ),
    ),
    "access.login_failed": Text(
        zh="用户名、密码或密钥不正确。请重试。", en="The name, the password or the key is wrong. Try again."
    ),
    "access.login_too_often": Text(
        zh="失败次数过多。请 {retry_s} 秒后重试。", en="Too many failures. Try again in {retry_s} s."
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
            "警告：服务器在 {host} 上对网络开放，且没有密钥也没有登录：任何能访问它的人都可以使用它并读取所有结果。"
            "请设置 SPEECH_EMOTION_LOGIN 或 SPEECH_EMOTION_API_KEYS，见 docs/API.md。"
        ),
        en=(
            "Warning: the server is open to the network at {host}, without keys and without a login: whoever reaches "
            "it can use it and read all results. Set SPEECH_EMOTION_LOGIN or SPEECH_EMOTION_API_KEYS, see docs/API.md."
        ),
    ),
    "access.new_key": Text(
        zh="密钥（只显示这一次，交给调用方）：",
        en="The key (shown this once; for the caller):",
    ),
    "access.new_key_hash": Text(
        zh="它的哈希（写入 SPEECH_EMOTION_API_KEYS 或密钥文件）：",
        en="Its hash (for SPEECH_EMOTION_API_KEYS or the file of keys):",
    ),
    "access.new_login": Text(
        zh="账号（写入 SPEECH_EMOTION_LOGIN 或账号文件）：",
        en="The login (for SPEECH_EMOTION_LOGIN or the file of logins):",
    ),
    "access.ask_password": Text(zh="{user} 的密码：", en="Password of {user}:"),
    "access.bad_password": Text(
        zh="密码有 {found} 个字符，至少需要 {expected} 个。请换一个更长的。",
        en="The password has {found} characters; at least {expected} are expected. Choose a longer one.",
    ),
    "access.bad_user": Text(
        zh="用户名 {found} 不能使用：不能为空，也不能含空白、逗号或 #。请换一个。",
        en="{found} can't be a user name: it may not be empty, nor hold spaces, commas or #. Choose another one.",
    ),
}
