# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plots, as SVG without a script.

Horizontal places are percents and vertical ones pixels, with the scales' labels in the padding. So a plot is as wide as
the screen, and its letters are as large as the others on a phone too. That rules out paths, which know no percents; all
lines are straight anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from .given import Given
from .html import NOTHING, Markup, element, joined, show_number, together
from .scales import TimeScale, ValueScale

# Pixels.
TOP, HIGH, LANE, TICKS = 22.0, 130.0, 20.0, 20.0
ROW = 24.0
# More marks than that are made smaller.
CROWDED = 60

# A place from the left in percent, and the entry of ``weights``.
Weighed = tuple[float, Given]

# What the phases of a Rollout are called on the axis, from above.
PHASES = ("Healthy", "Paused", "Progressing", "Degraded")


# -- Marks: each phase of a measurement has its own shape, so that none is told by its colour alone


def _disc(size: float) -> Markup:
    return element("circle", r=size, class_="mark full")


def _cross(size: float) -> Markup:
    return element("path", d=f"M{-size} {-size}L{size} {size}M{-size} {size}L{size} {-size}", class_="mark")


def _triangle(size: float) -> Markup:
    return element("path", d=f"M0 {-size - 1}L{size + 1} {size}L{-size - 1} {size}Z", class_="mark")


def _diamond(size: float) -> Markup:
    return element("path", d=f"M0 {-size - 1}L{size + 1} 0L0 {size + 1}L{-size - 1} 0Z", class_="mark")


def _ring(size: float) -> Markup:
    return element("circle", r=size, class_="mark")


_MARKS: Mapping[str, tuple[Callable[[float], Markup], str]] = {
    "Successful": (_disc, "good"),
    "Failed": (_cross, "bad"),
    "Inconclusive": (_triangle, "warn"),
    "Error": (_diamond, "warn"),
}


def mark(phase: str, size: float = 4.0) -> tuple[Markup, str]:
    """The shape of a measurement's phase, and the class of its colour; a ring for any other phase."""
    shape, colour = _MARKS.get(phase, (_ring, "info"))
    return shape(size), colour


def mark_in_text(phase: str) -> Markup:
    """The same for a legend."""
    shape, colour = mark(phase)
    return element("svg", element("g", shape, transform="translate(7 7)"), width=14, height=14, class_=colour)


# -- Parts


def _percent(place: float) -> str:
    return f"{place:g}%"


def _line(x: tuple[float, float], y: tuple[float, float], class_: str) -> Markup:
    return element("line", x1=_percent(x[0]), x2=_percent(x[1]), y1=y[0], y2=y[1], class_=class_)


def _words(x: str, y: float, text: str, anchor: str, class_: str | None = None, aside: float | None = None) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_, dx=aside)


def _area(x: tuple[float, float], y: tuple[float, float], class_: str, *inside: Markup) -> Markup:
    width, height = max(0.0, round(x[1] - x[0], 2)), max(0.0, round(y[1] - y[0], 2))
    return element("rect", *inside, x=_percent(x[0]), y=y[0], width=_percent(width), height=height, class_=class_)


def _time_axis(scale: TimeScale, y: float) -> Markup:
    anchors = {0.0: "start", 100.0: "end"}
    return together(
        [
            _words(
                _percent(tick.place), y, tick.text, anchors.get(tick.place, "middle"), "inner" if tick.inner else None
            )
            for tick in scale.ticks()
        ]
    )


def _value_axis(scale: ValueScale) -> Markup:
    return together(
        [
            (_line((0, 100), (y, y), "grid"), _words("-6", y + 4, show_number(value), "end"))
            for value, y in ((value, scale.place(value)) for value in scale.ticks())
        ]
    )


def _steps(points: Sequence[tuple[float, float]], end: float, class_: str) -> Markup:
    """A staircase: each value holds until the next one, and the last one until ``end``."""
    lines: list[Markup] = []
    following = [*points[1:], (end, points[-1][1])]
    for (x, y), (next_x, next_y) in zip(points, following, strict=True):
        lines.append(_line((x, next_x), (y, y), class_))
        if next_y != y:
            lines.append(_line((next_x, next_x), (y, next_y), class_))
    return together(lines)


def _numbered(actions: Iterable[Given], scale: TimeScale, bottom: float) -> Markup:
    """What was done, as numbers above the plot; the caption tells what they mean."""
    numbered = enumerate(actions, start=1)
    return together(
        [_flag(number, action, scale.place(at), bottom) for number, action in numbered if (at := action.moment("time"))]
    )


def _flag(number: int, action: Given, x: float, bottom: float) -> Markup:
    disc = element(
        "svg",
        element("title", f"{number}: {action.text('action')}, {action.text('reason')}"),
        element("circle", r=8, class_="disc"),
        _words("0", 3.5, str(number), "middle", "number"),
        x=_percent(x),
        y=9,
        overflow="visible",
    )
    return together(_line((x, x), (17, bottom), "event"), disc)


def _plot(title: str, description: str, height: float, *parts: object, class_: str = "plot") -> Markup:
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *parts,
        class_=class_,
        height=height,
        role="img",
        aria_label=f"{title}. {description}",
    )


# -- Plots


def weights_plot(service: Given, scale: TimeScale, actions: Sequence[Given]) -> Markup:
    """The canary's weight, as it was set and as it was, over the time of the release; with pauses."""
    weights = [(scale.place(at), item) for item in service.children("weights") if (at := item.moment("time"))]
    if not weights:
        return NOTHING
    bottom = TOP + HIGH
    most = max(100.0, *(item.number(key) or 0.0 for _at, item in weights for key in ("set", "actual")))
    values = ValueScale(0.0, most, TOP, bottom)
    parts = _by_revision(weights)
    ends = [*(part[0][0] for part in parts[1:]), 100.0]
    return _plot(
        f"Weight of the new version of {service.text('name')}",
        "; ".join(_weight_words(item) for _at, item in weights[-20:]),
        bottom + TICKS,
        _pauses(service, scale, bottom),
        _value_axis(values),
        _numbered(actions, scale, bottom),
        [_weight_lines(part, end, values) for part, end in zip(parts, ends, strict=True)],
        [_turn(part, values) for part in parts] if len(parts) > 1 else None,
        _time_axis(scale, bottom + TICKS - 3),
    )


def _weight_words(item: Given) -> str:
    at = item.moment("time")
    return f"{at:%H:%M:%S} revision {item.text('revision')} set {item.text('set')}, actual {item.text('actual')}"


def _by_revision(weights: Sequence[Weighed]) -> list[list[Weighed]]:
    """Apart where another revision begins: its weight does not continue that of the one before."""
    return [list(part) for _revision, part in groupby(weights, key=lambda point: point[1].text("revision"))]


def _weight_lines(part: Sequence[Weighed], end: float, values: ValueScale) -> Markup:
    return together(
        [
            _steps([(x, values.place(item.number(key) or 0.0)) for x, item in part], end, key)
            for key in ("actual", "set")
        ]
    )


def _turn(part: Sequence[Weighed], values: ValueScale) -> Markup:
    """Where a revision begins; its name is on the side that has room for it."""
    x, item = part[0]
    anchor, aside = ("end", -5) if x > 70 else ("start", 5)
    name = _words(_percent(x), values.top + 14, f"revision {item.text('revision')}", anchor, "limit", aside)
    return together(_line((x, x), (values.top, values.bottom), "turn"), name)


def _pauses(service: Given, scale: TimeScale, bottom: float) -> Markup:
    areas = []
    for pause in service.children("pauses"):
        begin, end = pause.moment("from"), pause.moment("to") or scale.end
        if begin is not None:
            words = f"Pause: {pause.text('reason')}, from {begin:%H:%M:%S} to {end:%H:%M:%S}"
            place = (scale.place(begin), scale.place(end))
            areas.append(_area(place, (TOP, bottom), "pause", element("title", words)))
    return together(areas)


def phases_plot(service: Given, scale: TimeScale, actions: Sequence[Given]) -> Markup:
    """The phase of a rollout that has no weights, as a staircase between named rows."""
    phases = [(at, item.text("phase")) for item in service.children("phases") if (at := item.moment("time"))]
    if not phases:
        return NOTHING
    others = sorted({phase for _at, phase in phases} - set(PHASES))
    rows = {phase: TOP + ROW * (index + 0.5) for index, phase in enumerate([*PHASES, *others])}
    bottom = TOP + ROW * len(rows)
    return _plot(
        f"Phase of {service.text('name')}",
        "; ".join(f"{at:%H:%M:%S} {phase}" for at, phase in phases[-20:]),
        bottom + TICKS,
        [(_line((0, 100), (y, y), "grid"), _words("-6", y + 4, phase, "end")) for phase, y in rows.items()],
        _numbered(actions, scale, bottom),
        _steps([(scale.place(at), rows[phase]) for at, phase in phases], 100.0, "actual"),
        _time_axis(scale, bottom + TICKS - 3),
        class_="plot names",
    )


def measurements_plot(metric: Given, index: int) -> Markup:
    """The measurements of one series of a metric over time, with its limits."""
    series = metric.children("series")[index]
    points = [
        (at, numbers[index] if index < len(numbers) else None, item)
        for item in metric.children("measurements")
        if (at := item.moment("time"))
        for numbers in [item.numbers("numbers")]
    ]
    scale = TimeScale.around(at for at, _number, _item in points)
    bounds = [value for limit in series.children("limits") if (value := limit.number("value")) is not None]
    known = [number for _at, number, _item in points if number is not None]
    if scale is None or not (known or bounds):
        return NOTHING
    scale = _roomy(scale)
    bottom = TOP + HIGH
    values = ValueScale.around([*known, *bounds], TOP, bottom)
    lane = LANE if len(known) < len(points) else 0.0
    size = 4.0 if len(points) <= CROWDED else 2.5
    return _plot(
        f"Metric {metric.text('name')}, {series.text('path')}",
        _described(series, known, len(points)),
        bottom + lane + TICKS,
        _value_axis(values),
        [_beyond(limit, values) for limit in series.children("limits")],
        _joints([(scale.place(at), values.place(number)) for at, number, _item in points if number is not None]),
        _words("-6", bottom + LANE - 4, "no value", "end") if lane else None,
        [_point(at, number, item, scale, values, size) for at, number, item in points],
        [_edge(limit, values, number) for number, limit in enumerate(series.children("limits"))],
        _time_axis(scale, bottom + lane + TICKS - 3),
    )


def _roomy(scale: TimeScale) -> TimeScale:
    """With room for the outermost marks."""
    room = timedelta(seconds=scale.seconds * 0.03)
    return TimeScale(_moved(scale.begin, -room), _moved(scale.end, room))


def _moved(moment: datetime, by: timedelta) -> datetime:
    """Unless that is before or after all time."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _described(series: Given, known: Sequence[float], count: int) -> str:
    limits = " and ".join(limit.text("text") for limit in series.children("limits")) or "no limit that can be drawn"
    spread = f", from {show_number(min(known))} to {show_number(max(known))}" if known else ""
    return f"{count} measurements, {len(known)} of them numbers{spread}; {limits}"


def _joints(points: Sequence[tuple[float, float]]) -> Markup:
    pairs = pairwise(points)
    return together([_line((x, next_x), (y, next_y), "joint") for (x, y), (next_x, next_y) in pairs])


def _point(
    at: datetime, number: float | None, item: Given, scale: TimeScale, values: ValueScale, size: float
) -> Markup:
    shape, colour = mark(item.text("phase"), size)
    words = f"{at:%H:%M:%S} {item.text('phase')}: {item.text('value') or item.text('message')}"
    y = values.bottom + LANE - 8 if number is None else values.place(number)
    place = _percent(scale.place(at))
    return element("svg", element("title", words), shape, x=place, y=y, overflow="visible", class_=colour)


def _beyond(limit: Given, values: ValueScale) -> Markup:
    """The side on which values are bad."""
    value, side = limit.number("value"), limit.text("bad")
    if value is None or side not in ("above", "below"):
        return NOTHING
    y = values.place(value)
    return _area((0, 100), (values.top, y) if side == "above" else (y, values.bottom), "beyond")


def _edge(limit: Given, values: ValueScale, number: int) -> Markup:
    """The limit itself; its words are on the good side, where there mostly is more room for them.

    Those of the second one are at the other end, because two limits may be close together.
    """
    value = limit.number("value")
    if value is None:
        return NOTHING
    y = values.place(value)
    x, anchor = (("100%", "end"), ("0%", "start"))[number % 2]
    above = limit.text("bad") == "below"
    inside = min(max(y - 5 if above else y + 14, values.top + 10), values.bottom - 3)
    return together(_line((0, 100), (y, y), "edge"), _words(x, inside, limit.text("text"), anchor, "limit"))


# -- Captions


def measurements_legend(metric: Given) -> Markup:
    """The shapes that are in the plot, with their numbers."""
    phases = [item.text("phase") or "Pending" for item in metric.children("measurements")]
    shown = dict.fromkeys([*(phase for phase in _MARKS if phase in phases), *phases])
    return together([element("span", mark_in_text(phase), f"{phases.count(phase)} {phase}") for phase in shown])


def actions_legend(actions: Sequence[Given]) -> Markup:
    """What the numbers above a plot mean."""
    words = [f"{number} {action.text('action')}" for number, action in enumerate(actions, start=1)]
    return joined(words, " · ")
