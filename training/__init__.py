"""How the weights of ``models/builtin`` were made: reading the corpora, augmenting, training, evaluating, the card."""

import webui  # noqa: F401 - its environment variables come before the libraries that read them
