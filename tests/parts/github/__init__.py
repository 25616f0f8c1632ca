"""A small stateful GitHub for tests: REST, git over HTTP and OIDC on loopback, over real bare repositories.

It runs in a process of its own (`python -m tests.parts.github`); tests steer it by `client.GitHubServer`.
Every request and every answer is checked against GitHub's published OpenAPI description (`description.py`),
and it refuses what GitHub refuses, in GitHub's words (`refusals.py`).

    server.py        one connection: faults, log, and which of git, REST, OIDC or the tests' own paths answers
    rest.py          one REST call: who asks, may they, is the body right, what does the endpoint say
    graphql.py       the GraphQL mutations: auto-merge, and by moving_refs.py refs that move from where they are
    endpoints/       what each REST operation does
    answers/         how each GitHub object looks in JSON
    world.py         everything the server remembers
    bare.py          plumbing over one bare repository; merging.py: merges made with it
    noticing.py      what follows when a ref moves: push events, updated pull requests
    git_http.py      clone, fetch and push
"""
