"""What is finished and kept on disk, so that nothing is ever rendered twice.

Beside the output stands the job's folder: `job.json` says of what source, settings and model it is, `plan.json` how the
clip was cut, `cuts.txt` which cuts were found, `chunk-….avi` holds a finished chunk and `chunk-….safetensors` what the
next one takes from it. A chunk's files are named after its take, and stay when the plan is another one: it may come
back. Every file gets its name only when it is whole, so a kill at any moment leaves a job that can go on. `run.json`
comes last: where source and result lie, for whoever looks at the job afterwards, and what the result was made of.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psutil
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.errors import JobError
from engine.media import read_lossless, source_files, write_lossless, writing_to
from engine.take import Take

JOB, PLAN, CUTS, RUN = "job.json", "plan.json", "cuts.txt", "run.json"
HASH = "hash of the frames"
WAY = "way of making chunks"
CLOCKS = 60.0  # seconds that the clocks of a disk and of this machine may differ
SAMPLE = 1 << 20  # bytes read at the start, the middle and the end of a source to know it again


class Journal:
    """The folder of one job. `identity` is what must not change while it goes on."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._identity = json.loads(json.dumps(identity))
        self._waiting: dict[str, bytes] | None = None  # what is kept as soon as an earlier job has made way

    @classmethod
    def of_existing(cls, folder: Path) -> Self:
        """This opens a job that is there, for reading.

        Raises:
            JobError: it is none.
        """
        record = folder / JOB
        if not record.is_file():
            raise JobError(
                f"{folder} is no job of restyle. Name the folder that ends in .restyle, or the result beside it."
            )
        return cls(folder, _read_json(record))

    @property
    def identity(self) -> Mapping[str, Any]:
        """What must not change while the job goes on."""
        identity: Mapping[str, Any] = self._identity
        return identity

    def begin(self, fresh: bool, settings: str = "") -> None:
        """This begins the job, or goes on with it; another job's folder is refused, unless it begins `fresh`.

        What is there counts no longer then, and goes as soon as it is to `make_way`.

        settings: as a TOML file, which is kept for whoever wants the same again. To be called while `locked`.
        """
        inside = self._inside()
        if inside and not (self.folder / JOB).exists():
            raise JobError(f"{self.folder} is in the way: it is not a job of restyle. Choose another output (-o).")
        if fresh and inside:
            self._waiting = {}
        elif inside:
            self._compare(_read_json(self.folder / JOB))
        self._keep(JOB, _as_json(self._identity))
        if settings:
            self._keep("settings.toml", settings.encode())

    def make_way(self) -> None:
        """This empties the folder for a job that begins fresh. To be called when nothing can be refused any more.

        The list of cuts stays even so: it may have been corrected, and be the one that is asked for.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        for path in self._inside():
            if path.name != JOB:  # a kill on the way leaves a job, with less in it
                path.unlink()
        for name, content in waiting.items():
            self._keep(name, content)

    def _inside(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name not in ("lock", CUTS)]

    def _keep(self, name: str, content: bytes) -> None:
        if self._waiting is None:
            _write(self.folder / name, content)
        else:
            self._waiting[name] = content

    def _compare(self, found: Mapping[str, Any]) -> None:
        changed = sorted(key for key in {*found, *self._identity} if found.get(key) != self._identity.get(key))
        if WAY in changed:
            changed = [WAY]  # of another version, which may have written all else in other words
        if changed:
            told = " and ".join(_difference(key, found.get(key), self._identity.get(key)) for key in changed)
            raise JobError(
                f"{self.folder} holds a job with {told}. Start over with --fresh, or choose another output (-o)."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """This keeps a second run out of the folder while this one works; a dead run's lock does not count."""
        lock = self.folder / "lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._refuse_running(lock)
            lock.write_text(str(os.getpid()), encoding="ascii")
        except OSError as error:
            raise JobError(
                f"{self.folder}, where finished work is kept, cannot be written: {error.strerror}. "
                "Choose another output (-o)."
            ) from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)

    def _refuse_running(self, lock: Path) -> None:
        """A run that died may have left its number to another process, after a power cut above all: one that is younger
        than the lock has not written it.
        """
        try:
            owner = int(lock.read_text(encoding="ascii"))
            younger = psutil.Process(owner).create_time() > lock.stat().st_mtime + CLOCKS
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return
        if owner != os.getpid() and not younger:
            raise JobError(f"Process {owner} is at work in {self.folder}. Wait for it, or choose another output (-o).")

    def plan(self) -> Any | None:  # noqa: ANN401 - plain JSON, checked by its reader
        """This gives the stored plan, None if there is none yet."""
        path = self.folder / PLAN
        return _read_json(path) if path.exists() and self._waiting is None else None

    def store_plan(self, plan: object) -> None:
        """This keeps the plan."""
        self._keep(PLAN, _as_json(plan))

    def store_cuts(self, cuts: str) -> bool:
        """This keeps the list of cuts that were found, for whoever wants to correct it; says whether it is that now.

        Another list stays, as it may have been corrected, but where a job begins fresh.
        """
        path = self.folder / CUTS
        if self._waiting is None and path.exists():
            return path.read_bytes() == cuts.encode()
        self._keep(CUTS, cuts.encode())
        return True

    def places(self) -> Mapping[str, Any]:
        """This says where `source` and `result` lay when the job was finished, and more; nothing if it was not."""
        path = self.folder / RUN
        places: Mapping[str, Any] = _read_json(path) if path.exists() else {}
        return places

    def finish(self, source: Path, result: Path, asked: str, takes: Iterable[Take]) -> None:
        """This notes that the result is whole: where source and result lie, the mark of what was asked, its chunks."""
        places = {"source": str(source.absolute()), "result": str(result.absolute())}
        made = fingerprint(source_files(result))
        self._keep(RUN, _as_json({**places, "asked": asked, "made": made, "chunks": [take.name for take in takes]}))

    def is_of(self, takes: Iterable[Take]) -> bool:
        """This says whether the result, if there is one, is made of just these chunks."""
        made = self.places().get("chunks")
        return made is None or made == [take.name for take in takes]

    def is_finished(self, result: Path, asked: str) -> bool:
        """This says whether the result is there, as it was written when just the same was asked."""
        told = self.places()
        return told.get("asked") == asked and result.exists() and fingerprint(source_files(result)) == told.get("made")

    def has(self, chunk: Take) -> bool:
        """This says whether a chunk is finished."""
        return self._waiting is None and self._frames(chunk).exists() and self._state(chunk).exists()

    def store(self, chunk: Take, frames: Tensor, state: Mapping[str, Tensor]) -> None:
        """This keeps a finished chunk: its frames `[T, 3, H, W]`, then what the next one needs and the frames' hash."""
        write_lossless(self._frames(chunk), frames)
        path = self._state(chunk)
        partial = path.with_suffix(".partial")
        tensors = {name: tensor.contiguous() for name, tensor in state.items()}
        with writing_to(partial):
            save_file(tensors, partial, {HASH: _hash(self._frames(chunk))})
            with partial.open("rb") as written:
                os.fsync(written.fileno())
        partial.replace(path)

    def frames(self, chunk: Take, start: int = 0, stop: int | None = None) -> Tensor:
        """This reads a finished chunk's frames `[T, 3, H, W]`: all, or `start` to `stop` (not included) of them.

        They are to the last bit those that were stored.
        """
        path = self._frames(chunk)
        with _reading(self._state(chunk)), safe_open(self._state(chunk), "pt") as state:
            stored = (state.metadata() or {}).get(HASH)
        if _hash(path) != stored:
            raise _damaged(path)
        return read_lossless(path, start, stop)

    def state(self, chunk: Take) -> dict[str, Tensor]:
        """This reads what the next chunk needs of a finished one."""
        path = self._state(chunk)
        with _reading(path):
            return load_file(path)

    def _frames(self, chunk: Take) -> Path:
        return self.folder / f"{chunk.name}.avi"

    def _state(self, chunk: Take) -> Path:
        return self.folder / f"{chunk.name}.safetensors"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> JobError:
    return JobError(f"{path} is damaged. Delete it, and the same command makes that chunk again.")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _difference(key: str, found: object, wanted: object) -> str:
    if not isinstance(found, Mapping) or not isinstance(wanted, Mapping):
        return f"another {key}"
    names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    changes = (f"{name} {_said(found.get(name))}, now {_said(wanted.get(name))}" for name in names)
    return f"other {key} ({'; '.join(changes)})"


def _said(value: object) -> object:
    return "not given" if value is None else value


def fingerprint(files: Iterable[Path]) -> str:
    """This makes a mark by which files are known again: names, sizes and samples of their bytes."""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}:".encode())
        with path.open("rb") as file:
            for place in (0, max(0, size // 2), max(0, size - SAMPLE)):
                file.seek(place)
                digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def _read_json(path: Path) -> Any:  # noqa: ANN401 - plain JSON
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise JobError(f"{path} is damaged. Start over with --fresh.") from error


def _as_json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
