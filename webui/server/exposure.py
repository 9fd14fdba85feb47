"""Who can reach the server, and what the page therefore offers."""

from webui.settings import Settings, Switch


def is_open_to_network(settings: Settings) -> bool:
    """Returns whether everybody who can reach this machine may use the server."""
    from webui.http.access import Access, is_loopback

    return not is_loopback(settings.host) and not Access(settings).restricted


def has_compare_tab(settings: Settings) -> bool:
    """Returns whether the page compares models: not on an open server, unless the settings say so."""
    if settings.compare_tab is not Switch.AUTO:
        return settings.compare_tab is Switch.ON
    return _has_known_callers(settings)


def may_start_downloads(settings: Settings) -> bool:
    """Returns whether users of the page may start and cancel the download of the large model.

    The rule is that of the tab that compares models; turning that tab off on one's own machine keeps the download.
    """
    return has_compare_tab(settings) or _has_known_callers(settings)


def _has_known_callers(settings: Settings) -> bool:
    """Returns whether callers have to log in or give a key, or are all on this machine."""
    from webui.http.access import is_loopback, is_restricted

    behind_proxy = bool(settings.allowed_hosts or settings.trusted_proxies)
    return is_restricted(settings) or (is_loopback(settings.host) and not behind_proxy)
