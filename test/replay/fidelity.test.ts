/**
 * Flow fidelity is calibrated against wire: the same stories played by arithmetic and by the real machines. Decisions are the same, request
 * by request; bytes and times are as near as docs/railgun.md says, whose table is made from the same figures.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DOCUMENT, TOLERANCE, tableIn, tableOf } from '../../scripts/fidelity-table.ts';
import { type Both, playBoth } from './fidelities.ts';
import { FIDELITY_SEED, FIDELITY_STORIES } from './fidelity-stories.ts';

const played: { name: string; both: Both }[] = [];

describe('flow fidelity beside wire', () => {
  it.each(FIDELITY_STORIES)(
    '$name: the same decisions, nearly the same bytes and times',
    async ({ name, text, late, chance }) => {
      const both = await playBoth(text, FIDELITY_SEED);
      played.push({ name, both });
      expect(both.flow.requests.length).toBeGreaterThan(800);
      expect(both.differ).toEqual([]);
      const [flow, wire] = [both.flow.report.railgun!, both.wire.report.railgun!];
      expect(flow.direct).toEqual(wire.direct);
      expect([flow.viaLane, flow.lanesOpened, flow.lanesLost]).toEqual([
        wire.viaLane,
        wire.lanesOpened,
        wire.lanesLost,
      ]);
      const { wanFlow, wanWire, timeFlow, timeWire } = both.figures;
      expect(Math.abs(wanFlow / wanWire - 1)).toBeLessThan(chance === true ? TOLERANCE.chance : TOLERANCE.bytes);
      // A request that hung and was answered late is told late by flow: it does not know when the answer came.
      if (late !== true) expect(Math.abs(timeFlow / timeWire - 1)).toBeLessThan(TOLERANCE.time);
    },
  );

  it('docs/railgun.md has these figures (else: node scripts/fidelity-table.ts --write)', () => {
    expect(played).toHaveLength(FIDELITY_STORIES.length);
    expect(tableIn(readFileSync(DOCUMENT, 'utf8'))).toBe(tableOf(played));
  });
});
