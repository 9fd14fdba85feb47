"""What a server needs besides recognition: admission, draining, API keys, metrics."""
