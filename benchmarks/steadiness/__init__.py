"""How steady a result is, against the truth: drawn clips, known faults, every figure and every gate."""
