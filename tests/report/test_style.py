import matplotlib.pyplot as plt
import pytest
from PIL import Image

from simbench.core.errors import SimbenchError
from simbench.report.style import check_picture, save, use_style


def line():
    use_style()
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1], [0, 1])
    return figure


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_is_the_same_bytes(tmp_path, kind):
    paths = [tmp_path / f"{name}.{kind}" for name in ("one", "two")]
    for path in paths:
        save(line(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_a_png_has_256_colours(tmp_path):
    save(line(), tmp_path / "line.png")
    with Image.open(tmp_path / "line.png") as picture:
        assert picture.mode == "P"
        assert picture.info["dpi"][0] > 50


@pytest.mark.parametrize("name", ["x.xyz", "x.jpg", "noext", "x.PNG", ".png"])
def test_an_unknown_kind_of_picture_is_one_line_and_leaves_nothing(tmp_path, name):
    with pytest.raises(SimbenchError, match="unknown kind of picture; allowed: .png, .svg, .pdf"):
        save(line(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(SimbenchError, match="is a folder"):
        (tmp_path / "folder.png").mkdir()
        check_picture(tmp_path / "folder.png")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SimbenchError, match="cannot be written"):
        save(line(), tmp_path / "file" / "x.png")
