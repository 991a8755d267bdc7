"""The page as people use it, in a real browser; skipped where there is none."""

import pytest
from made import IMAGE, SCRIPT

from simbench.benchmark.rows import read_text, row_files
from simbench.methods.registry import find_entry

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1440, 900)}
TABLE = ".board:not([hidden]) .view:not([hidden]) table.leaderboard"


@pytest.fixture(scope="module")
def launch(chromium, tmp_path_factory):
    """Start the browser with a fresh user folder; options as playwright has them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:

        def start(**options):
            return playwright.chromium.launch_persistent_context(
                tmp_path_factory.mktemp("chromium"), executable_path=chromium, args=ARGUMENTS,
                **options,
            )  # fmt: skip

        yield start


@pytest.fixture(scope="module")
def browser(launch):
    context = launch()
    yield context
    context.close()


@pytest.fixture
def tab(browser, page):
    """The page, opened from its file; an error, a warning or a request fails the test."""
    complaints = []
    tab = browser.new_page()
    tab.set_default_timeout(20_000)
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.append(request.url[:80]))
    tab.set_viewport_size({"width": 1440, "height": 900})
    tab.goto(page.as_uri())
    yield tab
    hacked = tab.evaluate("window.hacked")
    tab.close()
    allowed = (page.as_uri(), "data:", "blob:")
    assert [c for c in complaints if not c.startswith(allowed)] == []
    assert hacked is None


def methods(tab):
    return tab.eval_on_selector_all(
        f"{TABLE} .ranked tr:not([data-out])", "lines => lines.map(line => line.dataset.method)"
    )


def values(tab, column):
    return tab.eval_on_selector_all(
        f"{TABLE} .ranked tr",
        f"lines => lines.map(line => line.children[{column}]?.dataset.v ?? '')",
    )


def header(tab, name):
    return tab.locator(f"{TABLE} thead tr:last-child th", has_text=name).first


def test_sorting_by_click_and_back(tab):
    best_first = methods(tab)
    recovery = header(tab, "recovery")
    recovery.locator("button").click()
    assert recovery.get_attribute("aria-sort") == "descending"
    assert methods(tab) == best_first
    recovery.locator("button").click()
    assert recovery.get_attribute("aria-sort") == "ascending"
    assert methods(tab) == best_first[::-1]
    header(tab, "method").locator("button").click()
    assert methods(tab) == sorted(best_first, key=str.lower)
    assert tab.locator(f"{TABLE} [aria-sort]").count() == 1
    seconds = [float(v) for v in sorted(values(tab, 10), key=float)]
    header(tab, "time").locator("button").click()
    assert [float(v) for v in values(tab, 10)] == seconds


def test_missing_values_stay_last_in_both_directions(tab):
    params = header(tab, "params").locator("button")
    for _ in range(2):
        params.click()
        shown = values(tab, 12)
        assert shown[0] == "31000"
        assert set(shown[1:]) == {""}
    tab.select_option("#scenario", "types")
    for _ in range(2):
        header(tab, "recovery").locator("button").click()
        assert methods(tab)[-1] == "broken"


def test_filtering_by_name_and_family(tab):
    everything = methods(tab)
    tab.fill("#filter", "FA")
    assert methods(tab) == ["fa"]
    assert tab.inner_text("#shown") == f"1 of {len(everything)} methods"
    tab.fill("#filter", "linear")
    assert sorted(methods(tab)) == ["fa", "pca"]
    tab.fill("#filter", "no such method")
    assert methods(tab) == []
    tab.fill("#filter", "")
    assert methods(tab) == everything


def test_scenario_switch_and_address(tab, page):
    def visible():
        return tab.eval_on_selector_all(
            ".board h2", "all => all.filter(h => h.offsetHeight).map(h => h.textContent)"
        )

    assert visible() == ["ladder v1"]
    tab.select_option("#scenario", label="types v1")
    assert visible() == ["types v1"]
    assert tab.evaluate("location.hash") == "#types-v1"
    tab.go_back()
    tab.wait_for_function("!location.hash")
    tab.goto(page.as_uri() + "#types")
    tab.wait_for_function("document.querySelector('#scenario').value === 'types'")
    assert visible() == ["types v2"]


def test_an_address_names_a_method_and_shows_who_is_tied_with_it(tab, page):
    tab.goto(page.as_uri() + "#types/pca")
    chosen = f"{TABLE} [data-chosen]"
    tab.wait_for_selector(chosen)
    assert tab.get_attribute(chosen, "data-method") == "pca"
    assert tab.inner_text(".picked:visible") == "pca can’t be told apart from fa."
    assert tab.get_attribute(f"{TABLE} [data-shares]", "data-method") == "fa"
    assert tab.locator(chosen).evaluate("line => line.getBoundingClientRect().bottom < innerHeight")
    tab.focus(f"{TABLE} tr[data-method=avae] a")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(f"{chosen}[data-method=avae]")
    assert tab.inner_text(".picked:visible") == "No other method is tied with avae."
    assert tab.url.endswith("#types/avae")
    tab.goto(page.as_uri() + "#types/%E0%A4%A")  # no address of anything
    tab.wait_for_selector(chosen, state="detached")


@pytest.mark.parametrize("width", WIDTHS)
def test_definitions_show_on_hover_and_on_focus(tab, width):
    tab.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width])))
    recovery = header(tab, "recovery").locator("button")
    assert tab.locator("#tip").is_hidden()
    recovery.focus()
    assert "what random latents reach" in tab.inner_text("#tip")
    assert recovery.get_attribute("aria-describedby") == "tip"
    tab.keyboard.press("Escape")
    assert tab.locator("#tip").is_hidden()
    header(tab, "method").locator("button").hover()
    assert tab.locator("#tip").is_visible()
    box = tab.locator("#tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= WIDTHS[width][0]


def definition(tab):
    assert tab.get_attribute(":focus", "aria-describedby") == "tip"
    return tab.inner_text("#tip:visible")


def test_the_keyboard_reaches_a_definition_of_every_heading(tab):
    tab.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    tables = tab.locator(".board:visible table:visible")
    assert tables.count() > 5
    for table in tables.all():
        for control in table.locator("th :is(button, a)").all():
            control.focus()
            assert definition(tab)
        plain = table.locator("th:not(:has(button, a))").all()
        assert table.locator("th[tabindex='0']").count() == 1
        table.locator("th[tabindex='0']").focus()
        for heading in plain:
            assert heading.evaluate("heading => heading === document.activeElement")
            assert "undefined" not in definition(tab)
            tab.keyboard.press("ArrowRight")


def test_focus_on_a_method_says_what_it_is_and_who_is_tied_with_it(tab):
    tab.select_option("#scenario", "types")
    tab.focus(f"{TABLE} tr[data-method=pca] a")
    tied = "can’t be told apart from fa"
    assert tab.inner_text("#tip") == f"pca: {find_entry('pca').summary}; {tied}"
    tab.keyboard.press("Escape")
    tab.hover(f"{TABLE} tr[data-method=pca] .ties")
    assert tab.inner_text("#tip") == tied
    tab.hover("h1")
    assert tab.locator("#tip").is_hidden()


def test_arrow_keys_pass_over_what_the_filter_hides(tab):
    tab.fill("#filter", "fa")
    tab.focus(".further:visible th[tabindex='0']")
    for _ in tab.locator(".further:visible thead th").all():
        tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#tip").startswith("fa: ")


def test_a_board_is_saved_as_csv(tab, tmp_path):
    with tab.expect_download() as download:
        tab.click(".board:not([hidden]) .view:not([hidden]) a[download]")
    assert download.value.suggested_filename == "ladder-linear.csv"
    download.value.save_as(tmp_path / "board.csv")
    assert (tmp_path / "board.csv").read_text().startswith("method,")


def test_probe_switch(tab):
    linear = values(tab, 2)
    tab.check("input[value=nonlinear]")
    assert tab.locator(".view:visible").get_attribute("data-probe") == "nonlinear"
    assert sorted(values(tab, 2)) != sorted(linear)


def test_dark_by_preference_and_by_toggle(tab):
    def paper():
        return tab.evaluate("getComputedStyle(document.body).backgroundColor")

    tab.emulate_media(color_scheme="light")
    light = paper()
    tab.emulate_media(color_scheme="dark")
    dark = paper()
    assert light != dark
    tab.click("#theme")
    assert (tab.inner_text("#theme"), paper()) == ("Theme: light", light)
    tab.click("#theme")
    tab.emulate_media(color_scheme="light")
    assert (tab.inner_text("#theme"), paper()) == ("Theme: dark", dark)
    tab.reload()
    assert paper() == dark
    tab.click("#theme")
    assert (tab.inner_text("#theme"), paper()) == ("Theme: auto", light)


CONTRASTS = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const below = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const texts = [...document.querySelectorAll("main *, header *, footer *")].filter((element) =>
    element.getClientRects().length &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((element) => {
    const style = getComputedStyle(element);
    const [one, two] = [light(parse(style.color)), light(below(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    return [ratio, `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(tab, scheme):
    tab.emulate_media(color_scheme=scheme)
    found = tab.evaluate(CONTRASTS)
    assert len(found) > 200
    assert [what for ratio, what in found if ratio < 4.5] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(tab, width):
    tab.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width])))
    for board in ("ladder", "types"):
        tab.select_option("#scenario", board)
        assert tab.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]
    assert tab.locator(TABLE).is_visible()
    assert tab.locator(".picture img").count() == 1
    loaded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    assert tab.eval_on_selector_all(".picture img", loaded)


def test_keyboard_alone_reaches_and_works_everything(tab):
    reached = []
    for _ in range(14):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate(
                "[document.activeElement.id || document.activeElement.value || "
                "document.activeElement.textContent.trim() || document.activeElement.className, "
                "getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
    names = [name for name, _ in reached]
    assert names[:5] == ["To the results", "theme", "scenario", "linear", "filter"]
    assert "recovery" in names
    assert {outline for _, outline in reached} == {"solid"}
    header(tab, "method").locator("button").focus()
    tab.keyboard.press("Enter")
    assert methods(tab) == sorted(methods(tab), key=str.lower)
    tab.keyboard.press("Space")
    assert header(tab, "method").get_attribute("aria-sort") == "descending"
    tab.focus("#scenario")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector("#types", state="visible")
    tab.focus("input[value=linear]")
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#types .view:visible").get_attribute("data-probe") == "nonlinear"


def test_names_show_as_they_are(tab):
    shown = tab.locator(f"{TABLE} .ranked th").all_inner_texts()
    for name in (SCRIPT, IMAGE):
        assert any(name in text for text in shown)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_figures_are_drawn_on_white_and_large_enough_to_read(tab, width, scheme):
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width])))
    figures = tab.locator(".figure:visible img")
    assert figures.count() == 2
    for figure in figures.all():
        assert figure.evaluate("image => image.complete && image.naturalWidth > 0")
        assert figure.evaluate("image => image.clientWidth / image.naturalWidth") > 0.6
        background = figure.evaluate("image => getComputedStyle(image).backgroundColor")
        assert background == "rgb(255, 255, 255)"


def test_download_is_the_rows(tab, results, tmp_path):
    with tab.expect_download() as download:
        tab.click("#download")
    assert download.value.suggested_filename == "rows.jsonl"
    download.value.save_as(tmp_path / "rows.jsonl")
    stored = "".join(map(read_text, row_files(results)))
    assert (tmp_path / "rows.jsonl").read_text() == stored


def test_without_script_everything_is_shown(launch, page):
    context = launch(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert tab.locator(".board:visible").count() == 3
    assert not tab.locator("#controls").is_visible()
    context.close()
