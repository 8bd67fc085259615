"""Write the result: frames joined, steadied, brought to its size and encoded, once their chunks are finished."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from torch import Tensor

from engine.chunks import Studio
from engine.joining import Made, finished_frames
from engine.masks import Compose, masked_beside
from engine.media import Reader, Writer, keeps_alpha, scaled
from engine.plan import Plan
from engine.settings import Settings
from engine.stoppable import Stoppable, Stopped, heed
from engine.take import Take
from engine.upsampling import delivered

NAP = 0.2  # seconds between two looks at what others have done


@dataclass(frozen=True)
class Delivery:
    """A result that is to be written, and what is needed for that. compose: puts it into its source."""

    studio: Studio
    plan: Plan
    output: Path
    settings: Settings
    compose: Compose

    @contextmanager
    def read_by(self, reader: Reader) -> Iterator[Self]:
        """This is the same with a reader of its own, so that others may read meanwhile."""
        with masked_beside(self.compose, replace(self.compose.sources, reader=reader)) as compose:
            yield replace(self, studio=replace(self.studio, reader=reader), compose=compose)

    def written(self, made: Made | None = None) -> Generator[int]:
        """This writes the result, and tells on the way how many frames are written.

        made: gives the frames of a chunk, where not all are finished.
        """
        studio, codec, size = self.studio, self.settings.codec, self.studio.sizes.output
        reader, (height, width) = studio.reader, size
        alpha = reader.info.alpha and keeps_alpha(self.output, codec)
        done = 0
        with Writer(self.output, codec, reader.info, width=width, height=height) as writer:
            for led in finished_frames(studio, self.plan, self.settings.steady, made):
                for piece in delivered(led, done, reader, size, self.compose):
                    opacity = scaled(reader.read_alpha(done, done + len(piece)), size) if alpha else None
                    writer.write(piece, opacity)
                    done += len(piece)
                    yield done
                del led, piece  # or they would stay while the next chunk is joined


class Desk(Stoppable):
    """Writes a result beside the model's work, each chunk when it is finished and its turn has come.

    Use it in a `with` block, in which chunks are finished: it ends with that, at once where not all has been written.
    """

    def __init__(self, delivery: Delivery) -> None:
        super().__init__("restyle writing")
        self._delivery = delivery
        self._done = 0
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.interrupt()
        self.join()

    def work(self) -> None:
        """This writes until all is written."""
        try:
            with closing(self._delivery.written(self._awaited)) as writing:
                for done in writing:
                    self._done = done
                    heed()
        except Stopped:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._error = error

    def _awaited(self, take: Take) -> Tensor:
        journal = self._delivery.studio.journal
        while not journal.has(take):
            self.told.wait(NAP)
            heed()
        return journal.frames(take)

    def check(self) -> None:
        """This raises what went wrong."""
        if self._error is not None:
            raise self._error

    def rest(self) -> Iterator[int]:
        """This waits until all is written, and tells meanwhile how many frames are. All chunks must be finished."""
        working = True
        while working:
            self.join(NAP)
            working = self.is_alive()
            self.check()
            yield self._done
