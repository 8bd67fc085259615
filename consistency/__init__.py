"""Make neighbouring frames agree. Imports nothing of ours: tensors only."""
