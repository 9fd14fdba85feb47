"""Training of small models such as ``models/builtin``: data, augmentation, training, evaluation, model card."""

import webui  # noqa: F401 - its environment variables come before the libraries that read them
