"""Fetch a model from the Hugging Face Hub into its own cache: safetensors and configs, never code, never pickles."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from engine.diffusion.checkpoint import PICKLES
from engine.diffusion.hub import cache_folder
from engine.diffusion.row import Part
from engine.errors import ModelError, ResourceError

DESCRIPTIONS = (".json", ".txt", ".model", ".jinja")  # configs, vocabularies, pieces of words, forms of a chat
NETWORK = cast(
    type[Exception], HfHubHTTPError.__bases__[0]
)  # the error of the library below, for what never reached the Hub
UNUSED = ("safety_checker", "feature_extractor")


@dataclass(frozen=True)
class Remote:
    """A file on the Hub, and its size in bytes."""

    repository: str
    path: str
    revision: str
    size: int


def pull(parts: Iterable[Part]) -> Iterator[tuple[Remote, int]]:
    """This fetches what is missing of a model, and gives each file before it is fetched, with the bytes to go from it.

    Raises:
        ModelError: the Hub cannot be reached, or has no such files, or keeps them behind a gate.
        ResourceError: the disk is too small for all of it.
    """
    listed: dict[tuple[str, str], list[Remote]] = {}
    wanted: dict[Remote, None] = {}
    for part in parts:
        place = (part.repository, part.revision)
        if place not in listed:
            listed[place] = _list(*place)
        wanted |= dict.fromkeys(choose(part, listed[place]))
    yield from _fetch([file for file in wanted if not _is_here(file)])


def pull_repository(repository: str) -> Iterator[tuple[Remote, int]]:
    """This fetches a whole model that is in diffusers' layout, as `pull` does."""
    files = _list(repository, "main")
    index = [file for file in files if file.path == "model_index.json"]
    folders = sorted({str(PurePosixPath(file.path).parent) for file in files if file.path.count("/") == 1})
    parts = [Part(name, repository, name) for name in folders if name not in UNUSED]
    described = [part for part in parts if any(_is_config(part, file) for file in files)]
    if not described:
        raise ModelError(f"{repository} is not a model in diffusers' layout: no folder in it has a config.")
    chosen = [*index, *(file for part in described for file in choose(part, files))]
    yield from _fetch([file for file in chosen if not _is_here(file)])


def choose(part: Part, files: list[Remote]) -> list[Remote]:
    """This chooses the files of a part: descriptions, and weights in half precision where there are both."""
    inside = [file for file in files if str(PurePosixPath(file.path).parent) == (part.folder or ".")]
    if part.file:
        found = [file for file in inside if PurePosixPath(file.path).name == part.file]
        if not found:
            raise ModelError(
                f"{part.repository} has no {part.file} any more. Look at its page for what took its place."
            )
        return found
    names = {file: PurePosixPath(file.path).name for file in inside}
    weights = [
        file
        for file, name in names.items()
        if name.endswith(".safetensors") and name.startswith(("diffusion_pytorch_model", "model")) and "ema" not in name
    ]
    halves = [file for file in weights if ".fp16" in names[file]]
    described = [file for file, name in names.items() if name.endswith(DESCRIPTIONS)]
    if not weights and any(name.endswith(tuple(PICKLES)) for name in names.values()):
        raise ModelError(
            f"{part.repository} has {part.folder or 'its weights'} only as a pickle, which can run code when opened. "
            "Look for one with safetensors."
        )
    return [*described, *(halves or weights)]


def _is_config(part: Part, file: Remote) -> bool:
    return file.path.startswith(f"{part.folder}/") and file.path.endswith("config.json")


def _list(repository: str, revision: str) -> list[Remote]:
    with explained(repository):
        found = HfApi().model_info(repository, revision=revision, files_metadata=True)
    return [Remote(repository, file.rfilename, revision, file.size or 0) for file in found.siblings or []]


def _is_here(file: Remote) -> bool:
    return isinstance(try_to_load_from_cache(file.repository, file.path, revision=file.revision), str)


def _fetch(files: list[Remote]) -> Iterator[tuple[Remote, int]]:
    left, cache = sum(file.size for file in files), cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if left > free:
        raise ResourceError(
            f"{left / 1e9:.1f} GB are to be fetched into {cache}, {free / 1e9:.1f} GB are free there. Make room, or "
            "name another folder in HF_HOME."
        )
    for file in files:
        yield file, left
        with explained(file.repository):
            hf_hub_download(file.repository, file.path, revision=file.revision)
        left -= file.size


@contextmanager
def explained(repository: str) -> Iterator[None]:
    """This says in one line what went wrong with the Hub, and the next step."""
    page = f"https://huggingface.co/{repository}"
    try:
        yield
    except GatedRepoError as error:
        raise ModelError(f"{repository} is gated: agree to its terms on {page}, then run `hf auth login`.") from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hub has no {repository}, or it is private. Look at {page}; for a private one run `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{repository} no longer has what is wanted of it; look at {page}.") from error
    except OfflineModeIsEnabled as error:
        raise ModelError(
            "HF_HUB_OFFLINE is set, so nothing is fetched. Unset it, and give the command again."
        ) from error
    except (LocalEntryNotFoundError, ConnectionError) as error:
        raise ModelError(_unreachable(repository)) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "nothing"
        raise ModelError(
            f"The Hub answers {status} for {repository}. Try again later; what is here is kept."
        ) from error
    except NETWORK as error:
        raise ModelError(_unreachable(repository)) from error
    except OSError as error:
        raise _of_disk_or_network(error, repository) from error


def _unreachable(repository: str) -> str:
    return f"The connection to the Hub for {repository} failed. Check the network; the same command goes on from there."


def _of_disk_or_network(error: OSError, repository: str) -> ModelError | ResourceError:
    if error.errno == errno.ENOSPC:
        return ResourceError(f"The disk of {cache_folder()} is full. Make room, or name another folder in HF_HOME.")
    if error.errno is not None:
        return ModelError(f"{error.filename or cache_folder()} cannot be written: {error.strerror}.")
    if "Consistency check failed" in str(error):
        return ModelError(f"A file of {repository} arrived incomplete. The same command fetches it again.")
    return ModelError(_unreachable(repository))
