"""The options of a job and of a report, with the words that explain them: one table each."""

from __future__ import annotations

from pathlib import Path

from cli.words import MIDDLE, lora, moment, number, pair, size, weight, whole
from engine.settings import look_names

RUN: dict[str, dict[str, dict[str, object]]] = {
    "the picture": {
        "--look": {"help": f"how it is to look: {', '.join(look_names())}"},
        "--look-file": {
            "metavar": "FILE",
            "help": 'your own look, a TOML file: title, prompt = "ink drawing, warm", strength, [controls] edges = 1.0',
        },
        "--prompt": {"metavar": "WORDS", "help": 'your own words instead: "ink drawing, warm paper"'},
        "--strength": {
            "type": number,
            "metavar": "0-1",
            "help": "how far it may leave the footage: 0.3 tints it, 0.9 paints it anew; a look has its own",
        },
        "--control": {
            "type": weight,
            "action": "append",
            "metavar": "NAME:WEIGHT",
            "help": "how closely it follows one feature of the footage, 0 (not) to 2, as edges:0.8, for a part of the "
            "steps only, as edges:0.5@0-0.6, or for a time in the clip, as edges:0.2@0:05-0:12.5; may be repeated, and "
            "replaces the look's own",
        },
        "--reference": {
            "action": "append",
            "metavar": "PICTURE",
            "help": "a picture of someone or something that is to be seen, or of a style, for models that take one; "
            "AnimateDiff weighs it, as style.png:0.6; may be repeated",
        },
        "--detector": {
            "type": pair,
            "action": "append",
            "metavar": "NAME=DETECTOR",
            "help": "draw a control by a learned detector, as depth=depth-anything-small, or have flow=raft-small "
            "say how all moves; `restyle models` lists them",
        },
        "--control-video": {
            "type": pair,
            "action": "append",
            "metavar": "NAME=FILE",
            "help": "your own control, as depth=my_depth.mp4 or a folder of PNG, in place of what is drawn from the "
            "clip (see `restyle controls`); may be repeated",
        },
        "--steady": {
            "type": number,
            "metavar": "0-1",
            "help": "how much of the flicker that is left is taken out along the footage's motion: 1 (all that can be, "
            "if not given) to 0 (off); finished chunks are kept when it changes",
        },
        "--steps": {
            "type": whole,
            "metavar": "N",
            "help": "how often the model goes over each picture: more is finer and takes longer",
        },
        "--seed": {
            "type": whole,
            "metavar": "N",
            "help": "any whole number: another one gives another variation, the same one the same result",
        },
        "--reseed": {
            "action": "append",
            "metavar": "TIME=N",
            "help": "make one shot anew with a seed of its own, the one that is seen at that time, as 0:42.5=7; all "
            "others stay as they are finished; may be repeated",
        },
    },
    "the result": {
        "-o --output": {"type": Path, "metavar": "FILE", "help": "where to write; if not given, beside the clip"},
        "--size": {
            "type": size,
            "metavar": "WxH",
            "help": "width and height in pixels, in the clip's shape, as 640x360; else the clip's",
        },
        "--side": {
            "type": whole,
            "metavar": "PX",
            "help": "shorter side of the pictures that the model works on, if not the one that suits it best (288 for "
            "starter): larger is finer and slower; the result has its size and contours all the same",
        },
        "--codec": {
            "help": "h264 plays everywhere, hevc is smaller, prores4444 is for editing and keeps transparency, "
            "png is a folder of stills, or a picture of one"
        },
    },
    "a part of the picture": {
        "--mask": {
            "action": "append",
            "help": "restyle only where this is bright (a clip, a folder of stills, one still for all), or index:3, "
            "index:5,6,7, material:2 and cryptomatte:NAME of a render's passes, or key:#00ff00 for a colour, or "
            "person, background or label:sky as a network sees them, or of some frames as 0:12.5=mask.png (may be "
            "repeated; in between it follows the motion); the rest stays as it is",
        },
        "--background": {
            "metavar": "FILE",
            "help": "a picture or another clip that stands outside of the mask in place of the footage",
        },
        "--palette": {
            "metavar": "PICTURE",
            "help": "give the result the colours of this picture, how they are spread and no more: one change for all",
        },
        "--keyframe": {
            "action": "append",
            "metavar": "TIME=PICTURE",
            "help": "a frame of the result that you have painted, as 0:12.5=painted.png: the result passes through it, "
            "and it spreads along the motion; may be repeated",
        },
        "--mask-invert": {"action": "store_true", "help": "restyle everything but that"},
        "--mask-grow": {"type": whole, "metavar": "PX", "help": "grow the mask by so many pixels; -3 shrinks it"},
        "--mask-feather": {
            "type": number,
            "metavar": "PX",
            "help": "how softly it begins, inside its border: 6 pixels if not given, 0 cuts it out",
        },
    },
    "the footage": {
        "--cuts": {
            "metavar": "FILE",
            "help": "a text file that says where scenes change, one a line: a frame number, or seconds with a point "
            "(5.25); else they are found",
        },
        "--no-cuts": {"action": "store_true", "help": "the clip is one scene: look for no cuts"},
        "--rate": {"metavar": "FPS", "help": "how many stills are shown a second: 24, 23.976 or 24000/1001"},
        "--passes": {
            "metavar": "RENDER",
            "help": "the clip's own passes as EXR files, in a folder: motion, depth and outlines are taken from them",
        },
        "--reader": {"help": "which library decodes the clip: pyav reads everything, decord is the second opinion"},
    },
    "the job": {
        "--model": {"help": "a model by name (see `restyle models`) or its folder"},
        "--checkpoint": {
            "metavar": "FILE",
            "help": "another checkpoint in place of the model's own: a .safetensors file, a folder, or owner/name from "
            "the Hub (for AnimateDiff: any Stable Diffusion 1.5)",
        },
        "--lora": {
            "type": lora,
            "action": "append",
            "metavar": "FILE:WEIGHT",
            "help": "a LoRA (.safetensors) and how strongly it is added, 1 if not given; may be repeated",
        },
        "--memory": {
            "metavar": "PLAN",
            "help": "auto looks at what is free, high is fastest, low keeps most of a model in main memory while a "
            "graphics card computes, and computes less at once",
        },
        "--device": {
            "help": "where to compute: auto takes a graphics card if there is one; cpu, cuda, cuda:1; several make a "
            "shot each: cuda:0,cuda:1 or cuda:all"
        },
        "--settings": {
            "type": Path,
            "metavar": "FILE",
            "help": "read settings from a TOML file, as strength = 0.5; what is given here wins",
        },
        "--preview": {
            "nargs": "?",
            "const": MIDDLE,
            "type": moment,
            "metavar": "TIME",
            "help": "restyle one frame only, of the clip's middle or as 0:12.5, and write it with its source as a "
            "picture beside the result: what the settings give, in seconds; say it after the clip",
        },
        "--fresh": {"action": "store_true", "help": "start over, and throw away what an earlier run has finished"},
        "--no-report": {"action": "store_true", "help": "do not judge the result in a few lines at the end"},
        "--json": {"dest": "as_json", "action": "store_true", "help": "tell progress and result as lines of JSON"},
    },
}

REPORT: dict[str, dict[str, object]] = {
    "-o --output": {
        "type": Path,
        "metavar": "PAGE.html",
        "help": "where to write the page; if not given, beside the result, and with --json not at all",
    },
    "--source": {"type": Path, "metavar": "CLIP", "help": "where the source is now, if it has moved"},
}

_NAMES = [name for group in (*RUN.values(), REPORT) for names in group for name in names.split()]
OPTIONS = [*dict.fromkeys(_NAMES), "--pull", "--help", "--version"]
