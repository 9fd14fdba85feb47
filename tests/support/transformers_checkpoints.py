"""Small speech classifiers in the format of transformers, with random weights."""

import json
from pathlib import Path

import torch
import transformers

SUPERB = {0: "neu", 1: "hap", 2: "ang", 3: "sad"}
TINY = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": (24,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 32,
}
KINDS = {
    "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2ForSequenceClassification, {}),
    "hubert-large": (
        transformers.HubertConfig,
        transformers.HubertForSequenceClassification,
        {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True},
    ),
}


def write_classifier(
    folder: Path,
    kind: str,
    *,
    weighted: bool,
    labels: dict[int, str] = SUPERB,
    seed: int = 0,
    sample_rate: object = 16_000,
) -> Path:
    """Writes a small classifier with random weights as transformers saves it; returns its folder.

    Args:
        folder: folder of the model; created if necessary.
        kind: a key of ``KINDS``.
        weighted: whether the head uses a weighted sum of all layers.
        labels: name of each class.
        seed: seed of the weights.
        sample_rate: value of ``sampling_rate`` in ``preprocessor_config.json``; may be invalid.
    """
    config_of, network_of, more = KINDS[kind]
    torch.manual_seed(seed)
    config = config_of(**TINY, **more, use_weighted_layer_sum=weighted, id2label=labels)
    network = network_of(config)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.add_(0.3 * torch.randn_like(tensor))
    network.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)
    if (type(sample_rate), sample_rate) != (int, 16_000):
        file = folder / "preprocessor_config.json"
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"sampling_rate": sample_rate}), "utf-8")
    return folder
