"""A small Sigstore of the tests' own: it issues, logs and stamps as Fulcio, Rekor and their certificate log do.

    authority.py   the CA: certificates of GitHub workflows, and the certificate log's promise in each
    log.py         the log of signatures: a Merkle tree, its checkpoints, its promises
    timestamps.py  an authority that stamps signatures with the time
    server.py      all of it over HTTP, for tokens that an issuer signed; and what a client must know to trust them

    signing.py     bundles without HTTP, for what no issuer would name
    tuf_repository.py  how an instance publishes what to trust

sigstore-python signs by it and verifies what it gives, with nothing replaced.
"""
