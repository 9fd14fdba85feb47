"""Decides from the server's exposure to the network which features the page offers."""

from webui.settings import Settings, Switch


def is_open_to_network(settings: Settings) -> bool:
    """Returns whether anyone who can reach this machine can use the server without a key or a login."""
    from webui.http.access import Access, is_loopback

    return not is_loopback(settings.host) and not Access(settings).restricted


def has_compare_tab(settings: Settings) -> bool:
    """Returns whether the page has the comparison tab; by default only if the callers are known."""
    if settings.compare_tab is not Switch.AUTO:
        return settings.compare_tab is Switch.ON
    return _has_known_callers(settings)


def may_start_downloads(settings: Settings) -> bool:
    """Returns whether users of the page may start and cancel the download of the large model.

    The rule is that of the comparison tab, except that turning off the tab keeps the download for known callers.
    """
    return has_compare_tab(settings) or _has_known_callers(settings)


def _has_known_callers(settings: Settings) -> bool:
    """Returns whether callers need a key or a login, or can only be on this machine."""
    from webui.http.access import is_loopback, is_restricted

    behind_proxy = bool(settings.allowed_hosts or settings.trusted_proxies or settings.base_path)
    return is_restricted(settings) or (is_loopback(settings.host) and not behind_proxy)
