"""Loaded models: the pool, their status, batching of requests, downloads in the background."""
