/** The sample run with checks judged against it: two that fail, the rest hold. */
import { judge } from '../../src/checks/judge.ts';
import { parseCheck } from '../../src/checks/parse-check.ts';
import type { RunReport } from '../../src/core/report.ts';
import { type SampleOptions, sampleReport } from './sample.ts';

const CHECKS = [
  'failed_requests < 0.5%',
  'recovered within 90s of 12:03',
  'detected within 60s of +3m',
  'share(pool/eu) == 0% from 12:04:30 to 12:13',
  'share(pool/us, region/WEU) > 95% from 12:05 to 12:12',
  'sessions_lost < 2%',
  'peak(pool/us) < 1.5x',
  'railgun.ratio < 5% before 12:05',
  'healthy(pool/eu) at 12:15',
];

export function checkedSample(options: SampleOptions = {}, checks: readonly string[] = CHECKS): RunReport {
  const report = sampleReport(options);
  return {
    ...report,
    checks: checks.map((text, i) => {
      const parsed = parseCheck(text);
      if (!parsed.ok) throw new Error(`${text}: ${parsed.problem.message}`);
      return judge(parsed.check, report, 37 + i);
    }),
  };
}
