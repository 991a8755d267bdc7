import pytest

from simbench.culture import brian


@pytest.fixture(scope="module")  # workers of other tests don't see it
def kept_builds(request, tmp_path_factory):
    """Compiled models stay in pytest's own cache, if it has one: only the first run compiles."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("simbench-builds") if cache else tmp_path_factory.mktemp("builds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brian, "cache_folder", lambda: folder)
        yield folder
