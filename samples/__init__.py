"""Procedural clips with exact depth, flow and occlusion, and the code that draws them."""
