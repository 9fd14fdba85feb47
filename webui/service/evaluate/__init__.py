"""Evaluation of models on labelled recordings, with the same metrics for every model."""
