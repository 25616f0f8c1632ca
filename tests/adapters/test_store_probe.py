"""What a look at a store shows: real servers, one that keeps what is written once and one that does not."""

import pytest

from modelbook.adapters.store_probe import KEY, probe_store
from tests.parts.fault_proxy import Refuse
from tests.parts.stores import Faulty, Place


def test_a_look_shows_whether_the_store_keeps_what_it_has(place: Place, request: pytest.FixtureRequest) -> None:
    kept = "rclone" not in request.node.name  # it ignores If-None-Match
    for _ in range(2):
        found = probe_store(place.store)
        assert (found.error, found.conditional) == (None, kept)
        assert found.skew is None if "folder" in request.node.name else abs(found.skew or 0) < 60
        assert set(place.present()) == {KEY}


def test_a_store_that_cannot_be_reached_says_so(faulty: Faulty) -> None:
    place, proxy = faulty
    proxy.inject(Refuse(403, "AccessDenied", "said by the server"), times=1000)
    found = probe_store(place.store)
    assert found.error is not None
    assert "s3:ListBucket" in found.error
    assert place.present() == {}
