/**
 * Line and area charts as SVG, made while the report is built: nothing of the chart library is in the page. Colours are written as
 * variables of the style sheet, so that one drawing serves light and dark.
 *
 * ECharts is loaded as its ready-made `common` bundle: one file of 0.7 MB in about 40 ms, where the tree of modules behind
 * `echarts/core` takes ten times that to load (docs/reports.md has the figures).
 */
import type { EChartsType, init } from 'echarts/core';
import { momentText } from '../core/figures.ts';
import type { Steps } from './steps.ts';

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** One line under the title: what the reader sees, and in which unit. */
  readonly caption: string;
  readonly legend: readonly { readonly name: string; readonly colour: string; readonly dashed: boolean }[];
  /** The same chart for a wide and a narrow page. */
  readonly wide: string;
  readonly narrow: string;
}

export interface Line {
  readonly name: string;
  /** Name of a variable of the style sheet: `pool-0`, `bad`. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly stacked: boolean;
  readonly filled: boolean;
  readonly dashed: boolean;
}

export interface ChartSpec {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly lines: readonly Line[];
  readonly unit: (value: number) => string;
}

/** The drawing area inside the SVG: the cursor of the scrubber is placed by these (page-script.ts). */
export const WIDE = { width: 1040, height: 230, left: 62, right: 14, top: 26, bottom: 28 } as const;
export const NARROW = { width: 420, height: 220, left: 52, right: 10, top: 26, bottom: 28 } as const;
type Frame = typeof WIDE | typeof NARROW;

export class ChartPress {
  readonly #init: typeof init;

  private constructor(start: typeof init) {
    this.#init = start;
  }

  static async load(): Promise<ChartPress> {
    const bundle: unknown = await import('echarts/dist/echarts.common.min.js' as string);
    return new ChartPress((bundle as { readonly default: { readonly init: typeof init } }).default.init);
  }

  draw(spec: ChartSpec, steps: Steps): Chart {
    const legend = spec.lines.map(({ name, colour, dashed }) => ({ name, colour, dashed }));
    const { id, title, caption } = spec;
    return { id, title, caption, legend, wide: this.#svg(spec, steps, WIDE), narrow: this.#svg(spec, steps, NARROW) };
  }

  #svg(spec: ChartSpec, steps: Steps, frame: Frame): string {
    const chart: EChartsType = this.#init(null, null, {
      renderer: 'svg',
      ssr: true,
      width: frame.width,
      height: frame.height,
    });
    const paints = new Paints();
    const total = steps.seconds.reduce((sum, n) => sum + n, 0);
    const muted = paints.of('muted');
    const grid = paints.of('grid');
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: 'inherit', fontSize: 12 },
      grid: { left: frame.left, right: frame.right, top: frame.top, bottom: frame.bottom },
      xAxis: {
        type: 'value',
        min: 0,
        max: total,
        interval: tickSeconds(total, frame === WIDE ? 10 : 4),
        axisLine: { lineStyle: { color: grid } },
        axisTick: { lineStyle: { color: grid } },
        splitLine: { show: false },
        axisLabel: {
          color: muted,
          hideOverlap: true,
          showMaxLabel: false,
          formatter: (seconds: number) => clockAt(steps, seconds),
        },
      },
      yAxis: {
        type: 'value',
        min: 0,
        splitNumber: 3,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: muted, formatter: spec.unit },
        splitLine: { lineStyle: { color: grid } },
      },
      series: spec.lines.map((line, index) => ({
        type: 'line',
        name: line.name,
        ...(line.stacked ? { stack: 'all' } : {}),
        data: points(line.values, steps),
        showSymbol: false,
        silent: true,
        connectNulls: false,
        lineStyle: { color: paints.of(line.colour), width: line.stacked ? 1 : 2, type: line.dashed ? [6, 4] : 'solid' },
        itemStyle: { color: paints.of(line.colour) },
        ...(line.filled ? { areaStyle: { color: paints.of(line.colour), opacity: line.stacked ? 0.72 : 0.18 } } : {}),
        ...(index === 0 ? { markLine: marks(steps, paints) } : {}),
      })),
    });
    const svg = chart.renderToSVGString();
    chart.dispose(); // or its timer would keep the process alive
    return finished(svg, spec.id, frame, paints);
  }
}

function marks(steps: Steps, paints: Paints): object {
  return {
    silent: true,
    symbol: 'none',
    animation: false,
    data: steps.marks.map((mark) => ({
      xAxis: mark.atSeconds,
      lineStyle: {
        color: paints.of(mark.entry.tone === 'good' ? 'good' : mark.entry.tone === 'bad' ? 'bad' : 'muted'),
        type: 'dashed',
        width: 1,
      },
      label: {
        show: mark.label !== '',
        formatter: mark.label,
        position: 'end',
        distance: 5,
        fontSize: 11,
        fontWeight: 'bold',
        color: paints.of('ink'),
      },
    })),
  };
}

/** Each step as a flat piece would be honest but heavy; the middle of the step is the next best place for its value. */
function points(values: readonly (number | null)[], steps: Steps): (readonly [number, number | null])[] {
  let at = 0;
  const middles = values.map((value, i) => {
    const seconds = steps.seconds[i] ?? 0;
    const point = [round(at + seconds / 2), value === null ? null : round(value)] as const;
    at += seconds;
    return point;
  });
  const first = middles[0];
  const last = middles.at(-1);
  return first === undefined || last === undefined ? [] : [[0, first[1]], ...middles, [round(at), last[1]]];
}

/**
 * The library wants real colours. Each variable gets an unused one, and the finished drawing gets the variables back.
 */
class Paints {
  readonly #names: string[] = [];

  of(name: string): string {
    if (!this.#names.includes(name)) this.#names.push(name);
    return `#0102${(this.#names.indexOf(name) + 16).toString(16).padStart(2, '0')}`;
  }

  restore(svg: string): string {
    return svg.replace(
      /#0102([0-9a-f]{2})/g,
      (_, hex: string) => `var(--${this.#names[Number.parseInt(hex, 16) - 16] ?? 'ink'})`,
    );
  }
}

/**
 * Ids and class names count up over the life of the process; here ids begin anew in every chart and classes go (they only style
 * hovering), so that two runs are equal. So go the library's notes to its own client script, which is not in the page.
 */
function finished(svg: string, id: string, frame: Frame, paints: Paints): string {
  const size = frame === WIDE ? 'wide' : 'narrow';
  const head = `<svg class="chart ${size}" viewBox="0 0 ${frame.width} ${frame.height}" aria-hidden="true" focusable="false">`;
  const cursor = `<line class="cursor" x1="0" x2="0" y1="${frame.top}" y2="${frame.height - frame.bottom}"/>`;
  return paints
    .restore(svg)
    .replace(/zr\d+-/g, `${id}-${size}-`)
    .replace(/<rect [^>]*fill="none"[^>]*><\/rect>\n?/, '')
    .replace(/<style[^>]*>[\s\S]*?<\/style>\s*/g, '')
    .replace(/<defs ?>\s*<\/defs>\s*/g, '')
    .replace(/ (?:pointer-events|xml:space|class|ecmeta_[a-z_]+)="[^"]*"/g, '')
    .replace(/font-family:[^;"]*;?/g, '')
    .replace(/<svg [^>]*>/, head)
    .replace(/<\/svg>\s*$/, `${cursor}</svg>`);
}

const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400];

function tickSeconds(total: number, most: number): number {
  return TICKS.find((tick) => total / tick <= most) ?? Math.ceil(total / most / 86_400) * 86_400;
}

/** `12:03`, `12:03:30`; with the day, but not the year, in a run over several: `03-01 12:00`. */
function clockAt(steps: Steps, seconds: number): string {
  const clock = momentText(steps.run.startUs + seconds * 1e6, steps.run).replace(/^\d{4}-/, '');
  return clock.endsWith(':00') ? clock.slice(0, -3) : clock;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
