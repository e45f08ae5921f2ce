"""The Flow page: one workflow as a graph, as a list and as YAML; by hand, by keyboard, and as it runs."""

import re

import pytest
from playwright.sync_api import expect

from marketplace.client.workflows import load_workflow
from tests.fakes.world import RENTER
from tests.unit.market.test_workflows import clear, end, ids, job, place
from tests.web.conftest import SHOTS, WIDTHS
from tests.web.test_frame import AXE

HOSTILE = "<img src=x onerror=alert(1)>"


def begin(open_page, template: str = "Map and reduce", **options):
    page = open_page("/flow", **options)
    page.get_by_role("button", name=f"Begin with: {template}").click()
    expect(page.get_by_role("textbox", name="The workflow as YAML")).to_be_visible()
    return page


def yaml_of(page):
    return page.get_by_role("textbox", name="The workflow as YAML")


def node(page, name: str):
    return page.locator(".react-flow__node").filter(has=page.get_by_text(name, exact=True))


def edges(page):
    return page.locator(".react-flow__edge")


def test_a_template_is_one_workflow_in_three_views_and_a_file_that_the_command_line_takes(open_page, tmp_path):
    page = begin(open_page)
    expect(page.locator(".react-flow__node")).to_have_count(4)
    expect(edges(page)).to_have_count(4)
    expect(page.get_by_text("Nothing is wrong with it.")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download words.yaml").click()
    downloading.value.save_as(tmp_path / "words.yaml")
    workflow = load_workflow(tmp_path / "words.yaml")
    assert [one.name for one in workflow.order()] == ["split", "count-a", "count-b", "join"]
    assert workflow.total_cap == 400_000
    page.get_by_label("Open a file").set_input_files(tmp_path / "words.yaml")
    assert page.evaluate("document.querySelector('.lined textarea').value") == (tmp_path / "words.yaml").read_text()


def test_a_workflow_is_written_by_keyboard_alone(open_page):
    page = begin(open_page, "Empty")
    keys = page.keyboard
    page.get_by_role("button", name="Add a job").focus()
    keys.press("Enter")
    expect(page.get_by_label("Name").nth(1)).to_be_focused()
    keys.press("Control+A")
    keys.type("make")
    keys.press("Enter")
    page.get_by_role("button", name="Add a job").focus()
    keys.press("Enter")
    expect(page.get_by_role("button", name="Take a file of a job")).to_be_enabled()
    page.get_by_role("button", name="Take a file of a job").focus()
    keys.press("Enter")
    expect(page.get_by_label("Takes of")).to_be_focused()
    keys.press("Tab")
    keys.press("End")
    keys.type("made.txt")
    keys.press("Tab")
    keys.type("in.txt")
    expect(yaml_of(page)).to_have_value(re.compile(r"- \{job: make, output: out/made.txt, path: in.txt\}"))
    expect(edges(page)).to_have_count(1)
    page.get_by_role("button", name="Move job up").focus()
    keys.press("Enter")
    expect(page.locator(".jobs .job-line .link").first).to_have_text("job")
    expect(page.locator(".jobs .job-line .link").first).to_be_focused()
    page.get_by_role("button", name="Remove make").focus()
    keys.press("Enter")
    expect(page.locator(".jobs .job-line .link")).to_have_text(["job"])
    expect(yaml_of(page)).not_to_have_value(re.compile("takes"))
    keys.press("Control+Z")
    expect(yaml_of(page)).to_have_value(re.compile("- {job: make"))
    keys.press("Control+Shift+Z")
    expect(yaml_of(page)).not_to_have_value(re.compile("takes"))


def test_what_is_wrong_is_told_at_the_job_and_at_the_line_and_leads_there(open_page):
    page = begin(open_page)
    text = yaml_of(page).input_value()
    circle = text.replace("    inputs: [book.txt]\n", "    after: [join]\n    vcpus: two\n")
    yaml_of(page).fill(circle)
    expect(page.get_by_text("2 to put right:")).to_be_visible()
    errors = page.locator("#yaml-errors")
    expect(errors).to_contain_text("Line 6 split, after 1: These need each other in a circle: split → join → count-a")
    expect(errors).to_contain_text("Line 7 split, vcpus: Expected a whole number from 1 to 65,535.")
    expect(node(page, "split")).to_contain_text("not right yet")
    page.get_by_role("button", name="split, vcpus", exact=True).click()
    expect(page.get_by_label("vCPUs")).to_be_focused()
    page.get_by_label("vCPUs").fill("2")
    page.get_by_role("button", name="Wait for join no more").click()
    expect(page.get_by_text("Nothing is wrong with it.")).to_be_visible()
    yaml_of(page).fill("jobs:\n  - name: [a\n")
    expect(errors).to_contain_text("Line 3 This is not YAML")
    expect(page.locator(".react-flow__node")).to_have_count(4)
    page.get_by_label("Cap on all jobs").fill("1")
    expect(yaml_of(page)).to_have_value("jobs:\n  - name: [a\n")
    page.get_by_role("button", name="Go back to that").click()
    expect(yaml_of(page)).to_have_value(re.compile("count-b"))


def test_jobs_are_connected_and_parted_in_the_graph(open_page):
    page = begin(open_page, "A chain")
    expect(edges(page)).to_have_count(2)
    page.locator(".graph").scroll_into_view_if_needed()
    node(page, "clean").locator(".source").drag_to(node(page, "report").locator(".target"))
    expect(edges(page)).to_have_count(3)
    expect(yaml_of(page)).to_have_value(re.compile(r"after: \[clean\]"))
    edges(page).and_(page.get_by_label("report needs analyse")).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Delete")
    expect(edges(page)).to_have_count(2)
    expect(yaml_of(page)).not_to_have_value(re.compile("job: analyse"))
    page.get_by_role("button", name="Undo").click()
    expect(edges(page)).to_have_count(3)
    node(page, "clean").click()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(3)
    node(page, "clean").click()
    page.keyboard.press("Delete")
    expect(page.locator(".react-flow__node")).to_have_count(2)


def test_a_draft_is_there_at_the_next_visit_and_what_stands_in_it_is_text(open_page):
    page = begin(open_page, "A chain")
    page.get_by_label("Name", exact=True).first.fill(HOSTILE)
    yaml_of(page).fill(yaml_of(page).input_value().replace("program: clean.py", f'program: "{HOSTILE}.py"'))
    page.reload()
    expect(node(page, "clean")).to_contain_text(HOSTILE)
    page.get_by_role("link", name="All workflows").click()
    page.get_by_role("link", name=HOSTILE).click()
    expect(yaml_of(page)).to_have_value(re.compile(re.escape(HOSTILE)))
    page.get_by_role("link", name="All workflows").click()
    page.get_by_role("button", name="Remove the draft").click()
    expect(page.get_by_role("heading", name="Drafts in this browser")).to_have_count(0)


@pytest.fixture
def placed(world) -> str:
    world.offer()
    return place(world, job("split"), job("count-a", "split", retries=1), job("count-b", "split"))


def test_a_placed_workflow_is_listed_and_drawn_as_it_stands(open_page, world, placed):
    page = open_page("/flow")
    expect(page.get_by_text("Connect a wallet, or watch an account, to see its workflows.")).to_be_visible()
    page.get_by_role("button", name="Connect a wallet").click()
    page.get_by_label("Watch an account").fill(RENTER.address)
    page.get_by_role("button", name="Watch", exact=True).click()
    page.get_by_role("region", name="Your workflows").get_by_role("link").click()
    expect(node(page, "split")).to_contain_text("queued")
    clear(world)
    expect(node(page, "split")).to_contain_text("running")
    end(world, ids(world, placed)["split"][0])
    expect(node(page, "split")).to_contain_text("paid")
    expect(page.get_by_role("region", name="Jobs and their attempts")).to_contain_text("count-a, retry 1")
    expect(page.get_by_text("hive workflow cancel 0x")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_each_view_is_accessible_fits_and_is_kept_as_a_picture(open_page, world, placed, width, theme):
    clear(world)
    page = begin(open_page, viewport=WIDTHS[width], color_scheme=theme)
    text = yaml_of(page).input_value()
    yaml_of(page).fill(text.replace("retries: 1", "retries: many", 1).replace("job: split", "job: spilt", 1))
    page.get_by_role("button", name="count-a", exact=True).click()
    look(page, f"flow-wrong-{width}-{theme}")
    page.goto(page.url.split("#")[0] + "#/flow")
    expect(page.get_by_role("heading", name="Drafts in this browser")).to_be_visible()
    look(page, f"flow-{width}-{theme}")
    page.goto(page.url.split("#")[0] + f"#/flow/{placed}")
    expect(node(page, "split")).to_contain_text("running")
    look(page, f"flow-placed-{width}-{theme}")


def look(page, name: str) -> None:
    """Each theme and each width is examined once, which is enough for what depends on them."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(100)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if not name.endswith(("wide-light", "narrow-dark")):
        return
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
