"""Parts of a server other than recognition: admission control, draining, API keys, metrics."""
