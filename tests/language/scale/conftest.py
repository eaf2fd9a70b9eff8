"""Models of this folder's own: what other tests left on a model, hooks say, need not travel."""

import pytest
from tests.language.conftest import FAMILIES, LanguageModel, Tiny, byte_level, random_model


def _made(family: str) -> Tiny:
    config, names = FAMILIES[family]
    return Tiny(family, LanguageModel(random_model(config()), byte_level(), family), names)


@pytest.fixture(scope="module", params=list(FAMILIES))
def tiny(request) -> Tiny:
    return _made(request.param)


@pytest.fixture(scope="module")
def llama() -> Tiny:
    return _made("llama")
