"""How a word of the command line is read: numbers, sizes, pairs. What cannot be read is refused in words."""

from __future__ import annotations

import argparse
from fractions import Fraction

from engine.errors import SettingsError
from engine.timecode import read_time
from engine.weights import read_part


def number(text: str) -> float:
    """This reads a number."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def whole(text: str) -> int:
    """This reads a whole number."""
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error


def size(text: str) -> tuple[int, int]:
    """This reads `640x360` as width and height."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say WIDTHxHEIGHT, as 640x360")
    return int(width), int(height)


def weight(text: str) -> tuple[str, str]:
    """This reads `edges:0.8`, `edges:0.8@0-0.6` or `edges:0.8@0:05-0:12`: a control and its weight as it is written."""
    name, _, how = text.partition(":")
    if "=" in name:
        name, _, how = text.partition("=")
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME:WEIGHT; say {name}:{how}")
    try:
        return name, str(read_part(how or "1"))
    except SettingsError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no NAME:WEIGHT, its weight {str(error).removesuffix('.')}"
        ) from error


def lora(text: str) -> tuple[str, float]:
    """This reads `ink.safetensors:0.8`: a file and its weight, 1 if there is none."""
    file, colon, strength = text.rpartition(":")
    if not colon or "/" in strength or "\\" in strength:  # C:\ink.safetensors has no weight
        return text, 1.0
    try:
        return file, float(strength)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no LoRA; say FILE:WEIGHT, as ink.safetensors:0.8") from error


MIDDLE = "middle"
"""The moment that is meant where none is said."""


def moment(text: str) -> Fraction | str:
    """This reads `12.5` or `0:12.5` as seconds, or the word `middle`."""
    if text == MIDDLE:
        return text
    if (seconds := read_time(text)) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; say it after the clip, as CLIP --preview or CLIP --preview 0:12.5"
        )
    return seconds


def pair(text: str) -> tuple[str, str]:
    """This reads `depth=my_depth.mp4`."""
    name, _, value = text.partition("=")
    if not (name and value):
        raise argparse.ArgumentTypeError(f"{text!r} is no pair; say CONTROL=VALUE, for depth depth=VALUE")
    return name, value
