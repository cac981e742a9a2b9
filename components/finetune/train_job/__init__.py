"""Training on several machines: the step starts a TrainJob of Kubeflow Trainer, whose nodes run the step's ranks.

``run`` leads a job from its inputs to its outputs; ``backends`` says where nodes run; ``exchange`` is the folder that
both sides see; ``job`` creates, follows and deletes; ``node`` is what a node runs, and ``lease`` ends it when no step
waits for it.
"""
