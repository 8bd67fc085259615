"""Learned detectors that may draw a control in place of what comes along, by name, with their licence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.detector_files import Detector, find_files
from engine.diffusion.row import Licence, Part
from engine.errors import ModelError, SettingsError, did_you_mean, in_a_line
from engine.journal import fingerprint
from preprocessors import hed, line_art
from preprocessors.aligned_depth import AlignedDepth
from preprocessors.anime_lines import AnimeLines
from preprocessors.depth_anything import DepthAnything
from preprocessors.flow import FlowEstimator, FlowMap
from preprocessors.hed import Hed
from preprocessors.learned_lines import LearnedLines
from preprocessors.line_art import LineArt
from preprocessors.normals import Normals
from preprocessors.people import JointFinder, PersonFinder
from preprocessors.pose import Pose
from preprocessors.preprocessor import Preprocessor
from preprocessors.raft import RaftFlow
from preprocessors.segmentation import LabelMask, LabelNet
from preprocessors.weights_file import mark_of, read_weights
from preprocessors.workplace import Workplace

WEIGHTS = "model.safetensors"
TORCHVISION = "https://download.pytorch.org/models"
OPENMMLAB = "openmmlab/upernet-convnext"
POSE = (
    Part("pose", "usyd-community/vitpose-base-simple", size=0.34),
    Part("person", "PekingU/rtdetr_r50vd_coco_o365", size=0.17),
)
APACHE, BSD, MIT = (Licence(name, commercial=True) for name in ("Apache-2.0", "BSD-3-Clause", "MIT"))
NOT_SOLD = Licence("CC-BY-NC-4.0", commercial=False, note="results may not be sold")


def _depth_anything(size: str, licence: Licence, gigabytes: float) -> Detector:
    part = Part("depth", f"depth-anything/Depth-Anything-V2-{size}-hf", size=gigabytes)
    return Detector("depth", f"Depth Anything V2 {size}", licence, parts=(part,))


def _lines(control: str, title: str, licence: Licence, file: str, gigabytes: float) -> Detector:
    return Detector(control, title, licence, parts=(Part("lines", "lllyasviel/Annotators", file=file, size=gigabytes),))


DETECTORS: Mapping[str, Detector] = {
    "depth-anything-small": _depth_anything("Small", APACHE, 0.1),
    "depth-anything-base": _depth_anything("Base", NOT_SOLD, 0.39),
    "depth-anything-large": _depth_anything("Large", NOT_SOLD, 1.34),
    "upernet-tiny": Detector("mask", "UPerNet, tiny", MIT, (Part("mask", f"{OPENMMLAB}-tiny", size=0.24),)),
    "upernet-base": Detector("mask", "UPerNet, base", MIT, (Part("mask", f"{OPENMMLAB}-base", size=0.49),)),
    "raft-small": Detector("flow", "RAFT, small", BSD, url=f"{TORCHVISION}/raft_small_C_T_V2-01064c6d.pth"),
    "raft-large": Detector("flow", "RAFT", BSD, url=f"{TORCHVISION}/raft_large_C_T_V2-1bb1363a.pth"),
    "hed": _lines("softedge", "HED", APACHE, "ControlNetHED.pth", 0.03),
    "vitpose": Detector("openpose", "ViTPose base, people found by RT-DETR", APACHE, parts=POSE),
    "line-art": _lines("lineart", "Line art by Informative Drawings", MIT, "sk_model.pth", 0.02),
    "line-art-coarse": _lines("lineart", "The same with fewer lines", MIT, "sk_model2.pth", 0.02),
    "anime-lines": _lines("lineart", "Anime2Sketch", MIT, "netG.pth", 0.22),
}


WORKED_OUT = {"normal": "depth"}
"""Controls that are worked out of another one, by its detectors."""

LEARNED = ("lineart", "normal", "openpose", "softedge")
"""Controls that only learned detectors draw."""


def detectors_of(control: str) -> list[str]:
    """This names the detectors that draw a control."""
    drawn = WORKED_OUT.get(control, control)
    return [name for name, detector in DETECTORS.items() if detector.control == drawn]


def load_detector(control: str, name: str, at: Workplace | None = None) -> Preprocessor:
    """This loads what draws `control`: a detector by name, or a person's own weights by their folder or file.

    at: where it computes, the processor if None.

    Raises:
        SettingsError: there is none of that name, or it draws another control.
        ModelError: its weights or packages are not here, or damaged; nothing is ever fetched by itself.
    """
    places = find_detector(control, name)
    from engine.diffusion.quiet import quiet  # only now: diffusers takes seconds

    try:
        with quiet():
            return LOADERS[control](at or Workplace(), *places)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"A detector of {control} needs {error.name}. Install it: pip install 'restyle[raft]'"
        ) from error
    except KeyError as error:
        raise ModelError(f"The detector at {places[0]} has no weights {error}; it is of something else.") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"The detector at {places[0]} cannot be loaded: {in_a_line(error)}.") from error


def detector_mark(control: str, name: str) -> str:
    """This gives what a detector is known by: its name, or of a person's own what its files hold. Raises as above."""
    if name in DETECTORS:
        return name
    (own,) = find_detector(control, name)
    return fingerprint([own] if own.is_file() else sorted(own.rglob("*.safetensors")))


def load_motion(name: str, at: Workplace) -> FlowEstimator:
    """This loads a detector of flow for whatever follows the motion, as `load_detector` does."""
    drawer = load_detector("flow", name, at)
    assert isinstance(drawer, FlowMap)
    return drawer.estimator


def load_labels(name: str, at: Workplace | None = None) -> LabelNet:
    """This loads a detector of masks, whatever label they are to have, as `load_detector` does."""
    drawer = load_detector("mask", name, at)
    assert isinstance(drawer, LabelMask)
    return drawer.network


def find_detector(control: str, name: str) -> Sequence[Path]:
    """This finds the folders or files of a detector, and raises as `load_detector` does where they are missing."""
    detector, fitting = DETECTORS.get(name), detectors_of(control)
    if detector and name in fitting:
        found = find_files(detector)
        if found is None:
            raise ModelError(
                f"The detector {name} ({detector.licence}) is not here. Fetch it: restyle models --pull {name}"
            )
        return found
    own = Path(name).expanduser()
    if detector or control not in LOADERS or not own.exists():
        raise SettingsError(
            f"No detector {name!r} draws {control}.{did_you_mean(name, fitting)} "
            f"There are: {', '.join(fitting) or 'none'}."
        )
    return [own]


def _load_depth(at: Workplace, folder: Path) -> AlignedDepth:
    return AlignedDepth(DepthAnything.load(folder, at), weights=mark_of(folder / WEIGHTS))


def _load_flow(at: Workplace, file: Path) -> FlowMap:
    # Once: it is asked for as a control, and as what noise and steadying follow.
    return at.once(file, lambda: FlowMap(RaftFlow.load(file, mark_of(file), at)))


def _load_normals(at: Workplace, folder: Path) -> Preprocessor:
    return Normals(_load_depth(at, folder))


def _load_pose(at: Workplace, folder: Path, people: Path | None = None) -> Preprocessor:
    """Of two folders, or of one with a folder `pose` and a folder `person` in it."""
    joints, people = (folder, people) if people else (folder / "pose", folder / "person")
    marks = [mark_of(place / WEIGHTS) for place in (joints, people)]
    return Pose(PersonFinder.load(people, at), JointFinder.load(joints, at), " ".join(marks))


def _load_soft_edges(at: Workplace, file: Path) -> Preprocessor:
    return LearnedLines(at.seat(Hed.load(file)), "softedge", hed.MULTIPLE, mark_of(file))


def _load_line_art(at: Workplace, file: Path) -> Preprocessor:
    state = read_weights(file)
    if "model0.1.weight" in state:
        return LearnedLines(at.seat(LineArt.of(state)), "lineart", line_art.MULTIPLE, mark_of(file))
    return LearnedLines(at.seat(AnimeLines.of(state)), "lineart", weights=mark_of(file))


def _load_mask(at: Workplace, folder: Path) -> LabelMask:
    # Once: it may be opened to be checked, and again to be used.
    return at.once(folder, lambda: LabelMask(LabelNet.load(folder, mark_of(folder / WEIGHTS), at), "person"))


LOADERS: Mapping[str, Callable[..., Preprocessor]] = {
    "depth": _load_depth,
    "flow": _load_flow,
    "lineart": _load_line_art,
    "mask": _load_mask,
    "normal": _load_normals,
    "openpose": _load_pose,
    "softedge": _load_soft_edges,
}
