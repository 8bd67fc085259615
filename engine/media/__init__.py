"""The only room that knows codecs, uint8, HWC, BGR, rotation, HDR, timestamps, audio and EXR.

Behind its door there are float32 RGB tensors `[T, 3, H, W]`, 0 to 1, upright, and times in `Fraction` seconds.
"""

from engine.media.cryptomatte import Cryptomatte
from engine.media.encoding import PICTURES, check_output, keeps_alpha
from engine.media.info import MediaInfo, Transfer
from engine.media.lossless import read_lossless, write_lossless
from engine.media.maps import MapWriter, check_map_output, in_levels
from engine.media.passes import Pass, RenderPasses
from engine.media.reading import Reader, open_maps, open_reader, probe, source_files
from engine.media.scaling import scaled
from engine.media.sequence import JOB, is_sequence
from engine.media.sinks import writing_to
from engine.media.still import as_jpeg, captioned
from engine.media.tensor_reader import TensorReader
from engine.media.writing import Writer

__all__ = [
    "JOB",
    "PICTURES",
    "Cryptomatte",
    "MapWriter",
    "MediaInfo",
    "Pass",
    "Reader",
    "RenderPasses",
    "TensorReader",
    "Transfer",
    "Writer",
    "as_jpeg",
    "captioned",
    "check_map_output",
    "check_output",
    "in_levels",
    "is_sequence",
    "keeps_alpha",
    "open_maps",
    "open_reader",
    "probe",
    "read_lossless",
    "scaled",
    "source_files",
    "write_lossless",
    "writing_to",
]
