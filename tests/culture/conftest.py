import pytest

from simbench.culture import targets


@pytest.fixture(scope="session")
def kept_builds(request):
    """Compiled models stay in pytest's own cache, so that only the first run ever compiles."""
    folder = request.config.cache.mkdir("simbench-builds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "cache_folder", lambda: folder)
        yield folder
