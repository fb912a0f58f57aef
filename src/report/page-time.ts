/**
 * "Traffic through time": one slider, and everything that follows it: the map, who goes where, the charts, the beat bars. What is
 * drawn here shows the whole run; `page-script.ts` redraws it for a moment.
 */
import { countText, momentText, percentText, spanText } from '../core/figures.ts';
import type { Beat, RunReport } from '../core/report.ts';
import { type Chart, ChartPress, type ChartSpec, type Line, NARROW, WIDE } from './charts.ts';
import { headline } from './facts.ts';
import { FLOW_MAX, drawMap } from './map.ts';
import { type Markup, html, inlineJson, trusted } from './markup.ts';
import type { Steps } from './steps.ts';

/** Rows of beat bars; a configuration of a hundred pools would bury the ones that changed. */
const MAX_BEAT_ROWS = 40;
/** A segment of a stacked bar narrower than this has no room for its name. */
const NAME_FITS_PERCENT = 14;

export async function timeSection(report: RunReport, steps: Steps): Promise<Markup> {
  if (report.totals.requests === 0)
    return html`<section id="time"><h2>Traffic through time</h2><p class="sub">There were no requests.</p></section>`;
  const press = await ChartPress.load();
  const charts = chartSpecs(report, steps).map((spec) => press.draw(spec, steps));
  return html`<section id="time" aria-labelledby="time-h">
<h2 id="time-h">Traffic through time</h2>
<p class="sub">Drag the time, or click on a chart: map, shares and markers follow. Arrow keys move by one step of ${spanText(steps.stepUs)}.</p>
${scrubber(report, steps)}
<div class="card split">
<div><h3>Where requests came from, and where they went</h3>${await drawMap(report, steps)}${mapKey(steps)}</div>
<div><h3>Who goes where</h3>${goesWhere(report, steps)}</div>
</div>
<div class="card">${charts.map(figure)}</div>
${beatCard(report)}
<script type="application/json" id="steps">${inlineJson(dataOf(report, steps))}</script>
</section>`;
}

function scrubber(report: RunReport, steps: Steps): Markup {
  const total = (report.endUs - report.startUs) / 1e6;
  const first = steps.marks[0] === undefined ? 0 : stepAt(steps, steps.marks[0].entry.atUs, report);
  return html`<div class="scrub needs-script" role="group" aria-label="Time of the run">
<div class="row"><output id="clock" for="at">Whole run</output><span class="now-text" id="now">${headline(report)}</span><button type="button" id="play" aria-pressed="false">Play</button><button type="button" id="whole" aria-pressed="true">Whole run</button></div>
<input type="range" id="at" min="0" max="${steps.count - 1}" value="${first}" step="1" aria-label="Moment of the run" aria-valuetext="whole run">
<div class="ticks" aria-hidden="true">${steps.marks
    .filter((mark) => mark.label !== '')
    .map((mark) => {
      const part = total <= 0 ? 0 : Math.min(1, Math.max(0, mark.atSeconds / total));
      return html`<span class="${mark.entry.tone}" style="left:calc(8px + (100% - 16px) * ${part.toFixed(4)})">${mark.label}</span>`;
    })}</div>
</div>`;
}

function mapKey(steps: Steps): Markup {
  const dot = (name: string, words: string): Markup =>
    html`<li><svg width="20" height="20" viewBox="-10 -10 20 20" aria-hidden="true"><circle class="pop ${name}" r="4.5"/></svg>${words}</li>`;
  const square = steps.pools
    .filter((pool) => pool.colour !== 'none')
    .map(
      (pool) => html`<li><span class="swatch" style="background:var(--pool-${pool.colour})"></span>${pool.name}</li>`,
    );
  return html`<ul class="key">${square}${dot('f0', 'PoP, nothing failed')}${dot('f1', 'under 1 % failed')}${dot('f2', 'under 10 %')}${dot('f3', '10 % or more')}</ul>
<p class="sr">Dots grow with the number of requests; the ring around a dot grows with the part that failed. Lines go from the busiest PoP of a region to the pools; their width is the share.</p>`;
}

function goesWhere(report: RunReport, steps: Steps): Markup {
  const whole = (report.endUs - report.startUs) / 1e6;
  const items = steps.regions.flatMap((region, r) => {
    const sent = steps.pools.map((_, p) => sum(steps.regionPool[r]?.[p] ?? []));
    const all = sum(sent);
    if (all === 0) return [];
    const shares = sent.map((n) => (100 * n) / all);
    const failed = (100 * sum(steps.regionFailed[r] ?? [])) / all;
    const words = steps.pools.flatMap((pool, p) =>
      shares[p] === 0 ? [] : [`${pool.name} ${percentText(shares[p]!)}`],
    );
    const parts = steps.pools.map((pool, p) => {
      const share = shares[p]!;
      const name = share >= NAME_FITS_PERCENT ? pool.name : '';
      return html`<span class="${share === 0 ? 'zero' : ''}" data-colour="${pool.colour}" style="flex:${share.toFixed(3)} 1 0;background-color:var(--pool-${pool.colour})">${name}</span>`;
    });
    const rate = whole <= 0 ? '' : `${countText(all / whole)}/s${failed > 0 ? `, ${percentText(failed)} failed` : ''}`;
    return [
      html`<li data-region="${r}"><div class="head"><b>${region}</b><span>${rate}</span></div><div class="stack" aria-hidden="true">${parts}</div><div class="words">${words.join(', ')}</div></li>`,
    ];
  });
  return html`<ul class="goes">${items}</ul>`;
}

function figure(chart: Chart): Markup {
  const swatches = chart.legend.map(({ name, colour, dashed }) => {
    const style = dashed ? `border-color:var(--${colour})` : `background:var(--${colour})`;
    return html`<li><span class="swatch${dashed ? ' dash' : ''}" style="${style}"></span>${name}</li>`;
  });
  return html`<figure><figcaption><h3>${chart.title}</h3><span class="sub">${chart.caption}</span></figcaption>${trusted(chart.wide)}${trusted(chart.narrow)}<ul class="key">${swatches}</ul></figure>`;
}

function chartSpecs(report: RunReport, steps: Steps): ChartSpec[] {
  const perSecond = (row: readonly number[]): number[] => row.map((n, i) => n / steps.seconds[i]!);
  const line = (name: string, colour: string, values: Line['values'], look: Partial<Line> = {}): Line => ({
    name,
    colour,
    values,
    stacked: false,
    filled: false,
    dashed: false,
    ...look,
  });
  const some = (row: readonly number[]): boolean => row.some((n) => n > 0);
  const step = `each point covers ${spanText(steps.stepUs)}`;
  const specs: ChartSpec[] = [
    {
      id: 'requests',
      title: 'Requests by pool',
      caption: `per second, stacked; ${step}. Numbers mark the events of the story.`,
      lines: steps.pools.map((pool, p) =>
        line(pool.name, `pool-${pool.colour}`, perSecond(steps.poolRequests[p]!), { stacked: true, filled: true }),
      ),
      unit: countText,
    },
  ];
  const trouble = [
    line('failed', 'bad', perSecond(steps.failed), { filled: true }),
    ...(some(steps.retried) ? [line('second attempts', 'pool-3', perSecond(steps.retried), { dashed: true })] : []),
    ...(some(steps.fallback) ? [line('served by the fallback pool', 'warn', perSecond(steps.fallback))] : []),
  ];
  if (some(steps.failed) || trouble.length > 1) {
    specs.push({ id: 'failures', title: 'Failures', caption: 'requests per second', lines: trouble, unit: countText });
  }
  if (report.totals.served > 0) {
    specs.push({
      id: 'latency',
      title: 'Latency of served requests',
      caption: 'mean, and the slowest one in a hundred (p99)',
      lines: [line('p99', 'pool-3', steps.latencyP99Us, { dashed: true }), line('mean', 'accent', steps.latencyMeanUs)],
      unit: spanText,
    });
  }
  if (some(steps.sessionsMoved) || some(steps.sessionsLost)) {
    specs.push({
      id: 'sessions-chart',
      title: 'Sessions on the move',
      caption: `number in each ${spanText(steps.stepUs)}`,
      lines: [
        line('moved', 'accent', steps.sessionsMoved, { filled: true }),
        line('of these lost', 'bad', steps.sessionsLost, { dashed: true }),
      ],
      unit: countText,
    });
  }
  if (report.railgun !== null && steps.railgunRatio.some((n) => n !== null)) {
    specs.push({
      id: 'railgun-chart',
      title: 'Railgun ratio',
      caption: 'bytes on the link as a part of page bytes; a gap means that no page crossed it',
      lines: [line('ratio', 'pool-1', steps.railgunRatio)],
      unit: percentText,
    });
  }
  return specs;
}

// Beat bars

const GOOD = ['healthy'];
const BAD = ['unhealthy', 'critical'];

function beatCard(report: RunReport): Markup {
  const rows = report.pools.flatMap((pool) =>
    pool.origins.map((origin) => ({ name: `${pool.name}/${origin.name}`, beats: origin.beats })),
  );
  const known = rows.filter((row) => row.beats.length > 0);
  if (known.length === 0) return html``;
  const changed = known.filter((row) => row.beats.length > 1);
  const shown =
    known.length <= MAX_BEAT_ROWS
      ? known
      : [...changed, ...known.filter((row) => row.beats.length <= 1)].slice(0, MAX_BEAT_ROWS);
  const left = known.length - shown.length;
  return html`<div class="card pad"><h3>Health of every origin</h3><p class="sub">as the monitors saw it; a plain bar is up, stripes are down, a faint bar is not known${left > 0 ? `. ${left} origins that never changed are left out` : ''}</p><div class="beats">${shown.map((row) => beatRow(row.name, row.beats, report))}</div></div>`;
}

function beatRow(name: string, beats: readonly Beat[], report: RunReport): Markup {
  const span = Math.max(1, report.endUs - report.startUs);
  let up = 0;
  const words: string[] = [];
  const segments = beats.map((beat, i) => {
    const from = Math.max(beat.fromUs, report.startUs);
    const to = Math.max(from, beats[i + 1]?.fromUs ?? report.endUs);
    if (GOOD.includes(beat.state) || beat.state === 'degraded') up += to - from;
    const look = GOOD.includes(beat.state)
      ? ''
      : BAD.includes(beat.state)
        ? 'down'
        : beat.state === 'degraded'
          ? 'weak'
          : 'unknown';
    const said = `${beat.state} from ${momentText(from, report)}${beat.reason === '' ? '' : ` (${beat.reason})`}`;
    words.push(said);
    return html`<i class="${look}" style="flex:${((to - from) / span).toFixed(5)} 1 0" title="${said}"></i>`;
  });
  const unwatched = beats.every((beat) => beat.state === 'unmonitored');
  const known = words.length > 12 ? [...words.slice(0, 12), `and ${words.length - 12} more changes`] : words;
  return html`<span>${name}</span><div class="lane" role="img" aria-label="${name}: ${known.join(', ')}">${segments}<span class="tick"></span></div><span class="up">${unwatched ? 'not monitored' : `${percentText((100 * up) / span)} up`}</span>`;
}

/** What the script needs; see the head of page-script.ts. */
function dataOf(report: RunReport, steps: Steps): unknown {
  return {
    clocks: steps.clocks,
    seconds: steps.seconds,
    requests: steps.requests,
    failed: steps.failed,
    p99: steps.latencyP99Us.map((us) => (us === null ? '' : spanText(us))),
    pools: steps.pools.map((pool) => pool.name),
    regions: steps.regions,
    regionPool: steps.regionPool,
    regionFailed: steps.regionFailed,
    whole: headline(report),
    frames: { wide: WIDE, narrow: NARROW },
    flowMax: FLOW_MAX,
    events: report.timeline.map((entry) => stepAt(steps, entry.atUs, report)),
  };
}

export function stepAt(steps: Steps, atUs: number, report: RunReport): number {
  return Math.min(steps.count - 1, Math.max(0, Math.floor((atUs - report.series.startUs) / steps.stepUs)));
}

function sum(row: readonly number[]): number {
  return row.reduce((total, n) => total + n, 0);
}
