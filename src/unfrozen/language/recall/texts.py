"""A folder of texts that are recalled by likeness: a store of their vectors, and their words."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unfrozen.data.cache import disk_errors, write_json
from unfrozen.errors import DataError, MemoryShapeError
from unfrozen.language.model import LanguageModel
from unfrozen.language.recall.embedding import Embedding
from unfrozen.memory.store import MappedStore, nearest, read

FORMAT = 1


@dataclass(frozen=True)
class Recalled:
    """A text that was found.

    Attributes:
        id: by which it can be forgotten.
        text: as it was written.
        similarity: cosine of the angle to what was asked.
        weight: its share of the memory's answer, softmax(beta similarity) over all texts.
    """

    id: int
    text: str
    similarity: float
    weight: float


class TextMemory:
    """Texts in a folder.

    Make one with `create`, open one with `open`.

    Args:
        folder: where it is.
        embedding: maps texts to vectors; the one with which the memory was made.
        store: of the vectors.
    """

    def __init__(self, folder: Path, embedding: Embedding, store: MappedStore) -> None:
        self.folder, self.embedding, self.store = folder, embedding, store

    @classmethod
    def create(
        cls,
        folder: str | Path,
        lm: LanguageModel,
        *,
        layer: int | None = None,
        capacity: int | None = None,
        policy: str = "oldest",
    ) -> "TextMemory":
        """Make an empty one.

        Args:
            folder: where; it is made, or is empty.
            lm: the model that embeds.
            layer: after which of its layers.
            capacity: how many texts it holds at most.
            policy: which go when there are more.

        Raises:
            DataError: the folder has something in it, or the disk refuses.
            MemoryShapeError: as for `MappedStore.create`.
        """
        folder = Path(folder)
        embedding = Embedding(lm, layer)
        store = MappedStore.create(folder, embedding.width, capacity=capacity, policy=policy)
        settings = {"format": FORMAT, "model": lm.name, "layer": embedding.layer}
        write_json(folder / "texts.json", settings)
        return cls(folder, embedding, store)

    @classmethod
    def open(cls, folder: str | Path, lm: LanguageModel | None = None) -> "TextMemory":
        """Open one that is there.

        Args:
            folder: where it is.
            lm: the model that embeds; loaded by its name by default.

        Raises:
            DataError: there is none, it is damaged, or it was made with another model.
        """
        folder = Path(folder)
        store = MappedStore.open(folder)
        settings = text_settings(folder)
        if settings is None:
            raise DataError(f"{folder} holds vectors, not texts: read it with vectors")
        name, layer = settings
        if lm is None:
            lm = LanguageModel.from_pretrained(name)
        embedding = Embedding(lm, layer)
        if lm.name != name or embedding.width != store.key_width:
            raise DataError(f"{folder} was made with {name}, not with {lm.name}")
        return cls(folder, embedding, store)

    def __len__(self) -> int:
        return len(self.store)

    def write(self, texts: Sequence[str]) -> list[int]:
        """Remember texts.

        Returns:
            Their ids.

        Raises:
            FactError: a text is empty.
            DataError: the disk is full or refuses.
            MemoryShapeError: there is no text, or no room.
        """
        if not texts:
            raise MemoryShapeError("there is nothing to write: no texts were given")
        vectors = self.embedding(texts)
        with self.store.held(), disk_errors(self.folder):
            # First the texts, which nobody reads before their vectors count.
            first = self.store.next_id
            with (self.folder / "texts.jsonl").open("a", encoding="utf-8") as file:
                if file.tell() and not self._ends_whole():
                    file.write("\n")
                for number, text in enumerate(texts):
                    line = {"id": first + number, "text": text}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            return self.store.append(vectors).tolist()

    def recall(self, text: str, k: int = 5, beta: float = 30.0) -> list[Recalled]:
        """The texts most like one.

        Args:
            text: what to look for.
            k: how many.
            beta: inverse temperature of the weights.

        Raises:
            FactError: the text is empty.
            DataError: the texts do not belong to the vectors.
            MemoryShapeError: k or beta is not positive.
        """
        query = self.embedding([text])
        found = nearest(self.store, query, k)
        if not len(self.store):
            return []
        total = float(read(self.store, query, beta).log_sum_exp)
        ids, scores = found.ids[0], found.scores[0]
        there = ids >= 0
        weights = (beta * scores - total).exp()
        texts = self.texts(ids[there].tolist())
        return [
            Recalled(i, texts[i], float(s), float(w))
            for i, s, w in zip(ids[there].tolist(), scores[there], weights[there], strict=True)
        ]

    def forget(self, ids: Sequence[int]) -> None:
        """Forget texts: nothing finds them again, and their words are wiped from the folder.

        Raises:
            MemoryShapeError: a text is not there.
            DataError: the disk is full or refuses.
        """
        with self.store.held(), disk_errors(self.folder):
            self.store.delete(list(ids))
            kept = set(self.store.ids.tolist())
            path = self.folder / "texts.jsonl"
            temporary = path.with_suffix(".tmp")
            with temporary.open("w", encoding="utf-8") as file:
                for number, text in self._lines():
                    if number in kept:
                        line = {"id": number, "text": text}
                        file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)

    def texts(self, ids: Sequence[int]) -> dict[int, str]:
        """The words of texts, by id.

        Raises:
            DataError: one is missing.
        """
        wanted = set(ids)
        # The last line of an id counts: a crash may have left an earlier one.
        found = {number: text for number, text in self._lines() if number in wanted}
        if wanted - set(found):
            raise DataError(f"{self.folder / 'texts.jsonl'} lacks text {min(wanted - set(found))}")
        return found

    def _lines(self) -> Iterator[tuple[int, str]]:
        path = self.folder / "texts.jsonl"
        if not path.exists():
            return
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    yield int(entry["id"]), str(entry["text"])
                except (ValueError, KeyError, TypeError):
                    continue  # the torn end of a write that did not count

    def _ends_whole(self) -> bool:
        with (self.folder / "texts.jsonl").open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def text_settings(folder: Path) -> tuple[str, int] | None:
    """The model and layer that embed a folder's texts; None where a folder holds vectors.

    Raises:
        DataError: the settings are damaged.
    """
    path = folder / "texts.json"
    if not path.exists():
        return None
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise DataError(f"{path} is of format {settings['format']}, not {FORMAT}")
        return str(settings["model"]), int(settings["layer"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
