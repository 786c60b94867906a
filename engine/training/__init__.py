"""Training of full-precision embeddings: sampling, losses, the loop, and checkpoints that runs share."""
