"""Each member of the family of memories in turn."""

import pytest
from tests.contracts.members import MEMBERS, Make


@pytest.fixture(params=MEMBERS.values(), ids=MEMBERS.keys())
def make(request: pytest.FixtureRequest) -> Make:
    return request.param
