"""Looks by their names in a prompt: with the bundled model, `comic, dark` is the comic look, but for its words."""

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


def look_in(prompt: str) -> Look | None:
    """This gives the look that a prompt names first, with the prompt for its words; None if it names none.

    In two colours it is not printed: the prompt may say which there are to be.
    """
    said = f" {_plain(prompt)} "
    places = {
        place: name for name, calls in NAMES.items() for call in calls if (place := said.find(f" {_plain(call)} ")) >= 0
    }
    if not places:
        return None
    look = load_look(places[min(places)])
    thick = next((width for saying, width in WIDTHS.items() if f" {saying} " in said), 1.0)
    return replace(look, prompt=prompt, duotone=None, finish={**look.finish, "thick": thick})


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
