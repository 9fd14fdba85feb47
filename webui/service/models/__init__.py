"""Loaded models: the pool, their status, batching of requests, and downloads in the background."""
