"""Looks by their names in a prompt: with a small model, `comic, dark` is the comic look, but for its words."""

from __future__ import annotations

import re
from dataclasses import replace

from engine.settings import Look, load_look

NAMES: dict[str, tuple[str, ...]] = {
    "watercolor": ("watercolor", "watercolour", "a watercolour painting", "aquarelle", "watercolor wash"),
    "oil": ("oil", "an oil painting", "oil paint", "oil on canvas", "impasto", "thick brush strokes"),
    "ink": ("ink", "an ink drawing", "pen and ink", "ink and wash", "pen drawing"),
    "comic": ("comic", "a comic book picture", "cartoon", "comic book", "graphic novel"),
    "pencil": ("pencil", "a pencil sketch", "graphite drawing", "pencil drawing", "charcoal sketch"),
    "noir": ("noir", "film noir", "black and white film", "monochrome film", "black and white"),
    "neon": ("neon", "neon night", "neon lights", "glowing neon lines", "cyberpunk"),
    "paper": (
        "paper cut-out, layered colored paper with shadows",
        "paper cut-out",
        "paper cutout",
        "cut paper",
        "paper collage",
        "layered paper",
    ),
}
"""What people call the looks, beside each look's own prompt."""

THICK, FINE = ("thick lines", "bold lines", "broad lines"), ("fine lines", "thin lines", "delicate lines")
WIDTHS = dict.fromkeys(THICK, 1.7) | dict.fromkeys(FINE, 0.6)
"""Times as wide as usual the lines of the look are that are said to be so."""

VAGUE = ("black and white",)
"""Calls that count only where no other look is named: an ink drawing may be black and white, too."""

COLOURS = {"warm", "cold", "cool", "vivid", "saturated", "strong"}
"""With one of these in the prompt, its words say which colours there are to be. Two are muted already."""


def look_in(prompt: str) -> Look | None:
    """This gives the look that a prompt names first, with the prompt for its words; None if it names none.

    It is not printed in two colours where the prompt speaks of colours, or names other looks, too.
    """
    said = f" {_plain(prompt)} "
    places = {
        place: name for name, calls in NAMES.items() for call in calls if (place := said.find(f" {_plain(call)} ")) >= 0
    }
    vague = {place for place in places if any(said.startswith(f" {call} ", place) for call in VAGUE)}
    named = {place: name for place, name in places.items() if place not in vague} or places
    if not named:
        return None
    look = load_look(named[min(named)])
    widths = {place: width for saying, width in WIDTHS.items() if (place := said.find(f" {saying} ")) >= 0}
    thick = widths[min(widths)] if widths else 1.0
    plain = len(set(named.values())) == 1 and COLOURS.isdisjoint(said.split())
    return replace(look, prompt=prompt, duotone=look.duotone if plain else None, finish={**look.finish, "thick": thick})


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
