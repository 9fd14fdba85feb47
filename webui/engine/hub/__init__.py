"""Downloads of published weights from ModelScope and Hugging Face."""
