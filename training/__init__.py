"""Training of small models such as ``models/builtin``: data, augmentation, training, evaluation, model card."""

import webui  # noqa: F401 - it sets environment variables, which has to precede the import of other libraries
