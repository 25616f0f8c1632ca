"""What a query may name: the fields of a model version and of a run, and of what kind each is.

A text that is not known is empty, a list that is not known has no members, and a number that is not known makes a
query that names it find nothing, as a gate passes nothing on a number that is missing.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "yes or no", "texts", "numbers", "values"]
"""`numbers` are finite ones by name (`metrics.accuracy`), `values` are JSON by name (`params.lr`)."""


class Field(NamedTuple):
    """One field: its kind, and what it is, for a person."""

    kind: Kind
    what: str


VERSION_FIELDS: Mapping[str, Field] = {
    "ref": Field("text", "the version as a reference: fraud@5"),
    "model": Field("text", "the registered model"),
    "version": Field("number", "the version's number"),
    "stages": Field("texts", "the stages that it holds"),
    "metrics": Field("numbers", "what its evaluations measured, as gates read it"),
    "measured": Field("texts", "the names of those metrics"),
    "reported": Field("numbers", "what the training said of itself"),
    "params": Field("values", "the parameters of the training"),
    "tags": Field("texts", "the tags of the card"),
    "description": Field("text", "the card's description"),
    "created": Field("text", "when it was registered: 2026-11-24T00:50:20Z"),
    "by": Field("text", "who trained it"),
    "experiment": Field("text", "the run's experiment"),
    "run": Field("text", "the run that it was made of"),
    "started": Field("text", "when the training began"),
    "ended": Field("text", "when it ended"),
    "seconds": Field("number", "how long it took"),
    "seed": Field("number", "the seed"),
    "deterministic": Field("yes or no", "whether the training was deterministic"),
    "commit": Field("text", "the commit of its code"),
    "branch": Field("text", "the branch of that commit"),
    "dirty": Field("yes or no", "whether code was not committed"),
    "entry_point": Field("text", "the script"),
    "datasets": Field("texts", "what it was trained on, as in transactions@3"),
    "parents": Field("texts", "the model versions that it was made from"),
    "suites": Field("texts", "the suites that measured it"),
    "tested": Field("texts", "the dataset versions that it was measured on"),
    "python": Field("text", "the version of Python"),
    "torch": Field("text", "the version of torch"),
    "cpu": Field("text", "the processor"),
    "gpus": Field("texts", "the graphics cards"),
    "files": Field("number", "how many files the model has"),
    "size_bytes": Field("number", "their size together"),
    "digest": Field("text", "the digest of the card"),
    "revoked": Field("yes or no", "whether it was revoked"),
    "imported": Field("text", "where it was imported from: mlflow or gto"),
    "on": Field("text", "with --all-branches, the branch that has it where HEAD has not"),
    "owners": Field("texts", "the owners of the model"),
    "task": Field("text", "the model's task"),
}
RUN_FIELDS: Mapping[str, Field] = {
    "run": Field("text", "the run's id"),
    "experiment": Field("text", "its experiment"),
    "status": Field("text", "running, completed, failed or killed"),
    "metrics": Field("numbers", "the last value of each metric that it logged"),
    "params": Field("values", "its parameters"),
    "tags": Field("texts", "its tags"),
    "started": Field("text", "when it began: 2026-11-24T00:50:15Z"),
    "ended": Field("text", "when it ended"),
    "seconds": Field("number", "how long it took, from its first start to its last word"),
    "attempts": Field("number", "how often it was started"),
    "by": Field("text", "who started it"),
    "host": Field("text", "the machine"),
    "seed": Field("number", "the seed"),
    "commit": Field("text", "the commit of its code"),
    "branch": Field("text", "the branch of that commit"),
    "dirty": Field("yes or no", "whether code was not committed"),
    "entry_point": Field("text", "the script"),
    "datasets": Field("texts", "what it read, as in transactions@3"),
    "checkpoints": Field("number", "how many checkpoints are kept"),
}


def near(word: str, known: Iterable[str]) -> str:
    """What a person may have meant by `word`, for the end of a message; empty where nothing is near."""
    found = get_close_matches(word, list(known), n=3)
    return f"; near it: {', '.join(found)}" if found else ""
