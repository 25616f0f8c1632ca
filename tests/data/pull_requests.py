"""What promotions look like on GitHub, and what is no promotion: of each some, from registries made in memory.

`python -m tests.data.pull_requests` writes them anew. Look at what changed before you commit it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelbook.core import layout
from modelbook.core.documents import dump
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.move_markdown import move_body
from modelbook.core.pages.move_story import MoveStory, move_story
from modelbook.core.pages.promotion_story import Story, story_of
from modelbook.core.pages.story_markdown import body
from modelbook.core.pointer import Holder, Kind
from modelbook.core.revocation import Revocation, revocation_path
from modelbook.core.stages.history import Commit
from modelbook.core.stages.promotion import Decision, decide
from modelbook.core.stages.rollback import keep, roll_back
from modelbook.core.stages.tenure import Landing, Tenure, Tenures
from tests.made import RULES, SIGNERS, Made, trust_yaml
from tests.made_fields import STORE, card_fields

FOLDER = Path(__file__).parent
PAGE = GitHubPage("https://github.com", "acme/models")
COMMIT = "f" * 40
SINCE, LATER = "2026-03-03T09:00:00Z", "2026-03-04T12:00:00Z"
FRAUD_POLICY = f"""\
format: modelbook/policy/v1
store: {STORE}
stages:
- name: staging
  gates:
  - metrics.auc >= 0.90
- name: production
  soak: 24h
  first: accept
  gates:
  - name: better than what serves now
    require: significantly_greater("auc", 0.95)
  - name: no country is left behind
    require: not_worse("by_country.de.recall", 0.02, 0.95, "higher_is_better")
  - metrics.latency_p99_ms < 50.0
"""
FRAUD_MODEL = """\
format: modelbook/model/v1
model: fraud
suites:
  default: {entry_point: evaluate.py, dataset: transactions@1}
gates:
  production:
  - name: few false alarms
    require: metrics.false_alarms <= 0.004
"""
PEOPLE = (*RULES[:2], {"models": "*", "stages": ["production"], "signers": ["promoter", "anna", "ben"], "threshold": 2})
OLD: Mapping[str, Any] = {
    "auc": {"value": 0.941, "n": 20000, "stderr": 0.0016},
    "by_country.de.recall": {"value": 0.81, "n": 1200, "stderr": 0.0113},
    "false_alarms": 0.0038,
    "latency_p99_ms": 31.0,
    "brier": 0.071,
    "calibration": -0.004,
    "throughput": 1830.0,
}
NEW: Mapping[str, Any] = {
    "auc": {"value": 0.958, "n": 20000, "stderr": 0.0013},
    "by_country.de.recall": {"value": 0.822, "n": 1200, "stderr": 0.011},
    "false_alarms": 0.0031,
    "latency_p99_ms": 38.5,
    "brier": 0.058,
    "calibration": 0.002,
    "throughput": 1650.0,
}
WORSE: Mapping[str, Any] = {
    **NEW,
    "auc": {"value": 0.942, "n": 20000, "stderr": 0.0016},
    "by_country.de.recall": {"value": 0.74, "n": 1200, "stderr": 0.0127},
    "latency_p99_ms": None,
}


def _fields(version: int) -> dict[str, Any]:
    fields = card_fields("fraud", version)
    del fields["model"], fields["version"]
    newer = version > 4
    fields["description"] = f"Gradient boosting on card transactions, {'with' if newer else 'without'} merchants"
    fields["run"] |= {
        "job": f"github:acme/models/{9000 + version}/train",
        "seed": version,
        "params": {"trees": 800 if newer else 500, "depth": 8, "optimizer": {"lr": 0.05 if newer else 0.1}},
    }
    packages = {"numpy": "2.1.0", "scikit-learn": "1.7.0" if newer else "1.6.1", "torch": "2.13.0"}
    fields["lineage"]["code"] |= {"commit": f"{version:x}" * 40, "entry_point": "fraud/train.py"}
    fields["lineage"]["environment"] |= {"python": "3.12.4" if newer else "3.11.7", "packages": packages}
    return fields


def _version(made: Made, version: int, metrics: Mapping[str, Any]) -> None:
    fields = _fields(version)
    fields["lineage"]["datasets"] = [made.use("transactions", 3 if version > 4 else 2)]
    if version > 4:
        base = made.registry.digest(made.registry.card_path("embeddings", 2))
        fields["lineage"]["parents"] = [{"model": "embeddings", "version": 2, "card": base}]
    made.version("fraud", version, None, data="transactions", **fields)
    job, code = f"github:acme/models/{9100 + version}/evaluate", {"commit": "e" * 40, "entry_point": "evaluate.py"}
    made.evaluation("fraud", version, metrics, data="transactions", job=job, code=code)


def registry(metrics: Mapping[str, Any], *, first: bool = False) -> Made:
    """fraud@5 waits in staging; fraud@4 serves, unless it is the `first`."""
    signers = {name: fields for name, fields in SIGNERS.items() if name != "deputy"} | {"anna": {}, "ben": {}}
    anybody = {"models": "*", "stages": ["*"], "signers": ["promoter"]}
    made = Made(policy=FRAUD_POLICY, trust=trust_yaml((*PEOPLE, anybody), signers))
    for number in (1, 2, 3):
        made.dataset("transactions", number)
    made.put(f"{layout.model_folder('fraud')}/model.yaml", FRAUD_MODEL)
    made.version("embeddings", 2, None, data="transactions")
    _version(made, 4, OLD)
    _version(made, 5, metrics)
    if not first:
        made.pointer("fraud", "production", 4).approve("fraud", "production", "anna")
    return made.pointer("fraud", "staging", 5)


def story(made: Made, reason: str | None = None, *, now: str = LATER) -> Story:
    """The story of fraud@5 to production, which has been in staging since SINCE."""
    known = made.registry
    holder = Holder(version=5, card=known.digest(known.card_path("fraud", 5)))
    tenures = Tenures({layout.pointer_path("fraud", "staging"): (Tenure(holder, SINCE),)})
    decision = decide(known, "fraud", 5, "production", by="anna", now=now, reason=reason, tenures=tenures)
    return story_of(decision, known.trust, ["promoter"], commit=COMMIT)


def _landing(made: Made, letter: str, time: str) -> Landing:
    """What stands in production now, as a merge brought it to the branch."""
    pointer = made.registry.pointer("fraud", "production")
    assert pointer
    files = {path: data for path, data in made.files.items() if path.startswith("models/fraud/stages/production.")}
    commit = Commit(letter * 40, time, ("0" * 40,), "Anna", "anna@acme.example", "Merge", "GitHub")
    return Landing(commit, time, pointer, files)


def past() -> tuple[Made, Tenures]:
    """fraud@4 served, then fraud@6, which was revoked since, and now fraud@5 does."""
    made = registry(NEW)
    _version(made, 6, NEW)
    times = {4: "2026-03-01T08:00:00Z", 6: "2026-03-02T20:00:00Z", 5: "2026-03-04T02:00:00Z"}
    found: list[Tenure] = []
    for version, time in times.items():
        if version != 4:
            reason = None if version == 6 else "Fewer false alarms in the pilot"
            made.pointer("fraud", "production", version, by="ben", decided=time, reason=reason)
            made.approve("fraud", "production", "anna")
            found[-1] = replace(found[-1], until=time)
        landing = _landing(made, f"{version + 4:x}", time)
        found.append(Tenure(landing.pointer.holder(), time, landings=(landing,)))
    known = {"model": "fraud", "version": 6, "card": made.registry.digest(made.registry.card_path("fraud", 6))}
    why = {"by": "ben", "revoked": "2026-03-04T01:00:00Z", "reason": "trained on leaked labels"}
    made.put(revocation_path("fraud", 6), dump(Revocation.model_validate(known | why)))
    return made, Tenures({layout.pointer_path("fraud", "production"): tuple(found)})


def move(kind: Kind, made: Made, tenures: Tenures, *, reason: str | None) -> MoveStory:
    """The story of what is no promotion: it happens to production, at LATER, by anna."""
    known = made.registry
    if kind == "rollback":
        decision: Decision | None = roll_back(
            known, "fraud", 4, "production", by="anna", now=LATER, reason=reason, tenures=tenures
        )
    else:
        decision = keep(known, "fraud", "production", kind, by="anna", now=LATER, reason=reason)
    assert decision
    return move_story(known, decision, ["promoter"], tenures, commit=COMMIT)


def held(made: Made, tenures: Tenures) -> tuple[Made, Tenures]:
    """The same, with production held since."""
    time, path = "2026-03-04T03:00:00Z", layout.pointer_path("fraud", "production")
    fields: dict[str, Any] = {"kind": "hold", "by": "ben", "decided": time, "reason": "declines every card from Spain"}
    pointer = made.registry.pointer("fraud", "production")
    assert pointer
    baseline = pointer.baseline.model_dump() if pointer.baseline else None
    made.pointer("fraud", "production", 5, baseline=baseline, **fields).approve("fraud", "production", "anna")
    *earlier, last = tenures.by_path[path]
    last = replace(last, landings=(*last.landings, _landing(made, "a", time)))
    return made, Tenures({path: (*earlier, last)})


def bodies() -> dict[str, str]:
    """The body of each pull request, by the name of its file."""
    told = {
        "pull_request.md": story(registry(NEW), "Fewer false alarms in the pilot"),
        "pull_request_refused.md": story(registry(WORSE)),
        "pull_request_first.md": story(registry(NEW, first=True)),
    }
    moves = {
        "pull_request_rollback.md": move("rollback", *past(), reason="declines every card from Spain"),
        "pull_request_hold.md": move("hold", *past(), reason="the audit runs until Friday"),
        "pull_request_release.md": move("release", *held(*past()), reason="fraud@6 knows Spain"),
    }
    promotions = {name: body(one, PAGE) for name, one in told.items()}
    return promotions | {name: move_body(one, PAGE) for name, one in moves.items()}


if __name__ == "__main__":
    for file, text in bodies().items():
        (FOLDER / file).write_text(text)
