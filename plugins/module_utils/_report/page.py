# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page that needs nothing else: no script, no picture, no font, no server.

It reads a report with as little trust as ``report`` reads facts: reports are kept for years, and edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._model.durations import format_seconds
from .._model.errors import InvalidRequest
from . import verdict
from .given import Given
from .html import NOTHING, Child, Markup, element, joined, show_number, style_element, together
from .plots import (
    actions_legend,
    mark_in_text,
    measurements_legend,
    measurements_plot,
    phases_plot,
    weights_plot,
)
from .report import SCHEMA
from .scales import TimeScale
from .style import style_sheet

# Entries of a list that is shown without being unfolded.
SHORT = 12
# The newest of these are shown; the JSON has all of them.
MOST_EVENTS, MOST_MEASUREMENTS = 1000, 400

# A verdict in words, its sign (so that it is not told by its colour alone) and its colour.
_VERDICTS: Mapping[str, tuple[str, str, str]] = {
    verdict.RELEASED: ("Released", "✔", "good"),
    verdict.UNCHANGED: ("Nothing to do", "✔", "good"),
    verdict.PLANNED: ("Planned only", "○", "info"),
    verdict.HELD: ("Held, waits for a person", "‖", "warn"),
    verdict.ABORTED: ("Aborted, back on the old version", "✘", "bad"),
    verdict.UNDONE: ("Undone, back on the old version", "↶", "bad"),
    verdict.ROLLED_BACK: ("Rolled back, all on the old versions", "↶", "bad"),
    verdict.PARTIAL: ("Partly released", "!", "bad"),
    verdict.FAILED: ("Failed", "✘", "bad"),
    verdict.PASSED: ("Experiment passed, nothing was released", "✔", "good"),
    verdict.NOT_STARTED: ("Not started", "○", "info"),
}
_CHECKS: Mapping[str, tuple[str, str, str]] = {
    "good": ("good", "✔", "good"),
    "bad": ("bad", "✘", "bad"),
    "missing": ("no value", "?", "warn"),
    "skipped": ("not asked", "○", "info"),
}
_STRATEGIES = {"canary": "canary", "blueGreen": "blue-green"}
_READ = {
    "part": "Only a part of the conditions can be drawn as limits.",
    "none": "The conditions cannot be drawn as limits.",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

Row = Sequence[Child]


def render(report: object) -> str:
    """The page. The same report gives the same page. Raises InvalidRequest for what is no report of this schema."""
    given = Given(report)
    if given.whole("schema") != SCHEMA:
        remedy = f"give what the filter release_report returns; this version reads schema {SCHEMA}"
        raise InvalidRequest("report", given.text("schema") or None, remedy)
    services = given.children("services")
    title = _title(services)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{title}: {_words(given.text('verdict'))}"),
        style_element(style_sheet()),
    )
    body = element(
        "main",
        _header(given, title),
        _overview(given, services) if len(services) > 1 else None,
        [_service(service, number, several=len(services) > 1) for number, service in enumerate(services, start=1)],
        element("footer", "All times are in UTC."),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', body), lang='en')}\n"


def _label(service: Given) -> str:
    return "/".join(filter(None, (service.text("namespace"), service.text("name")))) or "unnamed"


def _title(services: list[Given]) -> str:
    if len(services) == 1:
        done = {action.text("action") for action in services[0].children("actions")}
        return f"{'Experiment with' if done == {verdict.EXPERIMENT} else 'Release of'} {_label(services[0])}"
    return f"Release of {len(services)} services" if services else "Release"


def _words(word: str) -> str:
    return _VERDICTS[word][0] if word in _VERDICTS else word or "Unknown"


def _badge(words: tuple[str, str, str], class_: str = "") -> Markup:
    text, sign, colour = words
    return element("span", element("span", sign, aria_hidden="true"), f" {text}", class_=f"{class_}{colour}")


def _verdict(word: str, class_: str = "badge ") -> Markup:
    return _badge(_VERDICTS.get(word, (_words(word), "?", "info")), class_)


# -- The beginning


def _header(given: Given, title: str) -> Markup:
    return element(
        "header",
        element("h1", title),
        element("p", _verdict(given.text("verdict"))),
        _paragraph(given.text("message")),
        _facts(
            [
                ("Reason", _code(given.text("reason"))),
                ("When", _span(given)),
                ("By", _who(given.child("by"))),
                ("Job", _job(given.child("by").child("job"))),
                ("With", _tools(given.child("by"))),
                ("Check mode", "yes, nothing was written" if given.flag("check_mode") else None),
            ]
        ),
    )


def _paragraph(text: str, class_: str | None = None) -> Markup:
    return element("p", text, class_=class_) if text else NOTHING


def _code(text: str) -> Markup:
    return element("code", text) if text else NOTHING


def _facts(facts: Sequence[tuple[str, Child]]) -> Markup:
    """Names and values; what is not known is not mentioned."""
    shown = [(element("dt", name), element("dd", value)) for name, value in facts if value]
    return element("dl", shown) if shown else NOTHING


def _span(given: Given) -> str:
    begin, end = given.moment("started"), given.moment("finished")
    if begin is None or end is None:
        moment = begin or end
        return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
    form = "%H:%M:%S" if begin.date() == end.date() else "%Y-%m-%d %H:%M:%S"
    seconds = format_seconds(max(0, round((end - begin).total_seconds())))
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:{form}} UTC ({seconds})"


def _who(by: Given) -> str:
    return " on ".join(filter(None, (by.text("user"), by.text("host"))))


def _job(job: Given) -> str:
    named = " ".join(filter(None, (job.text("id"), job.text("name"))))
    return ", ".join(
        filter(None, (named, job.text("workflow") and f"workflow {job.text('workflow')}", job.text("url")))
    )


def _tools(by: Given) -> str:
    named = (("playbook", "playbook "), ("ansible", "ansible-core "), ("collection", "progressive.delivery "))
    return ", ".join(words + by.text(key) for key, words in named if by.text(key))


# -- Several services


def _overview(given: Given, services: list[Given]) -> Markup:
    rows = [
        (
            f"{number}",
            element("a", _label(service), href=f"#service-{number}"),
            _verdict(service.text("verdict"), ""),
            _images(service.child("from")),
            _images(service.child("to")),
        )
        for number, service in enumerate(services, start=1)
    ]
    return element(
        "section",
        element("h2", "Services, in their order"),
        _table(("Order", "Service", "Verdict", "From", "To"), rows),
        _way_back(given.children("rollback")),
    )


def _way_back(rollback: list[Given]) -> Markup:
    if not rollback:
        return NOTHING
    items = [
        element("li", element("strong", _label(item)), f" {_by_whom(item)}", _at(item), _not_done(item))
        for item in rollback
    ]
    return together(element("h3", "The way back, in its order"), element("ol", items))


def _by_whom(item: Given) -> str:
    by = item.text("by")
    return {"controller": "aborted by the controller", "": "sent back"}.get(by, f"by {by}")


def _at(item: Given) -> str:
    moment = item.moment("time")
    return f" at {moment:%H:%M:%S}" if moment else ""


def _not_done(item: Given) -> Markup | None:
    return None if item.flag("done") else element("strong", ", which failed: " + item.text("message"), class_="bad")


def _table(names: Sequence[str], rows: Sequence[Row], *, cards: bool = True) -> Markup:
    """Without the columns that have nothing. Rows become ``cards`` on a narrow screen, unless they are short."""
    kept = [index for index in range(len(names)) if any(row[index] for row in rows)]
    head = element("tr", [element("th", names[index], scope="col") for index in kept])
    body = [element("tr", [_cell(names[index], row[index]) for index in kept]) for row in rows]
    return element("table", element("thead", head), element("tbody", body), class_="cards" if cards else None)


def _cell(name: str, value: Child) -> Markup:
    """One child at most: a card lays out name and value side by side."""
    return element("td", element("span", value) if value else None, data_name=name)


# -- One service


def _service(service: Given, number: int, *, several: bool) -> Markup:
    return element(
        "section",
        element("h2", _label(service)) if several else element("h2", "The rollout"),
        together(element("p", _verdict(service.text("verdict"))), _paragraph(service.text("message")))
        if several
        else None,
        _facts(
            [
                ("Strategy", _STRATEGIES.get(service.text("strategy"), service.text("strategy"))),
                ("From", _version(service.child("from"))),
                ("To", _version(service.child("to"))),
                ("Left at", _left(service.child("now"))),
                ("Reason", _code(service.text("reason")) if several else None),
                ("When", _span(service) if several else None),
            ]
        ),
        _course(service),
        _analyses(service.children("analyses")),
        _experiments(service.children("experiments")),
        _checks(service.children("checks")),
        _traffic(service.child("traffic")),
        _requests(service.children("requests")),
        _story(service.children("events")),
        id=f"service-{number}",
    )


def _images(version: Given) -> Markup:
    """With the containers' names where there are several."""
    images = version.children("images")
    keys = ("container", "image") if len(images) > 1 else ("image",)
    names = [": ".join(filter(None, map(item.text, keys))) for item in images]
    return joined([element("code", name) for name in names if name])


def _version(version: Given) -> Markup | None:
    known = [f"revision {version.text('revision')}"] if version.text("revision") else []
    known += [f"hash {version.text('hash')}"] if version.text("hash") else []
    images = _images(version)
    return joined([*([images] if images else []), *known]) if images or known else None


def _left(now: Given) -> str:
    step, weight = now.child("step"), now.child("weight")
    parts = [now.text("phase")]
    parts += [f"revision {now.text('revision')}"] if now.text("revision") else []
    parts += [f"step {step.text('index')} of {step.text('total')}"] if step.whole("total") and step.has("index") else []
    parts += [f"weight {weight.text('actual')}"] if weight.has("actual") else []
    message = now.text("message")
    return ", ".join(filter(None, parts)) + (f": {message}" if message and now else "")


def _course(service: Given) -> Markup:
    """Weights where there are some, otherwise phases."""
    moments = [item.moment("time") for item in service.children("events")]
    scale = TimeScale.around([service.moment("started"), service.moment("finished"), *moments])
    if scale is None:
        return NOTHING
    done = [item for item in service.children("actions") if item.flag("changed") and item.moment("time")]
    weighted = bool(service.children("weights"))
    plot = (weights_plot if weighted else phases_plot)(service, scale, done)
    if not plot:
        return NOTHING
    key = _WEIGHT_KEY if weighted else NOTHING
    steps = element("span", actions_legend(done)) if done else None
    title = "Weight of the new version" if weighted else "Phases"
    return together(element("h3", title), element("figure", plot, element("figcaption", key, steps, class_="legend")))


def _sample(class_: str) -> Markup:
    return element("svg", element("line", x1=0, x2=22, y1=7, y2=7, class_=class_), width=22, height=14)


_WEIGHT_KEY = together(
    element("span", _sample("actual"), "actual"),
    element("span", _sample("set"), "set"),
    element(
        "span", element("svg", element("rect", width=14, height=12, class_="pause"), width=14, height=12), "paused"
    ),
)


# -- Analyses


def _analyses(runs: list[Given]) -> Markup:
    return together(element("h3", "Analyses"), [_run(run) for run in runs]) if runs else NOTHING


def _run(run: Given) -> Markup:
    step = run.whole("step")
    kind = run.text("kind").replace("_", "-")
    where = kind if step is None else f"step {step}" if kind == "step" else f"{kind}, step {step}"
    silent = "Silent: no value stands behind this." if run.text("evidence") == "silent" else ""
    requests = [f"{arm} {count}" for arm, count in run.pairs("requests")]
    return element(
        "div",
        element("h4", run.text("name"), " ", _phase(run.text("phase"))),
        _paragraph(where, "soft small"),
        _paragraph(run.text("message")),
        _paragraph(silent, "warn"),
        _paragraph("Stopped before it had measured all." if run.flag("terminated") else "", "soft"),
        _paragraph("Requests counted: " + ", ".join(requests) if requests else ""),
        [_metric(metric) for metric in run.children("metrics")],
        class_="analysis",
    )


def _phase(phase: str) -> Markup:
    return element("span", mark_in_text(phase), f" {phase or 'Pending'}", class_="small")


def _metric(metric: Given) -> Markup:
    measured = metric.children("measurements")
    plots = [measurements_plot(metric, index) for index in range(len(metric.children("series")))]
    drawn = [plot for plot in plots if plot]
    return together(
        element("h5", metric.text("name"), " ", _phase(metric.text("phase")), _dry(metric)),
        _paragraph(metric.text("message")),
        _conditions(metric),
        [element("figure", plot) for plot in drawn],
        element("p", measurements_legend(metric), class_="legend") if measured else None,
        _kept(metric, len(measured)),
        _numbers(measured),
    )


def _dry(metric: Given) -> str:
    return " (dry run: it decides nothing)" if metric.flag("dry_run") else ""


def _conditions(metric: Given) -> Markup:
    named = (("success_condition", "Succeeds if "), ("failure_condition", "Fails if "))
    told = [element("p", words, _code(metric.text(key))) for key, words in named if metric.text(key)]
    unread = _READ.get(metric.text("limits_read"), "") if told else ""
    return together(told, _paragraph(unread, "soft small"))


def _kept(metric: Given, kept: int) -> Markup:
    """The controller keeps only the newest measurements, so there may have been more than anybody has seen."""
    counts = metric.child("counts")
    taken = sum(counts.whole(key) or 0 for key in ("successful", "failed", "inconclusive", "error"))
    return _paragraph(f"{kept} of {taken} measurements were kept." if taken > kept else "", "soft small")


def _numbers(measured: list[Given]) -> Markup:
    if not measured:
        return _paragraph("Nothing was measured.", "soft")
    shown = measured[-MOST_MEASUREMENTS:]
    rows = [(_clock(item), _phase(item.text("phase")), _measured(item)) for item in shown]
    table = _table(("Time", "Phase", "Value"), rows, cards=False)
    return _folded(f"{_count(len(measured), 'measurement')} as a table", table, _left_out(len(measured) - len(shown)))


def _measured(item: Given) -> Markup:
    """The value and what the controller says about it, in one column, as a phone has no room for two."""
    return joined([part for part in (_code(item.text("value")), item.text("message")) if part], " ")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _folded(summary: str, *inside: Child) -> Markup:
    return element("details", element("summary", summary), *inside)


def _left_out(count: int) -> Markup:
    return _paragraph(f"{count} older ones are left out here." if count > 0 else "", "soft small")


def _clock(item: Given) -> str:
    moment = item.moment("time")
    return f"{moment:%H:%M:%S}" if moment else ""


# -- The rest of a service


def _experiments(experiments: list[Given]) -> Markup:
    if not experiments:
        return NOTHING
    return together(element("h3", "Experiments"), [_experiment(item) for item in experiments])


def _experiment(item: Given) -> Markup:
    templates = [
        ": ".join(filter(None, (template.text("name"), template.text("status"), template.text("message"))))
        for template in item.children("templates")
    ]
    return element(
        "div",
        element("h4", item.text("name"), " ", _phase(item.text("phase"))),
        _paragraph(item.text("message")),
        element("ul", [element("li", words) for words in templates]) if templates else None,
        _comparison(item.children("comparison")),
        class_="analysis",
    )


def _comparison(metrics: list[Given]) -> Markup:
    """What the analyses measured of the same metric, below one another."""
    figures = ("count", "mean", "min", "max", "last")
    rows = [
        (
            metric.text("metric"),
            arm.text("analysis"),
            _phase(arm.text("phase")),
            *(show_number(arm.number(key)) for key in figures),
        )
        for metric in metrics
        for arm in metric.children("analyses")
    ]
    return _table(("Metric", "Analysis", "Phase", *map(str.capitalize, figures)), rows) if rows else NOTHING


def _checks(checks: list[Given]) -> Markup:
    if not checks:
        return NOTHING
    rows = [
        (
            _clock(check),
            _when(check),
            _code(check.text("name")) if check.text("query") else check.text("name"),
            _badge(_CHECKS.get(check.text("verdict"), (check.text("verdict") or "unknown", "?", "info"))),
            _value(check),
            "" if check.text("verdict") == "good" else check.text("message"),
        )
        for check in checks
    ]
    table = _table(("Time", "When", "Check", "Verdict", "Value", "Message"), rows)
    return together(element("h3", "Own checks"), table)


def _when(check: Given) -> str:
    step = check.whole("step")
    return ", ".join(filter(None, (check.text("when"), "" if step is None else f"step {step}")))


def _value(check: Given) -> str:
    limits = [f"{words} {show_number(check.number(key))}" for key, words in _LIMITS if check.has(key)]
    value = show_number(check.number("value"))
    return value + (f" ({', '.join(limits)})" if limits else "")


_LIMITS = (("min", "at least"), ("max", "at most"))


def _traffic(traffic: Given) -> Markup:
    if not traffic:
        return NOTHING
    wrong = " ".join(traffic.texts("disagreements"))
    told = _paragraph(wrong, "bad") if wrong else _paragraph(traffic.text("message"))
    rows = [
        (
            item.text("version"),
            item.text("revision"),
            _percent(item.text("weight")),
            _percent(item.text("status_weight")),
        )
        for item in traffic.children("versions")
    ]
    table = _table(("Version", "Revision", "By the router", "By the status"), rows, cards=False)
    return together(element("h3", "Where the traffic goes now"), told, table)


def _requests(requests: list[Given]) -> Markup:
    if not requests:
        return NOTHING
    rows = [[item.text("version"), *(_counted(item.number(key), unit) for key, unit in _REQUESTS)] for item in requests]
    table = _table(("Version", "Requests", "Share", "Succeeded", "Success", "p95"), rows)
    return together(element("h3", "Requests that were counted"), table)


_REQUESTS = (("requests", ""), ("share", "%"), ("succeeded", ""), ("success_rate", "%"), ("p95_ms", "ms"))


def _percent(text: str) -> str:
    return f"{text} %" if text else ""


def _counted(number: float | None, unit: str) -> str:
    """With its unit; what is told in percent is a part of one."""
    if number is None:
        return ""
    return f"{number * 100:.4g} %" if unit == "%" else f"{show_number(number)} {unit}".rstrip()


# -- The story


def _story(events: list[Given]) -> Markup:
    if not events:
        return NOTHING
    shown = events[-MOST_EVENTS:]
    before = Given({})
    items: list[Markup] = []
    for event in shown:
        items.append(_entry(event, before))
        before = event if event.text("kind") == "state" else before
    story = together(_left_out(len(events) - len(shown)), element("ol", items, class_="story"))
    heading = element("h3", "What happened")
    return together(heading, story if len(events) <= SHORT else _folded(f"{len(events)} entries", story))


def _entry(event: Given, before: Given) -> Markup:
    moment = event.moment("time")
    time = element("time", _clock(event), datetime=event.text("time")) if moment else element("span")
    return element("li", time, element("span", _happened(event, before)))


def _happened(event: Given, before: Given) -> Child:
    if event.text("kind") == "state":
        return _news(event, before)
    named = " ".join(filter(None, (event.text("name"), event.text("reason"))))
    name = element("strong", named) if event.text("kind") == "action" else named
    message = event.text("message")
    return together(name, f": {message}" if message else None)


def _news(event: Given, before: Given) -> str:
    """What differs from the state before."""
    told, known = _state(event), _state(before)
    news = [words for name, words in told.items() if words and words != known.get(name)]
    if not news and known.get("paused"):
        return "goes on"
    return "; ".join(news) or event.text("message") or event.text("phase")


def _state(event: Given) -> dict[str, str]:
    phase, message, step, weight = (
        event.text("phase"),
        event.text("message"),
        event.child("step"),
        event.child("weight"),
    )
    pods, paused = event.child("pods"), event.child("paused")
    until = paused.moment("until")
    told = {
        "phase": f"{phase}: {message}" if phase == "Degraded" and message else phase,
        "revision": f"revision {event.text('revision')}" if event.text("revision") else "",
        "step": f"step {step.text('index')} of {step.text('total')} {step.text('current')}".rstrip() if step else "",
        "weight": f"weight {weight.text('set')} (actual {weight.text('actual')})" if weight else "",
        "pods": f"pods {pods.text('updated')} of {pods.text('desired')} updated" if pods.has("desired") else "",
        "paused": f"paused: {paused.text('reason')}" + (f" until {until:%H:%M:%S}" if until else "") if paused else "",
    }
    runs = {run.text("name"): f"analysis {run.text('name')} {run.text('phase')}" for run in event.children("analysis")}
    return told | runs
