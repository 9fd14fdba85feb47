"""An exported model without this program: ``python onnx_example.py model.int8.onnx clip.wav``.

Needs onnxruntime and numpy. The clip is a 16 kHz, 16-bit, mono WAV file.
"""

import json
import os
import sys
import wave

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: it reports to Microsoft otherwise

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
tokens = json.loads(session.get_modelmeta().custom_metadata_map["emotion2vec"])["tokens"]
with wave.open(sys.argv[2]) as clip:
    assert (clip.getframerate(), clip.getsampwidth(), clip.getnchannels()) == (16_000, 2, 1)
    samples = np.frombuffer(clip.readframes(clip.getnframes()), dtype="<i2").astype(np.float32) / 32768
inputs = {"waveforms": samples[None], "samples": np.array([len(samples)])}
inputs |= {"mean": samples.mean(keepdims=True), "variance": samples.var(keepdims=True)}
logits, embedding = session.run(["logits", "embedding"], inputs)  # (1, frames, labels), (1, dim)
powers = np.exp(logits[0].mean(axis=0) - logits[0].mean(axis=0).max())
for token, score in zip(tokens, powers / powers.sum(), strict=True):
    print(f"{score:7.2%} {token}")
print(f"embedding: {embedding.shape[1]} numbers, the first {embedding[0, 0]:.4f}")
