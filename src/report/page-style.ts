/**
 * The style sheet of `report.html`. Light and dark are two sets of the same variables; the charts and the map are painted with
 * them too. Pool colours keep 4.5:1 against the text on them, and stay apart for the common colour blindnesses; nothing is told by
 * colour alone.
 */

const LIGHT = `
  color-scheme: light;
  --paper: #f6f7f9; --card: #ffffff; --ink: #18212d; --muted: #566275; --line: #dfe4ea; --grid: #e4e8ee; --soft: #eef1f5;
  --accent: #2459a8; --good: #0b7550; --good-soft: #e3f3ec; --bad: #b4360f; --bad-soft: #fdebe4; --warn: #845c00; --warn-soft: #fdf3dc;
  --on-pool: #ffffff; --land: #e3e8ee; --border: #f6f7f9;
  --pool-0: #2f6bb3; --pool-1: #1a7c76; --pool-2: #926100; --pool-3: #8a4f9e; --pool-4: #53637a; --pool-5: #ad386c; --pool-6: #5d7118;
  --pool-others: #6a7380; --pool-none: #343b45;
  --shadow: 0 1px 2px rgb(24 33 45 / .06), 0 4px 16px rgb(24 33 45 / .04);`;

const DARK = `
  color-scheme: dark;
  --paper: #10151c; --card: #181f29; --ink: #e8edf4; --muted: #9eabbc; --line: #2b3544; --grid: #2a3340; --soft: #202936;
  --accent: #8ab8f5; --good: #58cfa2; --good-soft: #15342b; --bad: #ff9670; --bad-soft: #41231a; --warn: #e6b955; --warn-soft: #3a2f16;
  --on-pool: #0d1219; --land: #2a3442; --border: #181f29;
  --pool-0: #7fb0ea; --pool-1: #5cc6bb; --pool-2: #e0ae48; --pool-3: #c99fe2; --pool-4: #aab9cc; --pool-5: #ef94bc; --pool-6: #b7cd60;
  --pool-others: #98a3b1; --pool-none: #d9dee5;
  --shadow: 0 1px 2px rgb(0 0 0 / .3);`;

export const STYLE = `
:root {${LIGHT}
}
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) {${DARK}
} }
:root[data-theme="dark"] {${DARK}
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
.page { max-width: 1160px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px) 72px; }
h1 { font-size: clamp(1.65rem, 1.1rem + 2.2vw, 2.5rem); line-height: 1.15; letter-spacing: -.022em; margin: 0; font-weight: 680; text-wrap: balance; }
h2 { font-size: 1.3rem; letter-spacing: -.012em; margin: 0 0 2px; font-weight: 650; }
h3 { font-size: 1rem; margin: 0; font-weight: 620; }
p { margin: 0; }
a { color: var(--accent); }
code, .mono { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.sub { color: var(--muted); max-width: 72ch; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 8px; top: -60px; background: var(--card); padding: 8px 14px; border-radius: 8px; z-index: 9; }
.skip:focus { top: 8px; }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 4px 12px; min-height: 32px; cursor: pointer; }
button:hover { border-color: var(--muted); }
button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--on-pool); }

.bar { display: flex; align-items: center; gap: 16px; padding: 14px 0; color: var(--muted); font-size: .87rem; }
.brand { font-weight: 650; color: var(--ink); letter-spacing: -.01em; }
.brand svg { vertical-align: -4px; margin-right: 7px; }
.bar nav { display: flex; gap: 4px 16px; flex-wrap: wrap; margin-left: auto; }
.bar nav a { color: inherit; text-decoration: none; padding: 3px 0; }
.bar nav a:hover { color: var(--ink); text-decoration: underline; }

.hero { padding: 26px 0 8px; display: grid; gap: 12px; }
.verdict { display: inline-flex; align-items: center; gap: 10px; justify-self: start; padding: 5px 14px 5px 10px; border-radius: 999px; font-weight: 620; }
.verdict.failed { background: var(--bad-soft); color: var(--bad); }
.verdict.passed { background: var(--good-soft); color: var(--good); }
.verdict.none { background: var(--soft); color: var(--muted); }
.sign { display: inline-grid; place-items: center; flex: none; width: 22px; height: 22px; border-radius: 50%; font-size: 13px; font-weight: 700; line-height: 1; color: var(--card); }
.sign.good { background: var(--good); } .sign.bad { background: var(--bad); } .sign.neutral { background: var(--muted); }
.facts { color: var(--muted); font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(146px, 1fr)); gap: 1px; margin: 14px 0 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; box-shadow: var(--shadow); }
.tiles > div { padding: 14px 16px 13px; box-shadow: 0 0 0 1px var(--line); }
.tiles dt { color: var(--muted); font-size: .82rem; }
.tiles dd { margin: 0; font-size: 1.38rem; line-height: 1.3; font-weight: 640; letter-spacing: -.02em; white-space: nowrap; }
.tiles dd small { display: block; font-size: .78rem; font-weight: 450; letter-spacing: 0; color: var(--muted); white-space: normal; }
.tiles .bad dd { color: var(--bad); }

section { margin-top: 46px; scroll-margin-top: 16px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow); margin-top: 14px; }
.pad { padding: 18px 20px; }

.checks { list-style: none; margin: 14px 0 0; padding: 0; }
.checks li { display: grid; grid-template-columns: 22px minmax(0, 1fr) 250px; gap: 4px 14px; padding: 13px 20px; border-top: 1px solid var(--line); align-items: center; }
.checks li:first-child { border-top: 0; }
.checks .what { font-weight: 600; }
.checks .what .mono { font-size: .92rem; }
.checks .text { grid-column: 2; color: var(--muted); font-size: .9rem; }
.checks .figures { grid-column: 3; grid-row: 1 / span 2; }
.figures .pair { display: flex; justify-content: space-between; gap: 10px; font-size: .86rem; }
.figures .pair b { font-weight: 640; } .figures .pair span { color: var(--muted); }
li.fail .figures b { color: var(--bad); }
.gauge { position: relative; height: 8px; border-radius: 4px; background: var(--soft); margin-top: 5px; }
.gauge i { position: absolute; inset: 0 auto 0 0; border-radius: 4px; background: var(--good); }
.fail .gauge i, .gauge i.over { background: repeating-linear-gradient(135deg, var(--bad) 0 5px, color-mix(in srgb, var(--bad) 72%, var(--card)) 5px 8px); }
.gauge b { position: absolute; top: -4px; bottom: -4px; width: 2px; background: var(--ink); }
.where { font-weight: 400; color: var(--muted); font-size: .8rem; white-space: nowrap; }

.story { --clock: 76px; list-style: none; margin: 14px 0 0; padding: 8px 20px; }
.story.dated { --clock: 164px; }
.story li { display: grid; grid-template-columns: var(--clock) 24px minmax(0, 1fr); gap: 0 14px; padding: 7px 0; position: relative; }
.story li:not(:last-child)::before { content: ""; position: absolute; left: calc(var(--clock) + 25px); top: 30px; bottom: -8px; width: 2px; background: var(--line); }
.story time, .story button.time { color: var(--muted); font-size: .9rem; padding: 0; border: 0; background: none; min-height: 24px; text-align: left; }
.story button.time { color: var(--accent); text-decoration: underline; text-decoration-color: transparent; text-underline-offset: 3px; }
.story button.time:hover { text-decoration-color: currentColor; }
.story .dot { display: grid; place-items: center; width: 24px; height: 24px; border-radius: 50%; font-size: 12px; font-weight: 700; background: var(--soft); color: var(--muted); z-index: 1; }
.story .bad .dot { background: var(--bad-soft); color: var(--bad); } .story .good .dot { background: var(--good-soft); color: var(--good); }
.story .now { background: var(--soft); border-radius: 8px; box-shadow: 0 0 0 6px var(--soft); }
.story .number { display: inline-grid; place-items: center; min-width: 20px; height: 20px; border-radius: 6px; border: 1px solid var(--line); font-size: .74rem; font-weight: 650; margin-right: 7px; padding: 0 4px; }

.scrub { position: sticky; top: 0; z-index: 5; margin: 14px -8px 0; padding: 10px 20px 12px; border-radius: 14px; background: color-mix(in srgb, var(--card) 94%, transparent); backdrop-filter: blur(8px); border: 1px solid var(--line); box-shadow: var(--shadow); }
.scrub .row { display: flex; align-items: center; gap: 10px 14px; flex-wrap: wrap; }
.scrub output { font-weight: 640; } .scrub .now-text { color: var(--muted); font-size: .9rem; flex: 1 1 300px; }
.scrub input { width: 100%; margin: 8px 0 0; height: 24px; accent-color: var(--accent); cursor: pointer; display: block; }
.ticks { position: relative; height: 18px; font-size: .72rem; color: var(--muted); }
.ticks span { position: absolute; translate: -50% 0; min-width: 17px; padding: 0 3px; white-space: nowrap; text-align: center; border: 1px solid var(--line); background: var(--card); border-radius: 5px; line-height: 16px; }
.ticks .bad { color: var(--bad); border-color: currentColor; } .ticks .good { color: var(--good); border-color: currentColor; }
.split { display: grid; grid-template-columns: minmax(0, 1.75fr) minmax(280px, 1fr); }
.split > * { padding: 18px 20px; min-width: 0; } .split > * + * { border-left: 1px solid var(--line); }
.map { width: 100%; height: auto; display: block; }
.land { fill: var(--land); } .border { fill: none; stroke: var(--border); stroke-width: .7; }
.flow { fill: none; stroke-opacity: .62; stroke-linecap: round; }
.pop { stroke: var(--card); stroke-width: 1; fill-opacity: .9; }
.f0 { fill: var(--accent); } .f1 { fill: var(--warn); } .f2 { fill: var(--bad); fill-opacity: .75; } .f3 { fill: var(--bad); }
.pop.f1 { stroke: var(--warn); stroke-width: 3; stroke-opacity: .35; } .pop.f2 { stroke: var(--bad); stroke-width: 5; stroke-opacity: .4; } .pop.f3 { stroke: var(--bad); stroke-width: 9; stroke-opacity: .4; }
.map text { font: 600 19px ui-sans-serif, system-ui, sans-serif; fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.map text.region { font-size: 15px; font-weight: 500; fill: var(--muted); text-anchor: middle; letter-spacing: .03em; }
.pool rect { stroke: var(--card); stroke-width: 2; }
.key { display: flex; flex-wrap: wrap; align-items: center; gap: 3px 16px; color: var(--muted); font-size: .82rem; margin: 10px 0 0; padding: 0; list-style: none; }
.key svg { vertical-align: -5px; margin-right: 5px; }
details.failed { padding: 6px 0; border-top: 1px solid var(--line); } details.failed:first-child { border-top: 0; }
details.failed summary { cursor: pointer; } details.failed summary + dl { margin: 8px 0 10px 18px; } details.failed:has(dl:target) { background: var(--soft); box-shadow: 0 0 0 8px var(--soft); border-radius: 6px; }
.told { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 4px 14px; font-size: .92rem; align-items: start; scroll-margin-top: 76px; } .told dt { color: var(--muted); } .told dd { margin: 0; overflow-wrap: anywhere; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.swatch.dash { height: 0; border-top: 3px dashed; border-radius: 0; width: 16px; vertical-align: 3px; background: none !important; }

.goes { list-style: none; margin: 12px 0 0; padding: 0; display: grid; gap: 11px; }
.goes .head { display: flex; justify-content: space-between; gap: 10px; font-size: .87rem; } .goes .head b { font-weight: 640; } .goes .head span { color: var(--muted); }
.stack { display: flex; height: 20px; border-radius: 6px; overflow: hidden; background: var(--soft); gap: 1px; }
.stack > span { overflow: hidden; white-space: nowrap; font-size: .74rem; line-height: 20px; padding: 0 0 0 6px; color: var(--on-pool); min-width: 0; transition: flex-grow .18s; }
.stack > span.zero { display: none; }
.stack > span[data-colour="none"] { background-image: repeating-linear-gradient(135deg, transparent 0 4px, rgb(127 127 127 / .5) 4px 7px); }
.goes .words { font-size: .8rem; color: var(--muted); }

figure { margin: 0; padding: 18px 20px 10px; border-top: 1px solid var(--line); } figure:first-child { border-top: 0; }
figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 12px; } figcaption .sub { font-size: .86rem; }
.chart { width: 100%; height: auto; display: block; font-family: inherit; touch-action: pan-y; cursor: crosshair; } .chart.narrow { display: none; }
.cursor { stroke: var(--ink); stroke-width: 1.5; visibility: hidden; } .timed .cursor { visibility: visible; }
.beats { display: grid; grid-template-columns: minmax(90px, max-content) minmax(0, 1fr) max-content; gap: 7px 14px; align-items: center; font-size: .88rem; margin-top: 12px; }
.beats .lane { position: relative; display: flex; height: 20px; border-radius: 5px; overflow: hidden; background: var(--soft); gap: 1px; }
.beats .lane i { display: block; height: 100%; min-width: 2px; background: var(--good); opacity: .8; }
.beats .lane .down { background: repeating-linear-gradient(135deg, var(--bad) 0 5px, color-mix(in srgb, var(--bad) 65%, var(--card)) 5px 9px); opacity: 1; }
.beats .lane .weak { background: repeating-linear-gradient(90deg, var(--warn) 0 3px, color-mix(in srgb, var(--warn) 55%, var(--card)) 3px 6px); opacity: 1; }
.beats .lane .unknown { background: repeating-linear-gradient(90deg, var(--line) 0 2px, var(--soft) 2px 5px); opacity: 1; }
.beats .tick { position: absolute; top: 0; bottom: 0; width: 2px; background: var(--ink); display: none; } .timed .beats .tick { display: block; }
.beats .up { color: var(--muted); }

.scroll { overflow-x: auto; } .scroll:focus-visible { outline-offset: -2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 560; color: var(--muted); font-size: .82rem; white-space: nowrap; }
th, td { padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: middle; } th:first-child { padding-left: 20px; } thead th { border-top: 0; padding-top: 12px; }
th .quiet { font-weight: 400; } tbody th { color: var(--ink); font-size: .9rem; font-weight: 600; vertical-align: top; }
.name { white-space: nowrap; } .num { text-align: right; white-space: nowrap; } .bad-text { color: var(--bad); font-weight: 560; } .quiet { color: var(--muted); }
.meter { display: grid; grid-template-columns: 62px minmax(60px, 1fr); gap: 10px; align-items: center; min-width: 150px; }
.meter i { display: block; height: 9px; border-radius: 3px; background: var(--soft); overflow: hidden; } .meter i b { display: block; height: 100%; border-radius: 3px; }
tr.total td, tr.total th { background: var(--soft); }
.compared tbody th { white-space: normal; } .compared .of { font-weight: 400; color: var(--muted); margin-left: 6px; } .compared td { white-space: nowrap; }

.outage { padding: 18px 20px; border-top: 1px solid var(--line); } .outage:first-child { border-top: 0; }
.outage .head { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; justify-content: space-between; }
.steps { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 8px 18px; margin: 12px 0; padding: 0; } .steps dt { color: var(--muted); font-size: .8rem; } .steps dd { margin: 0; font-size: .92rem; }
.parts { list-style: none; margin: 12px 0 0; padding: 0; display: grid; gap: 12px; }
.parts .meter { grid-template-columns: minmax(0, 1fr); } .parts .head { font-size: .92rem; } .parts .meter i b { background: var(--bad); }
.knob { color: var(--muted); font-size: .86rem; }
.ledger { padding: 18px 20px; } .ledger .stack { height: 28px; } .ledger .stack > span { line-height: 28px; font-size: .82rem; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); gap: 14px; margin-top: 14px; } .grid2 .card { margin-top: 0; }
.figures-list { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, auto); gap: 5px 16px; margin: 10px 0 0; } .figures-list dt { color: var(--muted); } .figures-list dd { margin: 0; text-align: right; overflow-wrap: anywhere; } .figures-list dt { overflow-wrap: anywhere; }
.notes { margin: 8px 0 0; padding: 0; list-style: none; } .notes li { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 10px; padding: 6px 0; border-top: 1px solid var(--line); } .notes li:first-child { border-top: 0; } .notes b { font-weight: 560; color: var(--muted); }
.sentences { margin: 8px 0 0; padding: 0; list-style: none; max-width: 92ch; } .sentences li { padding: 6px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; } .sentences li:first-child { border-top: 0; }
.repeat { display: flex; gap: 12px; align-items: center; flex-wrap: wrap; } .repeat code { flex: 1 1 300px; background: var(--soft); border-radius: 8px; padding: 9px 14px; }
footer { margin-top: 50px; color: var(--muted); font-size: .84rem; border-top: 1px solid var(--line); padding-top: 16px; }
.no-script .needs-script { display: none; }

@media (max-width: 860px) {
  .split { grid-template-columns: minmax(0, 1fr); } .split > * + * { border-left: 0; border-top: 1px solid var(--line); }
  .checks li { grid-template-columns: 22px minmax(0, 1fr); } .checks .figures { grid-column: 2; grid-row: auto; max-width: 340px; width: 100%; }
  .bar nav { display: none; } .bar .tools { margin-left: auto; }
}
@media (max-width: 620px) {
  .chart.wide { display: none; } .chart.narrow { display: block; }
  .page { padding-inline: 14px; } .pad, .checks li, .split > *, figure, .outage, .ledger { padding-left: 15px; padding-right: 15px; }
  .tiles { grid-template-columns: 1fr 1fr; } .tiles > div { padding: 12px 14px; } .tiles dd { font-size: 1.25rem; }
  .story { --clock: 66px; padding: 8px 15px; } .story.dated { --clock: 84px; } .story li { gap: 0 10px; } .story li:not(:last-child)::before { left: calc(var(--clock) + 21px); }
  .map text { font-size: 26px; stroke-width: 6px; } .map text.region { font-size: 20px; } .pool rect { transform-box: fill-box; transform-origin: center; scale: 1.5; } .map .pop { transform-box: fill-box; transform-origin: center; scale: 1.3; }
  .scrub { padding: 9px 14px; margin-inline: -4px; } .scrub output { flex: 1; } .scrub .now-text { order: 3; flex-basis: 100%; font-size: .82rem; }
  .beats { grid-template-columns: minmax(60px, max-content) minmax(0, 1fr); } .beats .up { display: none; }
  th, td { padding: 7px 10px; } th:first-child { padding-left: 15px; }
  .where { white-space: normal; overflow-wrap: anywhere; }
  .compared .of { display: block; margin: 0; font-size: .84rem; } .told { grid-template-columns: 66px minmax(0, 1fr); gap: 4px 10px; } details.failed summary + dl { margin-left: 0; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } .stack > span { transition: none; } }
@media print {
  :root, :root[data-theme="dark"] {${LIGHT} --paper: #ffffff; }
  body { font-size: 10.5pt; } .page { max-width: none; padding: 0; } .bar nav, .tools, .scrub, .skip, .copy { display: none !important; }
  section { margin-top: 24px; } .card, .tiles { box-shadow: none; } .checks li, .outage, figure, tr, .story li { break-inside: avoid; } h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
