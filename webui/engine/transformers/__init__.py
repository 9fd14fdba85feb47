"""Speech classifiers of the transformers library, Wav2Vec2 and HuBERT among them."""
