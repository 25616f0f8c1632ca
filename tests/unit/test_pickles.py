import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest
import safetensors.numpy
import torch

from modelbook.core.runs.pickles import HEAD, looks_like_pickle


class Call:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("unpickled",)


def saved(legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3)}, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def with_joblib(compress: int) -> bytes:
    buffer = io.BytesIO()
    joblib.dump({"w": np.ones(3)}, buffer, compress=compress)
    return buffer.getvalue()


def numpy_file(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)  # type: ignore[arg-type]
    return buffer.getvalue()


def old_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("sys_info"), io.BytesIO())
    return buffer.getvalue()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    return buffer.getvalue()


VALUES = [Call(), OrderedDict(a=1), list(range(100_000)), {"a": [1.5, None, ("x", b"y")]}, None]


def gzipped(data: bytes) -> bytes:
    """Without the time of day, which would give each test process other parameters."""
    return gzip.compress(data, mtime=0)


PICKLES = [pickle.dumps(value, protocol) for value in VALUES for protocol in range(6)]
CARRIERS = [
    saved(legacy=True),
    saved(legacy=False),
    with_joblib(0),
    with_joblib(3),
    numpy_file(np.array([{}, None])),
    numpy_file(np.array([(1, {})], dtype=[("a", "i4"), ("b", "O")])),
    old_tar(),
    zipped("archive/data.pkl"),
    zipped("a.npy"),
    *(squeeze(PICKLES[0]) for squeeze in (zlib.compress, gzipped, bz2.compress, lzma.compress)),
    lzma.compress(PICKLES[0], format=lzma.FORMAT_ALONE),
    gzipped(gzipped(PICKLES[2])),
    # A call first, and then what no pickle holds: the machine would have made the call by then.
    b"cos\nsystem\n(S'true'\ntR" + b"\xff" * 100,
    # A mark that is popped again, to confuse readers.
    b"(0cos\nsystem\n(S'true'\ntR.",
]


@pytest.mark.parametrize("data", [*PICKLES, *CARRIERS])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "weights"])
def test_pickled_data_is_recognised_under_any_name(data: bytes, name: str) -> None:
    assert looks_like_pickle(data[:HEAD], name)
    assert looks_like_pickle(data[:4096], name)


@pytest.mark.parametrize(
    "name", ["a.pt", "a.PTH", "x/a.pkl", "pytorch_model.bin", "a.ckpt", "a.joblib", "a.npz", "a.pickle"]
)
def test_a_name_that_stands_for_pickles_is_enough(name: str) -> None:
    assert looks_like_pickle(b"", name) == f"has a name ending in {name[name.rindex('.') :].lower()}, " + (
        "which stands for pickled data"
    )


def padded(header_length: int) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    return header_length.to_bytes(8, "little") + header.ljust(header_length) + b"\1"


def test_no_length_of_a_safetensors_header_reads_as_a_pickle() -> None:
    lengths = [*range(64, 2600), *(0x10000 + low for low in range(256))]
    assert [n for n in lengths if looks_like_pickle(padded(n)[:HEAD], "model.safetensors")] == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"{}",
        b'{"hidden": 64}',
        b"# A model\n\nPlain words, and a list:\n- one\n",
        b"cat\ndog\nelephant\nfox\n",
        b"I am a sentence.\nN.\n",
        b"[1, 2, 3]",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        numpy_file(np.ones(3)),
        gzipped(b"a,b\n1,2\n"),
        safetensors.numpy.save({"w": np.ones(3)}),
    ],
)
def test_what_is_no_pickle_passes(data: bytes) -> None:
    assert looks_like_pickle(data, "notes.txt") is None


def test_the_sources_and_texts_of_a_whole_library_pass() -> None:
    root = Path(pickle.__file__).parent
    paths = [path for path in sorted(root.rglob("*")) if path.suffix in {".py", ".txt", ".json", ".md", ".rst"}]
    texts = [path for path in paths if "site-packages" not in path.parts and path.stat().st_size][:600]
    assert len(texts) > 300
    assert [path for path in texts if looks_like_pickle(path.read_bytes()[:HEAD], path.name)] == []
