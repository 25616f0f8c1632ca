"""A small repository whose workflows and actions break no rule: errors are planted in it."""

from tests.lint import rules

CHECKOUT = "actions/checkout@" + "1" * 40

SOUND = {
    ".github/workflows/verify.yml": f"""\
on:
  pull_request:
permissions: {{}}
jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - uses: {CHECKOUT} # v4.2.2
        with:
          persist-credentials: false
      - run: modelbook verify "$MODEL"
        env:
          MODEL: ${{{{ github.head_ref }}}}
  gate:
    uses: $/.github/workflows/gate.yml
    permissions:
      contents: read
    with:
      model: fraud
    secrets:
      reader: ${{{{ secrets.READER }}}}
""",
    ".github/workflows/gate.yml": """\
on:
  workflow_call:
    inputs:
      model:
        type: string
        required: true
      stage:
        type: string
        required: true
        default: staging
    secrets:
      reader:
        required: true
permissions: {}
jobs:
  gate:
    runs-on: [ubuntu-24.04]
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - run: modelbook gate
""",
    ".github/workflows/train.yml": """\
on: workflow_dispatch
permissions: {}
jobs:
  train:
    runs-on: [self-hosted, gpu]
    timeout-minutes: 600
    permissions:
      contents: read
    steps:
      - uses: $/actions/train
        with:
          model: fraud
  record:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: write
      id-token: write
    steps:
      - uses: CHECKOUT # v4.2.2
        with:
          persist-credentials: false
      - uses: $/actions/evaluate
        with:
          measurement: "1"
          signer: SIGNER
  next:
    uses: $/.github/workflows/sign.yml
    permissions:
      id-token: write
    with:
      signer: ${{ inputs.signer }}
""".replace("CHECKOUT", CHECKOUT).replace("SIGNER", rules.SIGNER),
    ".github/workflows/sign.yml": """\
on:
  workflow_call:
    inputs:
      signer:
        type: string
permissions: {}
jobs: {}
""",
    ".github/workflows/retention.yml": """\
on:
  schedule:
    - cron: "0 3 * * 1"
permissions: {}
jobs:
  retention:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read
    steps:
      - run: modelbook retention
""",
    "actions/train/action.yml": """\
inputs:
  model:
    required: true
runs:
  using: composite
  steps:
    - run: modelbook train
      shell: bash
""",
    "actions/evaluate/action.yml": """\
inputs:
  measurement: {}
  suite: {}
  signer: {}
runs:
  using: composite
  steps:
    - run: modelbook evaluate
      shell: bash
""",
}
