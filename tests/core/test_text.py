from simbench.core.text import count, counted, duration, markdown_table, memory, number, span


def test_numbers_are_short():
    assert [number(-0.001), number(float("nan")), number(0.001, "+.2f")] == ["0.00", "–", "+0.00"]
    assert [duration(0.069), duration(45.4), duration(7200)] == ["0.069 s", "45 s", "2.0 h"]
    assert [memory(757), memory(2048), memory(float("nan"))] == ["757 MB", "2.0 GB", "–"]
    assert [count(912), count(31_000), count(4.2e6), count(9e8)] == [
        "912",
        "31 k",
        "4.2 M",
        "900 M",
    ]


def test_whole_numbers_have_no_exponent():
    assert [count(n) for n in (999_400, 999_600, 999_999_000)] == ["999 k", "1 M", "1 G"]
    assert span([1_296_000]) == "1296000"
    assert span([0.5, 20]) == "0.5 to 20"


def test_one_thing_has_no_plural():
    assert [counted(n, "neuron") for n in (0, 1, 2)] == ["0 neurons", "1 neuron", "2 neurons"]


def test_cells_of_a_markdown_table_are_escaped():
    table = markdown_table(["name", "a|b"], [["x|y", 3], ["z", ""]])
    assert table == "| name | a\\|b |\n| --- | ---: |\n| x\\|y | 3 |\n| z |  |\n"


def test_columns_of_text_come_first():
    assert markdown_table(["a", "b", "c"], [], n_text=2).splitlines()[1] == "| --- | --- | ---: |"
