# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report: complete, harmless, readable."""

from __future__ import annotations

import re
from itertools import product
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._report.html import element, show_number
from ansible_collections.progressive.delivery.plugins.module_utils._report.page import render
from ansible_collections.progressive.delivery.plugins.module_utils._report.report import build
from ansible_collections.progressive.delivery.plugins.module_utils._report.style import DARK, LIGHT
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.report.support import JSON, NAMES, Tree, analysed, facts, measured, release, spoiled

HOSTILE = (
    "</style><script>alert(1)</script>\"'><img src=https://example.com/x onerror=alert(1)>"
    "javascript:alert(1)\x00\x1b[2J\u202egnp.exe"
)


def parsed(page: str) -> ElementTree.Element:
    """Strictly: a page of ours is well-formed XML too."""
    head, _sep, rest = page.partition("\n")
    assert head == "<!DOCTYPE html>"
    return ElementTree.fromstring(rest)


def shown(gathered: Tree) -> ElementTree.Element:
    return parsed(render(build(gathered)))


def words(tree: ElementTree.Element) -> str:
    """All that can be read or heard, the style sheet aside."""
    for head in tree.findall("head"):
        tree.remove(head)
    return " ".join(" ".join(tree.itertext()).split())


def plots(tree: ElementTree.Element) -> list[ElementTree.Element]:
    return [item for item in tree.iter("svg") if "plot" in (item.get("class") or "")]


def marks(plot: ElementTree.Element) -> list[str]:
    """The titles of the measurements in a plot."""
    return [title.text or "" for point in plot.findall("svg") for title in point.findall("title")]


# -- What it tells


def test_a_joint_rollback_can_be_read() -> None:
    told = words(shown(facts("three_services")))
    assert "Release of 3 services ↶ Rolled back, all on the old versions" in told
    assert 'metric "success-rate" Failed, measured [0.9312], [0.8874]' in told
    assert (
        "The way back, in its order shop/checkout aborted by the controller at 14:11:43 shop/cart by rollout_undo"
        in told
    )
    assert "ada on deploy-1.example.com" in told
    assert "4711 Release the shop, workflow Release with approval, https://awx.example.com/" in told
    assert "○ Not started registry.example.com/shop/mail:2.1.0" in told


def test_a_single_release_has_no_overview() -> None:
    told = words(shown(facts("canary")))
    assert told.startswith("Release of shop/cart ✔ Released Rollout shop/cart is healthy")
    assert "registry.example.com/shop/cart:1.8.2 , revision 4" in told
    assert "in their order" not in told
    assert "1843.2 (at least 500)" in told
    assert "0.0031 (at most 0.01)" in told
    assert "1.9.0 5810 39 % 5802 99.86 % 29.8 ms" in told


def test_blue_green_has_phases_instead_of_weights() -> None:
    page = shown(facts("blue_green"))
    assert plots(page)[0].findtext("title") == "Phase of front"
    assert "Strategy blue-green" in words(page)


def test_weights_pauses_and_actions_are_drawn() -> None:
    weight = plots(shown(facts("canary")))[0]
    assert weight.findtext("title") == "Weight of the new version of cart"
    assert "14:08:15 revision 5 set 60, actual 20" in (weight.findtext("desc") or "")
    assert [area.findtext("title") for area in weight.findall("rect")] == [
        "Pause: CanaryPauseStep, from 14:05:14 to 14:06:14",
        "Pause: CanaryPauseStep, from 14:08:07 to 14:08:15",
        "Pause: CanaryPauseStep, from 14:08:22 to 14:08:52",
    ]
    assert marks(weight) == ["1: rollout_set_image, observed", "2: rollout_promote, observed"]
    assert {line.get("class") for line in weight.findall("line")} == {"grid", "actual", "set", "event"}


def test_another_revision_begins_a_line_of_its_own() -> None:
    weight = plots(shown(facts("three_services")))[0]
    assert [text.text for text in weight.findall("text") if text.get("class") == "limit"] == [
        "revision 5",
        "revision 6",
    ]


@pytest.mark.parametrize(
    ("phase", "shape"), [("Successful", "circle"), ("Failed", "path"), ("Inconclusive", "path"), ("Error", "path")]
)
def test_each_phase_has_a_shape_of_its_own(phase: str, shape: str) -> None:
    page = shown(analysed(measured(*((each, "[1]") for each in ("Successful", "Failed", "Inconclusive", "Error", "")))))
    points = plots(page)[0].findall("svg")
    shapes = {(point.findtext("title") or "").split()[1]: point for point in points}
    assert shapes[f"{phase}:"].find(shape) is not None
    drawn = {ElementTree.tostring(point[1]) for point in points}
    assert len(drawn) == 5
    assert "1 Successful 1 Failed 1 Inconclusive 1 Error 1 Pending" in words(page)


@pytest.mark.parametrize(
    ("success", "failure", "text", "shaded"),
    [
        ("result[0] >= 0.95", "", "at least 0.95", 1),
        ("result[0] <= 300", "", "at most 300", 1),
        ("", "result[0] > 0.1", "fails above 0.1", 1),
        ("result[0] == 7", "", "exactly 7", 0),
    ],
)
def test_a_limit_is_drawn_with_its_words(success: str, failure: str, text: str, shaded: int) -> None:
    (plot,) = plots(
        shown(analysed(measured(("Failed", "[0.5]"), ("Failed", "[0.6]"), success=success, failure=failure)))
    )
    assert [item.text for item in plot.findall("text") if item.get("class") == "limit"] == [text]
    assert len(plot.findall("rect")) == shaded
    assert text in (plot.findtext("desc") or "")


def test_what_is_no_number_has_a_lane_of_its_own() -> None:
    (plot,) = plots(shown(analysed(measured(("Successful", "[1]"), ("Inconclusive", "[NaN]"), ("Error", "")))))
    assert len(marks(plot)) == 3
    assert "no value" in [item.text for item in plot.findall("text")]
    assert "3 measurements, 1 of them numbers, from 1 to 1; no limit that can be drawn" in (plot.findtext("desc") or "")


def test_a_condition_that_cannot_be_drawn_is_told() -> None:
    page = shown(analysed(measured(("Successful", "[1]"), success="all(result, # < {{args.most}})")))
    assert "Succeeds if all(result, # < {{args.most}}) The conditions cannot be drawn as limits." in words(page)


def test_two_hundred_measurements_are_drawn_and_tabled() -> None:
    values = [("Successful", f"[{index / 7}]") for index in range(200)]
    page = shown(analysed(measured(*values, success="result[0] < 30")))
    assert len(marks(plots(page)[0])) == 200
    assert "200 measurements as a table" in words(page)


def test_more_than_anybody_reads_is_left_out_and_said() -> None:
    metric = measured(*[("Successful", "[1]")] * 500)
    for index, item in enumerate(metric["measurements"]):
        item["started_at"] = str(index)
    assert "100 older ones are left out here." in words(shown(analysed({**metric, "successful": 600})))
    assert "500 of 600 measurements were kept." in words(shown(analysed({**metric, "successful": 600})))


@pytest.mark.parametrize("count", [0, 1, 500, 1200])
def test_any_number_of_events(count: int) -> None:
    timeline = [
        {
            "time": index,
            "phase": ("Progressing", "Paused")[index % 2],
            "message": "",
            "weight": {"set": index, "actual": 0},
        }
        for index in range(count)
    ]
    page = shown(release({"name": "shop", "results": [{"action": "rollout_wait", "result": {"timeline": timeline}}]}))
    assert len(plots(page)) == (1 if count else 0)
    assert len(page.findall(".//ol[@class='story']/li")) == min(count + 1, 1000)


def test_the_story_tells_what_is_new() -> None:
    paused = {"reason": "CanaryPauseStep", "until": "2026-01-01T12:00:09Z"}
    base = {"message": "", "step": {"index": 1, "total": 2, "current": "pause 9s"}}
    timeline = [
        {"time": 1, "phase": "Paused", **base, "paused": paused, "replicas": {"desired": 5, "updated": 1}},
        {"time": 2, "phase": "Paused", **base, "replicas": {"desired": 5, "updated": 1}},
        {"time": 3, "phase": "Paused", **base, "message": "who knows", "replicas": {"desired": 5, "updated": 1}},
        {"time": 4, "phase": "Degraded", **base, "message": "RolloutAborted: so"},
        {"time": 5, "reason": "unreachable", "message": "the connection is lost"},
    ]
    told = words(shown(release({"results": [{"result": {"timeline": timeline}}]})))
    assert "00:00:01 Paused; step 1 of 2 pause 9s; pods 1 of 5 updated; paused: CanaryPauseStep until 12:00:09" in told
    assert "00:00:02 goes on 00:00:03 who knows 00:00:04 Degraded: RolloutAborted: so" in told
    assert "00:00:05 unreachable : the connection is lost" in told.replace("unreachable:", "unreachable :")


def test_the_rest_is_told_too() -> None:
    run: Tree = {"name": "run", "kind": "background", "step": 2, "phase": "Successful", "evidence": "silent"}
    run |= {"terminated": True, "requests": {"canary": 12}, "metrics": [{"name": "m", "dry_run": True}]}
    experiment = {
        "name": "e",
        "phase": "Failed",
        "message": "no pods",
        "templates": [{"name": "new", "status": "Failed"}],
    }
    traffic = {"versions": [], "disagreements": [{"message": "the router says 20, the status says 40"}]}
    service: Tree = {
        "results": [{"result": {"rollout": {"analysis": [run], "experiment": experiment}}}],
        "checks": [{"name": "smoke", "result": {"failed": True, "msg": "page 3 is empty"}}],
        "traffic": {"traffic": traffic},
        "verdict": "failed",
    }
    told = words(shown(release(service, check_mode=True, started=0, finished=86400)))
    for text in (
        "background, step 2",
        "Silent: no value stands behind this.",
        "Stopped before it had measured all.",
        "Requests counted: canary 12",
        "dry run: it decides nothing",
        "Nothing was measured.",
        "no pods",
        "new: Failed",
        "✘ bad page 3 is empty",
        "the router says 20, the status says 40",
        "Check mode yes, nothing was written",
        "1970-01-01 00:00:00 to 1970-01-02 00:00:00 UTC (24h)",
    ):
        assert text in told


def test_an_experiment_is_called_one_and_shows_its_arms_side_by_side() -> None:
    arms = [
        {
            "analysis": "stable-errors",
            "phase": "Successful",
            "count": 3,
            "mean": 0.25,
            "min": 0,
            "max": 0.5,
            "last": 0.5,
        },
        {"analysis": "canary-errors", "phase": "Failed", "count": 0, "mean": None, "min": None, "max": None},
    ]
    experiment = {"name": "trial", "phase": "Successful", "comparison": [{"metric": "errors", "analyses": arms}]}
    result = {"reason": "successful", "msg": "it is Successful", "experiment": experiment}
    service = {"namespace": "web", "name": "shop", "results": [{"action": "experiment", "result": result}]}
    told = words(shown(release(service)))
    for text in (
        "Experiment with web/shop",
        "✔ Experiment passed, nothing was released",
        "errors stable-errors Successful 3 0.25 0 0.5 0.5",
        "errors canary-errors Failed 0",
    ):
        assert text in told


def test_a_way_back_that_failed_says_so() -> None:
    undone = {"action": "rollout_undo", "result": {"reason": "timeout", "msg": "it hangs"}}
    told = words(shown(release({"name": "a", "results": [undone]}, {"name": "b"})))
    assert "a by rollout_undo , which failed: it hangs" in told
    told = words(shown(release({"name": "a", "verdict": "released"}, {"name": "b"})))
    assert "The way back" not in told
    told = words(shown(release({"name": "a", "verdict": "aborted"}, {"name": "b"})))
    assert "The way back, in its order a sent back" in told


# -- That it is harmless


def poisoned(tree: Any) -> Any:
    """The same with every text hostile, except those that decide what is shown at all."""
    if isinstance(tree, dict):
        kept = (
            "phase",
            "time",
            "at",
            "started",
            "finished",
            "started_at",
            "finished_at",
            "verdict",
            "stable_hash",
            "value",
        )
        return {key: value if key in kept else poisoned(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [poisoned(item) for item in tree]
    return HOSTILE if isinstance(tree, str) else tree


@pytest.mark.parametrize("name", NAMES)
def test_hostile_texts_stay_texts(name: str) -> None:
    page = render(build(poisoned(facts(name))))
    tree = parsed(page)
    harmless(tree)
    assert not re.search("[\x00\x1b\u202e]", page)
    assert "</style><script>" in "".join(tree.itertext())


def harmless(tree: ElementTree.Element) -> None:
    """Nothing that runs, nothing that is loaded."""
    allowed = {"class", "lang", "charset", "name", "content", "http-equiv", "id", "href", "scope", "datetime"}
    allowed |= {"x", "y", "x1", "x2", "y1", "y2", "r", "d", "dx", "width", "height", "text-anchor", "overflow"}
    allowed |= {"data-name", "transform"}
    allowed |= {"role", "aria-label", "aria-hidden"}
    for item in tree.iter():
        assert item.tag not in ("script", "img", "link", "iframe", "object", "embed", "image", "use", "form", "base")
        assert set(item.attrib) <= allowed
        assert item.get("href", "#").startswith("#")
    (style,) = tree.iter("style")
    assert not re.search(r"url\(|@import", style.text or "")


@settings(max_examples=40)
@given(st.data())
def test_whatever_was_gathered_the_page_is_harmless(data: st.DataObject) -> None:
    harmless(parsed(render(build(data.draw(spoiled(facts(data.draw(st.sampled_from(NAMES)))))))))


@settings(max_examples=40)
@given(st.data())
def test_a_report_that_was_spoiled_has_a_harmless_page(data: st.DataObject) -> None:
    made = build(facts(data.draw(st.sampled_from(NAMES))))
    harmless(parsed(render({**made, "services": data.draw(spoiled(made["services"]))})))


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_a_report_of_anything_has_a_page(rubbish: Tree) -> None:
    harmless(parsed(render({**rubbish, "schema": 1})))


def test_a_report_that_somebody_has_shortened_has_a_page() -> None:
    at = {"time": "2026-01-01T12:00:00Z"}
    ages = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    series = {"path": "result", "limits": [{"text": "at most a bit", "bad": "above"}, {"value": 3, "text": "3"}]}
    metric = {"series": [series], "measurements": [{"time": age, "numbers": [1, 2]} for age in ages]}
    empty = {"series": [{}], "measurements": [{"time": "never", "numbers": [1]}]}
    service = {
        "events": [at],
        "weights": [{**at, "set": 20}],
        "pauses": [{"reason": "nobody knows when"}],
        "actions": [{"changed": True}],
        "analyses": [{"name": "run", "metrics": [metric, empty]}],
        "traffic": {"versions": [{"version": "canary"}]},
        "requests": [{"version": "2"}],
    }
    end = {"finished": "2026-01-01T12:00:00Z"}
    shortened = {"schema": 1, "services": [service, {**end, "weights": [{}]}, end], "rollback": [{}]}
    page = parsed(render(shortened))
    harmless(page)
    assert [plot.findtext("title") for plot in plots(page)] == ["Weight of the new version of ", "Metric , result"]


@pytest.mark.parametrize("report", [None, {}, {"schema": 2}, [], "text"])
def test_what_is_no_report_is_refused(report: object) -> None:
    with pytest.raises(InvalidRequest, match=r"report.*release_report"):
        render(report)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_report_has_the_same_page(name: str) -> None:
    assert render(build(facts(name))) == render(build(facts(name)))


# -- That it is readable


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("palette", "text", "back"),
    list(product([LIGHT, DARK], ["text", "soft", "good", "bad", "warn", "info"], ["back", "card"])),
)
def test_every_colour_of_a_text_can_be_read(palette: dict[str, str], text: str, back: str) -> None:
    lights = sorted((luminance(palette[text]), luminance(palette[back])))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def test_every_plot_says_in_words_what_it_shows() -> None:
    for name in NAMES:
        for plot in plots(shown(facts(name))):
            assert plot.get("role") == "img"
            assert plot.findtext("title")
            assert plot.findtext("desc")


# -- Elements


def test_only_elements_are_markup() -> None:
    assert element("b", "<i>", element("i", "&"), None, [1.5, "x"], class_='a"b', data_name=None) == (
        '<b class="a&quot;b">&lt;i&gt;<i>&amp;</i>1.5x</b>'
    )
    assert element("br") == "<br/>"


def test_long_texts_are_cut_and_odd_characters_replaced() -> None:
    assert len(element("b", "x" * 5000)) == 2000 + len("<b></b>")
    assert element("b", "a\tb\u00a0c\ud800d\u200be\nf") == "<b>a b c\ufffdd\ufffde\nf</b>"


def test_numbers_are_short() -> None:
    assert [show_number(value) for value in (1843200.0, 0.1 + 0.2, 1e300, 2**60, None)] == [
        "1843200",
        "0.3",
        "1e+300",
        "1.15292e+18",
        "",
    ]
