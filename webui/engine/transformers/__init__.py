"""Speech classifiers of the transformers library, such as Wav2Vec2 and HuBERT."""
