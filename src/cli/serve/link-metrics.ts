/** What the links of a process did, as metrics (docs/metrics.md). Read when somebody scrapes; the links only count. */
import type { CounterTable, Family, Samples } from '../../live/counter-table.ts';
import type { RailgunTransport } from '../../live/railgun/link-transport.ts';

const counter = (name: string, help: string, ...labels: string[]): Family => ({ name, help, kind: 'counter', labels });
const gauge = (name: string, help: string, ...labels: string[]): Family => ({ name, help, kind: 'gauge', labels });

const BODY = 'switchyard_railgun_body_bytes_total';
const WAN = 'switchyard_railgun_wan_bytes_total';
const RATIO = 'switchyard_railgun_compression_ratio';

export const LINK_FAMILIES: readonly Family[] = [
  gauge('switchyard_railgun_lanes', 'Lanes, by state.', 'railgun', 'state'),
  gauge('switchyard_railgun_streams', 'Requests under way on lanes.', 'railgun'),
  counter('switchyard_railgun_lane_changes_total', 'Lanes tried, opened, failed and closed.', 'railgun', 'change'),
  counter('switchyard_railgun_requests_total', 'Requests answered over the link.', 'railgun', 'answer'),
  counter('switchyard_railgun_direct_total', 'Requests that went direct, by the reason shown.', 'railgun', 'reason'),
  counter('switchyard_railgun_failures_total', 'Requests that failed after hand-over.', 'railgun', 'code'),
  counter('switchyard_railgun_replaced_total', 'Requests put on another lane, not acted on before.', 'railgun'),
  counter('switchyard_railgun_resyncs_total', 'Pages that came out wrong and were asked for whole.', 'railgun'),
  counter(BODY, 'Bodies of answers over the link.', 'railgun'),
  counter(WAN, 'What of them crossed the lane.', 'railgun'),
  counter('switchyard_railgun_saved_bytes_total', 'The difference of the two.', 'railgun'),
  gauge(RATIO, 'Crossed / bodies, since the start.', 'railgun'),
  counter('switchyard_railgun_store_total', 'Store calls: hit, miss, down; stored, refused.', 'railgun', 'outcome'),
  counter('switchyard_railgun_codec_seconds_total', 'CPU of the delta codec.', 'railgun'),
];

export function sampleLinks(table: CounterTable, transport: RailgunTransport | undefined): void {
  if (transport === undefined) return;
  const set = (name: string, value: number, labels: Readonly<Record<string, string>>): void => {
    table.values[table.slot(name, labels)] = value;
  };
  const drivers = transport.links();
  for (const [railgun, counts] of transport.counts()) {
    const driver = drivers.get(railgun);
    const lanes = driver?.laneStates ?? { open: 0, opening: 0, draining: 0 };
    for (const [state, value] of Object.entries(lanes)) set('switchyard_railgun_lanes', value, { railgun, state });
    set('switchyard_railgun_streams', driver?.busy ?? 0, { railgun });
    const changes = {
      tried: counts.lanesTried,
      opened: counts.lanesOpened,
      failed: counts.lanesFailed,
      closed: counts.lanesClosed,
    };
    for (const [change, value] of Object.entries(changes))
      set('switchyard_railgun_lane_changes_total', value, { railgun, change });
    for (const [answer, value] of Object.entries(counts.modes))
      set('switchyard_railgun_requests_total', value, { railgun, answer });
    for (const [reason, value] of counts.direct)
      set('switchyard_railgun_direct_total', value, { railgun, reason: reason === '' ? 'off' : reason });
    for (const [code, value] of counts.failures) set('switchyard_railgun_failures_total', value, { railgun, code });
    set('switchyard_railgun_replaced_total', counts.replaced, { railgun });
    set('switchyard_railgun_resyncs_total', counts.resyncs, { railgun });
    set(BODY, counts.bodyBytes, { railgun });
    set(WAN, counts.wanBytes, { railgun });
    set('switchyard_railgun_saved_bytes_total', counts.bodyBytes - counts.wanBytes, { railgun });
    for (const [outcome, value] of Object.entries(counts.store))
      set('switchyard_railgun_store_total', value, { railgun, outcome });
    set('switchyard_railgun_codec_seconds_total', counts.codecMs / 1_000, { railgun });
  }
}

/** A ratio cannot be summed: made of the sums of all processes. */
export function ratioSamples(samples: readonly Samples[]): Samples {
  const sums = new Map<string, { body: number; wan: number }>();
  for (const [identity, value] of samples.flat()) {
    const [family = '', label = ''] = identity.split('\n');
    if (family !== BODY && family !== WAN) continue;
    const sum = sums.get(label) ?? { body: 0, wan: 0 };
    sum[family === BODY ? 'body' : 'wan'] += value;
    sums.set(label, sum);
  }
  return [...sums].flatMap(([label, { body, wan }]) =>
    body === 0 ? [] : [[`${RATIO}\n${label}`, wan / body] as const],
  );
}
