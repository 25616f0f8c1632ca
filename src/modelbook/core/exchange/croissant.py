"""MLCommons Croissant 1.0: a dataset version as JSON-LD, which other tools and search engines read.

The manifest is a file of its own (a FileObject), and a record set over it lists every file with size and digest, so
that the document stays small whatever the dataset holds. Where the files are few, each is a FileObject too.
Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html
"""

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from modelbook.core.dataset import DataFile, DatasetCard
from modelbook.core.digests import hex_of
from modelbook.core.storage import blob_key

SPECIFICATION = "http://mlcommons.org/croissant/1.0"
MANIFEST, FILES = "manifest", "files"  # what the file and the record set are called

# The names that the specification maps to longer ones; a reader takes any other context for an older format.
_SHORT = {
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
} | _SHORT

_FORMATS = {
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".md": "text/markdown",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".npy": "application/x-npy",
    ".parquet": "application/x-parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".xml": "application/xml",
    ".zip": "application/zip",
}


def croissant(card: DatasetCard, digest: str, files: Iterable[DataFile], url: Callable[[str], str]) -> dict[str, Any]:
    """The JSON-LD of a dataset version; `digest` is its card's.

    `files` become a FileObject each: give none where they are many. `url` turns a key of the store into an address.
    """
    name = f"{card.dataset}@{card.version}"
    about = card.description or f"The dataset version {name}."
    is_link = bool(card.source and card.source.startswith(("https://", "http://")))
    if card.source and not is_link:
        about += f"\n\nSource: {card.source}"
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": card.dataset,
        "alternateName": name,
        "identifier": digest,
        "conformsTo": SPECIFICATION,
        "description": about,
        "version": f"{card.version}.0.0",
        "datePublished": card.created,
        "license": card.license,
        "citeAs": card.citation,
        "creator": {"@type": "sc:Organization", "name": card.creator} if card.creator else None,
        "url": card.source if is_link else None,
        "keywords": list(card.tags) or None,
        "isLiveDataset": False,
        "distribution": [_manifest(card, url), *(_file(n, file, url) for n, file in enumerate(files, 1))],
        "recordSet": [_listing()],
    }
    return {key: value for key, value in described.items() if value is not None}


def _manifest(card: DatasetCard, url: Callable[[str], str]) -> dict[str, Any]:
    pinned = card.manifest
    return {
        "@type": "cr:FileObject",
        "@id": MANIFEST,
        "name": "manifest.jsonl",
        "description": f"Path, size and digest of each of the {card.files} files, a JSON object a line.",
        "contentUrl": url(blob_key(pinned.digest)),
        "contentSize": f"{pinned.size} B",
        "encodingFormat": "application/jsonlines",
        "sha256": hex_of(pinned.digest),
    }


def _file(number: int, file: DataFile, url: Callable[[str], str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"file-{number}",  # readers take no spaces in it, so the path is the name
        "name": file.path,
        "contentUrl": url(blob_key(file.digest)),
        "contentSize": f"{file.size} B",
        "encodingFormat": _FORMATS.get(PurePosixPath(file.path).suffix.lower(), "application/octet-stream"),
        "sha256": hex_of(file.digest),
    }


def _listing() -> dict[str, Any]:
    types = {"path": "sc:Text", "size": "sc:Integer", "digest": "sc:Text"}
    about = {"path": "Where the file lies in the dataset.", "size": "In bytes.", "digest": "sha256: and 64 hex digits."}
    return {
        "@type": "cr:RecordSet",
        "@id": FILES,
        "name": FILES,
        "description": "The files of the dataset, as the signed manifest lists them.",
        "key": {"@id": f"{FILES}/path"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{FILES}/{column}",
                "name": column,
                "description": about[column],
                "dataType": kind,
                "source": {"fileObject": {"@id": MANIFEST}, "extract": {"column": column}},
            }
            for column, kind in types.items()
        ],
    }
