/** One scenario at both fidelities, request by request: what was decided, and what it cost. */
import type { RequestEvent } from '../../src/core/trace.ts';
import { type Played, play } from './play.ts';

export interface Both {
  readonly flow: Played;
  readonly wire: Played;
  /** Requests that were decided otherwise, as `n: flow | wire`. */
  readonly differ: readonly string[];
  readonly figures: {
    readonly wanFlow: number;
    readonly wanWire: number;
    /** Of requests over the link that both served: mean µs. */
    readonly timeFlow: number;
    readonly timeWire: number;
  };
}

/** Who goes where, by which path, and how it ended. */
function decided({ pool, origin, because, path, status, cause, attempts, fallback }: RequestEvent): string {
  return `${pool}/${origin} ${because} ${path} ${status} ${cause} ${attempts}${fallback ? ' fallback' : ''}`;
}

export async function playBoth(text: string, seed: string, set: readonly string[] = []): Promise<Both> {
  const options = { seed, file: 'scenarios/test.yaml' };
  const flow = await play(text, { ...options, set: ['trace=all', ...set] });
  const wire = await play(text, { ...options, set: ['trace=all', ...set, 'fidelity=wire'] });
  const others = new Map(wire.requests.map((request) => [request.n, request]));
  const differ: string[] = [];
  let [timeFlow, timeWire, count] = [0, 0, 0];
  for (const one of flow.requests) {
    const other = others.get(one.n);
    const [a, b] = [decided(one), other === undefined ? 'never ended' : decided(other)];
    if (a !== b)
      differ.push(`${one.n} ${one.pop} at +${((one.at - flow.report.startUs) / 1e6).toFixed(6)}: ${a} | ${b}`);
    if (other === undefined || one.path !== 'railgun' || other.path !== 'railgun') continue;
    if (one.cause !== '' || other.cause !== '') continue;
    count += 1;
    timeFlow += one.latency_us;
    timeWire += other.latency_us;
  }
  const per = Math.max(1, count);
  return {
    flow,
    wire,
    differ,
    figures: {
      wanFlow: flow.report.railgun?.wanBytes ?? 0,
      wanWire: wire.report.railgun?.wanBytes ?? 0,
      timeFlow: timeFlow / per,
      timeWire: timeWire / per,
    },
  };
}
