"""Emotion2Vec as an ONNX graph: export, int8 calibration, and the engine that runs it."""
