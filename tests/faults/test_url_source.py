"""``audio_url`` gives no access to the server's own network: real servers count connections."""

import ipaddress
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio_hosts import EXAMPLE, AudioHost, audio_host
from tests.support.certificates import self_signed
from webui.api import guarded_connections
from webui.api.url_addresses import AddressRule
from webui.api.url_source import UrlSource, file_name_of
from webui.errors import AudioFetchError, AudioTooLongError, ForbiddenRequestError, RequestError, SpeechEmotionError
from webui.settings import Settings

PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
REFUSED = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "168.63.129.16", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "not an address",
)  # fmt: skip
ODD = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "0", "[::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::]", "localhost", "LOCALHOST", "localhost.",
    "①②⑦.⓪.⓪.①", "127。0。0。1", "0.0.0.0",
)  # fmt: skip


@pytest.fixture
def host() -> Iterator[AudioHost]:
    with audio_host() as running:
        yield running


class Names:
    """A resolver with fixed answers; the last answer is repeated."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.queries: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.queries.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def source(networks: str = "127.0.0.1/32", names: Names | None = None, **settings: Any) -> UrlSource:  # noqa: ANN401
    chosen = Settings(audio_urls=True, audio_url_networks=networks, **settings)  # type: ignore[arg-type]
    return UrlSource(chosen) if names is None else UrlSource(chosen, names)


def fetch(urls: UrlSource, url: str) -> bytes:
    with urls.fetched(url) as path:
        return path.read_bytes()


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert AddressRule().allows(address)


@pytest.mark.parametrize("address", REFUSED)
def test_refused_addresses(address: str) -> None:
    assert not AddressRule().allows(address)


def test_allowed_networks() -> None:
    rule = AddressRule([ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")])
    assert [rule.allows(address) for address in ("10.1.2.3", "fd00::7", "10.2.0.1", "::1")] == [
        True,
        True,
        False,
        False,
    ]


def test_audio_urls_are_disabled_by_default(host: AudioHost) -> None:
    with (
        pytest.raises(ForbiddenRequestError, match="SPEECH_EMOTION_AUDIO_URLS"),
        UrlSource(Settings()).fetched(host.url()),
    ):
        pass
    assert host.connections == 0


def test_audio_is_fetched_and_its_file_deleted_afterwards(host: AudioHost) -> None:
    with source().fetched(host.url("/a%20b.wav?token=1")) as path:
        assert path.read_bytes() == EXAMPLE.read_bytes()
    assert not path.exists()
    assert host.connections == 1
    assert host.hosts == [f"127.0.0.1:{host.port}"]
    assert file_name_of(host.url("/a%20b.wav?token=1")) == "a b.wav"


@pytest.mark.parametrize("odd", ODD)
def test_spellings_of_loopback(host: AudioHost, odd: str) -> None:
    with pytest.raises(RequestError):
        fetch(source(networks=""), host.url(host=odd))
    assert host.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1:{port}/a.wav",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "data:audio/wav;base64,AAAA",
        "http://user:pass@127.0.0.1:{port}/a.wav",
        "http://example.org@127.0.0.1:{port}@/",
        "http://",
        "//127.0.0.1:{port}/",
        "http://127.0.0.1:{port}:80/",
        "http://[::1/",
        "http://a\r\nb/",
        "nothing",
        "",
    ],
)
def test_other_urls(host: AudioHost, url: str) -> None:
    with pytest.raises(RequestError):
        fetch(source(), url.format(port=host.port))
    assert host.connections == 0


def test_each_redirect_is_checked(host: AudioHost) -> None:
    with audio_host("127.0.0.2") as internal:
        assert fetch(source(), host.url("/to//clip.wav")) == EXAMPLE.read_bytes()
        seen = host.connections
        for target in (
            internal.url(),
            internal.url(host="2130706434"),
            "file:///etc/passwd",
            "http://169.254.169.254/",
        ):
            with pytest.raises(ForbiddenRequestError):
                fetch(source(), host.url(f"/to/{target}"))
        assert host.connections == seen + 4
        assert internal.connections == 0
        with pytest.raises(AudioFetchError) as caught:
            fetch(source(), host.url("/loop"))
        assert caught.value.code == "api.url_redirects"


def test_a_name_is_resolved_once_and_the_checked_address_is_used(host: AudioHost) -> None:
    with audio_host("127.0.0.2") as internal:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        rebound = host.url(host="rebound.example")
        assert fetch(source(names=names), rebound) == EXAMPLE.read_bytes()
        assert names.queries == ["rebound.example"]
        assert host.hosts == [f"rebound.example:{host.port}"]
        with pytest.raises(ForbiddenRequestError):
            fetch(source(names=names), rebound)
        both = Names(["127.0.0.1", "127.0.0.2"])
        with pytest.raises(ForbiddenRequestError):
            fetch(source(names=both), rebound)
        assert (host.connections, internal.connections) == (1, 0)


def test_unknown_and_refused_names_give_the_same_error() -> None:
    def nothing(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    messages = []
    for resolver in (nothing, lambda _host, _port: ["10.0.0.1"]):
        with pytest.raises(ForbiddenRequestError) as caught:
            fetch(UrlSource(Settings(audio_urls=True), resolver), "http://intranet.example/a.wav")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_the_certificate_must_match_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path, "audio.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    guarded_connections._tls.cache_clear()
    names = Names(["127.0.0.1"])
    try:
        with audio_host(certificate=certificate) as host:
            urls = source(names=names)
            assert fetch(urls, host.url(host="audio.example", scheme="https")) == EXAMPLE.read_bytes()
            assert (host.names, host.hosts) == (["audio.example"], [f"audio.example:{host.port}"])
            with pytest.raises(AudioFetchError):
                fetch(urls, host.url(host="other.example", scheme="https"))
            assert len(host.hosts) == 1
    finally:
        guarded_connections._tls.cache_clear()


def test_proxies_and_passwords_of_the_environment_are_ignored(
    host: AudioHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with audio_host("127.0.0.2") as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url("/"))
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        assert fetch(source(), host.url()) == EXAMPLE.read_bytes()
        assert proxy.connections == 0


@pytest.mark.parametrize("path", ["/announced", "/endless"])
def test_too_many_bytes(host: AudioHost, path: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AudioTooLongError):
        fetch(source(max_audio_mb=1), host.url(path))
    assert time.monotonic() - begun < 60  # the body never ends


@pytest.mark.parametrize("path", ["/drip", "/slow-header"])
def test_too_slow(host: AudioHost, path: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AudioFetchError) as caught:
        fetch(source(audio_url_s=0.5), host.url(path))
    assert caught.value.code == "api.url_too_slow"
    assert time.monotonic() - begun < 60  # all of it would take 100 s


def test_errors_of_the_server(host: AudioHost) -> None:
    with pytest.raises(AudioFetchError, match="404"):
        fetch(source(), host.url("/missing"))
    with pytest.raises(AudioFetchError, match="connection failed"):
        fetch(source(), "http://127.0.0.1:1/")


def test_fetching_stops_when_the_client_has_disconnected(host: AudioHost) -> None:
    class GoneError(Exception):
        pass

    def gone() -> None:
        raise GoneError

    with pytest.raises(GoneError), source().fetched(host.url(), gone):
        pass


def test_invalid_urls_raise_no_other_exception(host: AudioHost) -> None:
    for url in ("http://[", "http://%", "http://\0/", "http://" + "a" * 300, "http://xn--a/", "http://-/", "http://.."):
        with pytest.raises(SpeechEmotionError):
            fetch(source(), url)
