"""Training of small models such as ``models/builtin``: data, augmentation, training, evaluation, model card."""

import webui  # noqa: F401 - sets environment variables before the libraries that read them are imported
