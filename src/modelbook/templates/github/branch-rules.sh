#!/usr/bin/env bash
# The rules of the default branch that the registry's promises rest upon. Whoever administers the repository runs it, with
# `gh` signed in; again, it sets the same rules. `modelbook doctor` says whether they hold.
#
#   bash .github/branch-rules.sh --show      print what is set and what would be, and change nothing
#   APPROVALS=2 bash .github/branch-rules.sh     how many people approve a pull request (1)
#   MERGE_QUEUE=1 bash .github/branch-rules.sh   merge by a queue (organisations only)
set -euo pipefail

ruleset="Modelbook"
approvals="${APPROVALS:-1}"
if ! [[ $approvals =~ ^([0-9]|10)$ ]]; then
  echo "APPROVALS is a number from 0 to 10, and not '$approvals'" >&2
  exit 2
fi

repository="$(gh repo view --json nameWithOwner --jq .nameWithOwner)"
host="$(gh repo view --json url --jq '.url | split("/")[2]')" # a GitHub Enterprise Server has one of its own
api() { gh api --hostname "$host" "$@"; }

# Only GitHub Actions may set the status: on each GitHub its App has another number.
actions="$(api apps/github-actions --jq .id)"

queue=""
if [[ ${MERGE_QUEUE:-} == 1 ]]; then
  queue=',
    { "type": "merge_queue", "parameters": {
      "merge_method": "MERGE", "grouping_strategy": "ALLGREEN", "check_response_timeout_minutes": 60,
      "max_entries_to_build": 5, "max_entries_to_merge": 1, "min_entries_to_merge": 1,
      "min_entries_to_merge_wait_minutes": 0 } }'
fi
wanted='{
  "name": "'"$ruleset"'", "target": "branch", "enforcement": "active", "bypass_actors": [],
  "conditions": { "ref_name": { "include": ["~DEFAULT_BRANCH"], "exclude": [] } },
  "rules": [
    { "type": "deletion" },
    { "type": "non_fast_forward" },
    { "type": "pull_request", "parameters": {
      "required_approving_review_count": '"$approvals"', "require_code_owner_review": true,
      "dismiss_stale_reviews_on_push": true, "require_last_push_approval": false,
      "required_review_thread_resolution": false } },
    { "type": "required_status_checks", "parameters": {
      "strict_required_status_checks_policy": true,
      "required_status_checks": [ { "context": "modelbook", "integration_id": '"$actions"' } ] } }'"$queue"'
  ]
}'

# By its name the ruleset is found again, so that a second run makes no second one.
number="$(api "repos/$repository/rulesets?includes_parents=false" --paginate \
  --jq ".[] | select(.name == \"$ruleset\") | .id")"

if [[ ${1:-} == --show ]]; then
  echo "Now:"
  if [[ -n $number ]]; then api "repos/$repository/rulesets/$number"; else echo "no ruleset $ruleset"; fi
  echo
  echo "Wanted, and auto-merge allowed:"
  printf '%s\n' "$wanted"
  exit
fi

if [[ -n $number ]]; then
  printf '%s' "$wanted" | api --method PUT "repos/$repository/rulesets/$number" --input - >/dev/null
else
  printf '%s' "$wanted" | api --method POST "repos/$repository/rulesets" --input - >/dev/null
fi
api --method PATCH "repos/$repository" -F allow_auto_merge=true >/dev/null
echo "$repository: the ruleset $ruleset holds for the default branch, and auto-merge is allowed."
