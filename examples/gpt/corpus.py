"""A folder of text, divided into what is learnt from and what is held back, and the tokens that stand for it."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

# A word or a sign with the space before it, a single digit, or a run of white space: every byte is in one of them.
PIECE = re.compile(rb" ?[A-Za-z_]+| ?[0-9]| ?[^\sA-Za-z0-9_]+|\s+")
BYTES = 256
LARGEST = 2**16  # tokens are kept as uint16


@dataclass(frozen=True)
class Corpus:
    """The text of a folder in three parts, and the sha256 over all of it."""

    train: bytes
    validation: bytes
    test: bytes
    sha256: str

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.train) + len(self.validation) + len(self.test)


def read_corpus(folder: Path) -> Corpus:
    """Read every .txt file below `folder` into memory. Ends the program if there is no text in them.

    Of each file the first 90 % are for training, the next 5 % for validation and the last 5 % for the test, so
    that the three are of one kind, whether the folder holds one file or a thousand.
    """
    files = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    train, validation, test, digest = [], [], [], hashlib.sha256()
    for path in files:
        text = path.read_bytes()
        digest.update(text)
        first, second = len(text) * 90 // 100, len(text) * 95 // 100
        train.append(text[:first])
        validation.append(text[first:second])
        test.append(text[second:])
    corpus = Corpus(b"".join(train), b"".join(validation), b"".join(test), digest.hexdigest())
    if not corpus.size:
        found = f"its {len(files)} .txt file(s) hold zero bytes" if files else "it holds no .txt file"
        sys.exit(f"{folder}: there is no text to learn from: {found}. Name a folder with plain text in .txt files.")
    return corpus


class Tokenizer:
    """The 256 bytes, and the most frequent pieces of a text.

    What is no known piece is spelt in bytes: nothing is outside the vocabulary, and `decode` gives back every byte.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = list(pieces)
        self._ids = {piece: BYTES + index for index, piece in enumerate(self.pieces)}

    @classmethod
    def learn(cls, text: bytes, vocabulary: int) -> Self:
        """Take the most frequent pieces of `text`, so that there are at most `vocabulary` tokens."""
        if not BYTES <= vocabulary <= LARGEST:
            sys.exit(f"vocabulary is {vocabulary}: give a number from {BYTES} (bytes alone) to {LARGEST}.")
        if vocabulary == BYTES:
            return cls([])
        counts = Counter(piece for piece in _pieces(text) if len(piece) > 1)
        return cls([piece for piece, _ in counts.most_common(vocabulary - BYTES)])

    def encode(self, text: bytes) -> NDArray[np.uint16]:
        """Tokens of shape (n,)."""
        if not self.pieces:
            return np.frombuffer(text, np.uint8).astype(np.uint16)
        return np.fromiter(self._tokens(text), np.uint16)

    def _tokens(self, text: bytes) -> Iterator[int]:
        for piece in _pieces(text):
            known = self._ids.get(piece)
            if known is None:
                yield from piece  # one token a byte
            else:
                yield known

    def decode(self, tokens: NDArray[np.uint16]) -> bytes:
        """The text that the tokens stand for."""
        return b"".join(bytes([token]) if token < BYTES else self.pieces[token - BYTES] for token in tokens.tolist())

    def to_json(self) -> str:
        """The pieces in order; Latin-1 has a character for each byte, which JSON can hold."""
        return json.dumps({"pieces": [piece.decode("latin-1") for piece in self.pieces]})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        return cls([piece.encode("latin-1") for piece in json.loads(text)["pieces"]])


def _pieces(text: bytes) -> Iterator[bytes]:
    return (match.group() for match in PIECE.finditer(text))
