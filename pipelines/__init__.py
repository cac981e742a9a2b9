"""The training pipeline on Kubeflow, and the command line ``region-heads``."""
