"""Frames in, control signals of the same size out. Imports nothing of ours: tensors only."""
