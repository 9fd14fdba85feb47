"""How good a model is on labelled recordings: one measure for every model."""
