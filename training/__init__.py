"""Training of small models such as ``models/builtin``: data, augmentation, training, evaluation, model card."""
