# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the page looks. One palette for light and one for dark; a test keeps every pair readable (WCAG AA)."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "back": "#ffffff",
    "card": "#f6f8fa",
    "text": "#1b1f24",
    "soft": "#57606a",
    "line": "#d0d7de",
    "good": "#14692e",
    "bad": "#b42318",
    "warn": "#7a5200",
    "info": "#0b5cad",
}
DARK: Mapping[str, str] = {
    "back": "#0f1419",
    "card": "#171d24",
    "text": "#e6e9ee",
    "soft": "#9aa4b0",
    "line": "#39424d",
    "good": "#56d07a",
    "bad": "#ff8a80",
    "warn": "#e3b341",
    "info": "#79b8ff",
}

_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 .75rem}
h2{font-size:1.25rem;margin:0 0 .5rem}
h3{font-size:1.05rem;margin:1.5rem 0 .4rem}
h4,h5{font-size:1rem;margin:1rem 0 .3rem}
p{margin:.4rem 0}
code,.code{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.875em}
a{color:var(--info)}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.badge{display:inline-block;border:2px solid;border-radius:.5rem;padding:.1rem .6rem;font-weight:700}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.info{color:var(--info)}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem;margin:1rem 0}
.analysis{border-left:4px solid var(--line);padding-left:.75rem;margin-top:1rem}
dl{display:grid;grid-template-columns:minmax(5.5rem,max-content) 1fr;gap:.2rem .9rem;margin:.5rem 0}
dt{color:var(--soft)}dd{margin:0}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.4rem 0;overflow-wrap:break-word}
td code,td:last-child{overflow-wrap:anywhere}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-top:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;border-top:0}
ol,ul{margin:.4rem 0;padding-left:1.4rem}
ol.story{list-style:none;padding:0;margin:.4rem 0}
ol.story li{display:grid;grid-template-columns:4.6rem 1fr;gap:.6rem;border-top:1px solid var(--line);padding:.3rem 0}
ol.story time{color:var(--soft);font-variant-numeric:tabular-nums}
summary{cursor:pointer;color:var(--info);padding:.4rem 0}
figure{margin:.6rem 0}
.legend{font-size:.875rem;color:var(--soft)}
.legend svg,h4 svg,h5 svg,td svg{vertical-align:-2px;overflow:visible;margin-right:.25rem}
.legend>span{display:inline-block;margin-right:1rem}
svg.plot{display:block;width:100%;padding:0 .9rem 0 3.4rem;overflow:visible}
svg.plot.names{padding-left:6rem}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft)}
svg .limit{fill:var(--text);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
svg .number{fill:var(--card);font-weight:700;font-size:10px}
.grid{stroke:var(--line)}
.edge{stroke:var(--text);stroke-width:1.5;stroke-dasharray:6 3}
.set{stroke:var(--soft);stroke-width:2;stroke-dasharray:3 3}
.actual{stroke:var(--info);stroke-width:2.5;stroke-linecap:square}
.joint{stroke:var(--soft);stroke-width:1;opacity:.6}
.turn{stroke:var(--text);stroke-width:1.5}
.event{stroke:var(--soft);stroke-width:1}
.disc{fill:var(--text)}
.beyond{fill:var(--bad);opacity:.12}
.pause{fill:var(--warn);opacity:.16}
.mark{stroke-width:2;fill:none;stroke:currentColor}
.mark.full{fill:currentColor}
footer{color:var(--soft);font-size:.875rem;padding:0 0 2rem}
@media (max-width:40rem){
svg .inner{display:none}
main{padding:.6rem}
section{padding:.75rem;border-radius:.5rem}
table.cards thead{position:absolute;clip-path:inset(50%)}
table.cards tr{display:block;border-top:1px solid var(--line);padding:.4rem 0}
table.cards th,table.cards td{display:grid;grid-template-columns:6.5rem 1fr;border:0;padding:.1rem 0;
font-weight:400;overflow-wrap:anywhere}
table.cards :is(th,td)::before{content:attr(data-name);color:var(--soft)}
table.cards :is(th,td):empty{display:none}
}
@media print{section{break-inside:auto}summary{display:none}}
"""


def style_sheet() -> str:
    """The whole of it."""
    light, dark = _variables(LIGHT), _variables(DARK)
    rules = "".join(_RULES.splitlines())
    return f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}{rules}"


def _variables(palette: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{color};" for name, color in palette.items())
