"""Speech classifiers of Hugging Face's transformers library, such as Wav2Vec2 and HuBERT."""
