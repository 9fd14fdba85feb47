"""How the weights of ``models/builtin`` were made: reading the corpora, augmenting, training, evaluating, the card."""
