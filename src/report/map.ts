/**
 * The world as SVG: PoPs as dots sized by their requests, pools as squares, and a line from each region's busiest PoP to every pool it
 * reached, as wide as its share. Drawn once for the whole run; the page's script redraws widths and colours for one moment.
 *
 * A region's traffic is known by time, a PoP's only for the whole run: at a moment, a dot takes the failure rate of its region.
 */
import { type GeoPermissibleObjects, geoEqualEarth, geoInterpolate, geoPath } from 'd3-geo';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { countText, percentText } from '../core/figures.ts';
import type { PopSummary, RunReport } from '../core/report.ts';
import { type Markup, html, trusted } from './markup.ts';
import type { Steps } from './steps.ts';

const MAP_WIDTH = 1_000;
const MAP_HEIGHT = 462;
/** The map is cut at this latitude, and by its height at about 57 south: beyond are no PoPs. */
const NORTH = 78;
/** Antarctica: no PoP, no pool, and a fifth of the drawing. */
const ANTARCTICA = '010';
/** A dot of the busiest PoP, and of one with a single request. */
const DOT_MAX = 13;
const DOT_MIN = 3;
/** A line at a share of 100 %, as in page-script.ts. */
export const FLOW_MAX = 7;

interface Pin {
  readonly x: number;
  readonly y: number;
}

/** Failure rates as words and as a class: never told by colour alone, since failing dots have a ring that grows. */
function failureClass(percent: number): 'f0' | 'f1' | 'f2' | 'f3' {
  return percent <= 0 ? 'f0' : percent < 1 ? 'f1' : percent < 10 ? 'f2' : 'f3';
}

export async function drawMap(report: RunReport, steps: Steps): Promise<Markup> {
  const world = (await import('world-atlas/countries-110m.json', { with: { type: 'json' } })) as unknown as {
    default: Topology<{ countries: GeometryCollection }>;
  };
  const { countries } = world.default.objects;
  const inhabited: GeometryCollection = {
    ...countries,
    geometries: countries.geometries.filter(({ id }) => id !== ANTARCTICA),
  };
  const land = feature(world.default, inhabited);
  const borders = mesh(world.default, inhabited, (a, b) => a !== b);

  const projection = geoEqualEarth().precision(0).fitWidth(MAP_WIDTH, land); // coasts are fine enough without resampling
  const [, north] = projection([0, NORTH]) ?? [0, 0];
  const [dx, dy] = projection.translate();
  projection.translate([dx, dy - north]);
  const path = geoPath(projection).digits(1);
  const outline = (shape: GeoPermissibleObjects): string => path(shape) ?? '';
  const pin = (longitude: number, latitude: number): Pin => {
    const [x, y] = projection([longitude, latitude]) ?? [0, 0];
    return { x: tenth(x), y: tenth(y) };
  };

  const busiest = Math.max(1, ...report.pops.map((pop) => pop.requests));
  const dots = [...report.pops]
    .filter((pop) => pop.requests > 0)
    .sort((a, b) => b.requests - a.requests || (a.code < b.code ? -1 : 1))
    .map((pop) => dot(pop, pin(pop.longitude, pop.latitude), busiest));
  const anchors = report.placement.regions.map((region) => {
    const pops = report.pops.filter((pop) => pop.region === region && pop.requests > 0);
    return pops.reduce<PopSummary | undefined>(
      (best, pop) => (best === undefined || pop.requests > best.requests ? pop : best),
      undefined,
    );
  });
  const squares = placePools(report, steps, pin);
  const flows = anchors.flatMap((anchor, region) =>
    anchor === undefined
      ? []
      : steps.pools.flatMap((pool, p) => {
          const square = squares[p];
          const sent = total(steps.regionPool[region]?.[p]);
          if (square === undefined || sent === 0) return [];
          const all = (steps.regionPool[region] ?? []).reduce((sum, row) => sum + total(row), 0);
          const from: readonly [number, number] = [anchor.longitude, anchor.latitude];
          const d = square.place === undefined ? straight(pin(...from), square.pin) : arc(from, square.place, pin);
          const width = tenth(Math.max(0.8, (FLOW_MAX * sent) / all));
          return [
            html`<path class="flow" data-region="${region}" data-pool="${p}" d="${d}" stroke="var(--pool-${pool.colour})" stroke-width="${width}"/>`,
          ];
        }),
  );
  const labels = anchors.flatMap((anchor, region) => {
    if (anchor === undefined) return [];
    const { x, y } = pin(anchor.longitude, anchor.latitude);
    return [
      html`<text class="region" x="${x}" y="${tenth(y - DOT_MAX - 5)}">${report.placement.regions[region]}</text>`,
    ];
  });

  return html`<svg class="map" viewBox="0 0 ${MAP_WIDTH} ${MAP_HEIGHT}" role="img" aria-labelledby="map-title">
<title id="map-title">World map: where requests came from and which pools they reached. The tables below say the same in words.</title>
<path class="land" d="${trusted(outline(land))}"/><path class="border" d="${trusted(outline(borders))}"/>
<g class="flows">${flows}</g><g class="pops">${dots}</g><g class="pools">${squares.map((square, p) =>
    square === undefined
      ? undefined
      : poolSquare(square.pin, steps.pools[p]!.name, steps.pools[p]!.colour, total(steps.poolRequests[p])),
  )}</g><g class="labels">${labels}</g></svg>`;
}

function dot(pop: PopSummary, at: Pin, busiest: number): Markup {
  const radius = tenth(DOT_MIN + (DOT_MAX - DOT_MIN) * Math.sqrt(pop.requests / busiest));
  const percent = (100 * pop.failed) / pop.requests;
  const words = `${pop.code} ${pop.city} (${pop.region}): ${countText(pop.requests)} requests, ${percentText(percent)} failed`;
  return html`<circle class="pop ${failureClass(percent)}" data-region="${pop.region}" cx="${at.x}" cy="${at.y}" r="${radius}"><title>${words}</title></circle>`;
}

function poolSquare(at: Pin, name: string, colour: string, requests: number): Markup {
  const end = at.x > MAP_WIDTH - 120;
  return html`<g class="pool"><rect x="${tenth(at.x - 7)}" y="${tenth(at.y - 7)}" width="14" height="14" rx="3" fill="var(--pool-${colour})"><title>pool ${name}: ${countText(requests)} requests</title></rect><text x="${tenth(at.x + (end ? -14 : 14))}" y="${tenth(at.y + 6)}"${end ? trusted(' text-anchor="end"') : ''}>${name}</text></g>`;
}

interface Square {
  readonly pin: Pin;
  /** Longitude, latitude; `undefined` for a pool without a place. */
  readonly place: readonly [number, number] | undefined;
}

/** Pools without coordinates stand in a row on the southern ocean; `no pool` is nowhere. */
function placePools(
  report: RunReport,
  steps: Steps,
  pin: (longitude: number, latitude: number) => Pin,
): (Square | undefined)[] {
  const homeless = steps.pools.filter(
    (pool) => pool.members.length !== 1 || report.pools[pool.members[0]!]?.longitude === null,
  );
  const taken: Pin[] = [];
  /** Pools in one city stand below one another. */
  const free = (at: Pin): Pin => {
    let seat = at;
    while (taken.some((other) => Math.abs(other.x - seat.x) < 14 && Math.abs(other.y - seat.y) < 14)) {
      seat = { x: seat.x, y: tenth(seat.y + 18) };
    }
    taken.push(seat);
    return seat;
  };
  return steps.pools.map((pool) => {
    if (pool.colour === 'none') return undefined;
    const known = pool.members.length === 1 ? report.pools[pool.members[0]!] : undefined;
    if (known !== undefined && known.longitude !== null && known.latitude !== null) {
      return { pin: free(pin(known.longitude, known.latitude)), place: [known.longitude, known.latitude] };
    }
    const seat = (homeless.indexOf(pool) + 0.5) / homeless.length;
    return { pin: { x: tenth(80 + seat * (MAP_WIDTH - 160)), y: MAP_HEIGHT - 18 }, place: undefined };
  });
}

/** The great circle; where it crosses the edge of the map it would streak across, so the bow is drawn on the paper instead. */
function arc(
  from: readonly [number, number],
  to: readonly [number, number],
  pin: (longitude: number, latitude: number) => Pin,
): string {
  const along = geoInterpolate([from[0], from[1]], [to[0], to[1]]);
  const pins = Array.from({ length: 25 }, (_, i) => pin(...along(i / 24)));
  const jumps = pins.some((each, i) => i > 0 && Math.abs(each.x - pins[i - 1]!.x) > MAP_WIDTH / 4);
  if (jumps) return straight(pins[0]!, pins.at(-1)!);
  return pins.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
}

function straight(from: Pin, to: Pin): string {
  const lift = Math.min(90, Math.hypot(to.x - from.x, to.y - from.y) / 4);
  return `M${from.x} ${from.y}Q${tenth((from.x + to.x) / 2)} ${tenth((from.y + to.y) / 2 - lift)} ${to.x} ${to.y}`;
}

function total(row: readonly number[] | undefined): number {
  return row?.reduce((sum, n) => sum + n, 0) ?? 0;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
