/** What a drill's report has more than a replay's: the fidelity table and the stories of failed requests, in every file. */
import { describe, expect, it } from 'vitest';
import type { FailedRequest, FidelityRow, RunReport } from '../../src/core/report.ts';
import { readReport, renderJson } from '../../src/report/json.ts';
import { renderJunit } from '../../src/report/junit.ts';
import { renderMarkdown } from '../../src/report/markdown.ts';
import { renderHtml } from '../../src/report/page.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { sampleReport } from './sample.ts';

const base = sampleReport();

const ROW: FidelityRow = {
  figure: 'time_to_recover',
  subject: 'pool/eu power_loss',
  unit: 's',
  predicted: 14,
  measured: 21.5,
  difference: 7.5,
  allowed: '10 % or 6 s',
  pass: false,
};
const ROWS: readonly FidelityRow[] = [
  {
    ...ROW,
    figure: 'share',
    subject: 'eu',
    unit: '%',
    predicted: 40,
    measured: 40.5,
    difference: 0.5,
    allowed: '2 points',
    pass: true,
  },
  {
    ...ROW,
    figure: 'failed_requests',
    subject: 'origin_refused',
    unit: '',
    predicted: 30,
    measured: 31,
    difference: 1,
    allowed: '10 % or 3',
    pass: true,
  },
  { ...ROW, figure: 'time_back', predicted: null, measured: 3, difference: null, pass: false },
  {
    ...ROW,
    figure: 'p99',
    subject: '',
    unit: 'ms',
    predicted: 20,
    measured: 35,
    difference: 15,
    allowed: '',
    pass: null,
  },
  ROW,
];

const FAILED: FailedRequest = {
  n: 4711,
  atUs: base.startUs + 1_000_000,
  client: '2001:db8:1::7',
  pop: 'LHR',
  host: 'www.example.com',
  target: '/<b>?page=1',
  cause: 'origin_refused',
  status: 521,
  pool: 'eu',
  origin: 'eu-1',
  because: 'policy_geo',
  affinity: 'no_claim',
  fallback: false,
  attempts: 2,
  path: 'http1',
  sentUs: base.startUs + 1_001_000,
  headUs: base.startUs + 1_040_000,
  endUs: base.startUs + 1_041_000,
  edgeFromUs: base.startUs + 1_002_000,
  edgeToUs: base.startUs + 1_041_000,
  bytes: 512,
  ray: '00112233445566aa',
  railgun: '',
  error: '',
};

const drill: RunReport = {
  ...base,
  kind: 'drill',
  drill: {
    pace: 10,
    wallStartUs: 1_795_255_200_000_000,
    ended: 'finished',
    notes: [],
    lateness: { p50Us: 700, p99Us: 2_100, maxUs: 9_000 },
    inFlight: { peak: 12, limit: 4_000, turnedAway: 0 },
    unjoined: 3,
    laneBytes: null,
    steadyBeforeUs: 3_100_000,
    steadyAfterUs: null,
    faultLatenessUs: 6_000,
    leftovers: ['process <4711>'],
  },
  fidelity: { pass: false, rows: ROWS, unknown: ['TCP & friends'] },
  failures: [FAILED],
};

describe('report.json of a drill', () => {
  it('comes back as it was', () => {
    const read = readReport(renderJson(drill));
    expect(read).toEqual({ ok: true, report: drill });
  });

  it('a replay has none of it', () => {
    expect(renderJson(base)).not.toContain('"fidelity"');
  });
});

describe('the terminal', () => {
  it.each([
    { colour: false, width: 80, plain: true },
    { colour: false, width: 120, plain: false },
  ])('lays prediction and measurement side by side on paper of $width columns', (paper) => {
    const text = renderTerminal(drill, paper);
    expect(text).toContain('2 of 4 judged figures are further from the prediction');
    const flat = text.replace(/\n?\s+(?:predicted|measured|difference)? ?/g, ' ').replaceAll(',', '');
    expect(flat).toContain('time to recover pool/eu power_loss 14 s 21.5 s +7.5 s (53.6 %)');
    expect(flat).toContain('healthy again after the heal pool/eu power_loss never 3 s –');
    expect(flat).toContain('share eu 40 % 40.5 % +0.50 points');
    expect(text).toContain('TCP & friends');
    expect(text).toContain('Not rolled back: process <4711>.');
    const section = text.slice(text.search(/prediction and measurement/i), text.search(/\n\n.*checks?/i));
    expect(section.split('\n').length).toBeGreaterThan(8);
    for (const line of section.split('\n')) expect(line.length, line).toBeLessThanOrEqual(paper.width);
  });
});

describe('report.html', () => {
  it('links a cause to the first story of it, and tells the story step by step', async () => {
    const page = await renderHtml(drill);
    expect(page).toContain('<a href="#failed-4711">origin_refused</a>');
    expect(page).toContain('id="failed-4711"');
    expect(page).toContain('decided: eu/eu-1 because policy_geo, affinity no_claim, after 2 attempts');
    expect(page).toContain('00112233445566aa');
    expect(page).toContain('/&lt;b&gt;?page=1');
    expect(page).not.toContain('<4711>');
  });

  it('says how many stories are elsewhere', async () => {
    const page = await renderHtml({ ...drill, totals: { ...drill.totals, failed: 900 } });
    expect(page).toContain('all 900 in events.ndjson');
  });

  it('has neither section for a replay', async () => {
    const page = await renderHtml(base);
    expect(page).not.toContain('id="fidelity"');
    expect(page).not.toContain('id="failed"');
  });
});

describe('summary.md and junit.xml', () => {
  it('the summary puts what is outside first', () => {
    const rows = renderMarkdown(drill)
      .split('\n')
      .filter((line) => /^\| \S+ \| (?:time|healthy|share|failed|p99)/.test(line));
    expect(rows.map((row) => row.split('|')[1]!.trim())).toEqual(['❌', '❌', '✅', '✅', '▫️']);
  });

  it('every judged figure is a test case', () => {
    const xml = renderJunit(drill);
    expect(xml.match(/<testcase [^>]*fidelity"/g)).toHaveLength(4);
    expect(xml).toContain('name="time to recover: pool/eu power_loss"');
    expect(xml).toContain('type="fidelity"');
  });
});
