"""Real parts that the tests stand on: servers, runners and their stand-ins, none of them a mock of our own logic."""
