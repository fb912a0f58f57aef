import { describe, expect, it } from 'vitest';
import type { MonitorId } from '../../src/core/ids.ts';
import type { MonitorGroup } from '../../src/core/model.ts';
import { combine } from '../../src/health/monitor-group.ts';
import { HEALTHY, UNHEALTHY, UNPROBED } from '../../src/health/verdict.ts';
import { Bench, at, model, monitor, pool } from './build.ts';

const STATES = { '.': HEALTHY, x: UNHEALTHY, '?': UNPROBED } as const;

/** `v` votes, `m` must be healthy and votes, `M` must be healthy without a vote, `-` only watches. */
function group(kinds: string, states: string): number {
  const members = [...kinds].map((kind) => ({
    monitor: monitor(),
    votes: kind === 'v' || kind === 'm',
    mustBeHealthy: kind === 'm' || kind === 'M',
  }));
  return combine(members, Uint8Array.from([...states].map((each) => STATES[each as keyof typeof STATES])), 0);
}

describe('members of a monitor group', () => {
  it.each([
    { name: 'LB-151 the member that must be healthy fails', kinds: 'mvvv', states: 'x...', state: UNHEALTHY },
    { name: 'LB-151 it fails while others are silent', kinds: 'mvvv', states: 'x???', state: UNHEALTHY },
    { name: 'LB-151 it must be healthy though it has no vote', kinds: 'vvvM', states: '...x', state: UNHEALTHY },
    { name: 'LB-152 two of four voters fail', kinds: 'vvvv', states: 'xx..', state: HEALTHY },
    { name: 'LB-152 three of four voters fail', kinds: 'vvvv', states: 'xxx.', state: UNHEALTHY },
    { name: 'one that only watches has no vote', kinds: 'v--', states: '.xx', state: HEALTHY },
    { name: 'a silent voter that could not turn it is not waited for', kinds: 'vvvv', states: 'x..?', state: HEALTHY },
    { name: 'silent voters that could turn it are', kinds: 'vvvv', states: 'x.??', state: UNPROBED },
    { name: 'one that must be healthy is waited for', kinds: 'mvvv', states: '?...', state: UNPROBED },
    { name: 'nobody has a vote', kinds: '--', states: 'xx', state: HEALTHY },
    { name: 'one monitor alone', kinds: 'v', states: 'x', state: UNHEALTHY },
  ])('$name', ({ kinds, states, state }) => {
    expect(group(kinds, states)).toBe(state);
  });

  it("a slower member's last result stands until its next one", () => {
    const monitors = [monitor({ id: 'fast', intervalSeconds: 10 }), monitor({ id: 'slow', intervalSeconds: 600 })];
    const members = monitors.map(({ id }) => ({
      monitor: id,
      enabled: true,
      monitoringOnly: false,
      mustBeHealthy: true,
    }));
    const groups: MonitorGroup[] = [{ id: 'g', description: '', members }];
    const bench = new Bench(
      model([pool('eu', ['a'], { monitor: undefined, monitorGroup: 'g' })], monitors, { groups }),
    );
    const from = bench.centers();
    bench.feed('.', { from, member: 0 });
    bench.feed('x', { from, member: 1 });
    bench.feed('.....', { from, member: 0 });
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('unhealthy');
    bench.feed('.', { from, member: 1 });
    expect(bench.board.origin(0, 0, at('LHR'))).toBe('healthy');
  });

  it('a disabled member is not asked', () => {
    const monitors = [monitor({ id: 'a' }), monitor({ id: 'b' })];
    const members = [
      { monitor: 'a' as MonitorId, enabled: true, monitoringOnly: false, mustBeHealthy: false },
      { monitor: 'b' as MonitorId, enabled: false, monitoringOnly: false, mustBeHealthy: true },
    ];
    const groups: MonitorGroup[] = [{ id: 'g', description: '', members }];
    const bench = new Bench(
      model([pool('eu', ['a'], { monitor: undefined, monitorGroup: 'g' })], monitors, { groups }),
    );
    bench.feed('.', { from: bench.centers() });
    expect(bench.board.pool(0, at('LHR'))).toBe('healthy');
  });
});
