"""Emotion2Vec+: the network in PyTorch, its checkpoints, and the engines that run it."""
