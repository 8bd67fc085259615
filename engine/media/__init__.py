"""The only room that knows codecs, uint8, HWC, BGR, rotation, HDR, timestamps, audio and EXR.

Behind its door there are float32 RGB tensors `[T, 3, H, W]`, 0 to 1, upright, and times in `Fraction` seconds.
"""
