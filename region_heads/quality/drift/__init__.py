"""How data differs from what a model was trained on."""
