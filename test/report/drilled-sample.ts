/** The sample run as a drill: figures beside a prediction, one of each kind, and the story of a request that failed. */
import type { FailedRequest, FidelityRow, RunReport } from '../../src/core/report.ts';
import { sampleReport } from './sample.ts';

export const base = sampleReport();

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
  candidates: 'eu,us:pool_not_drawn',
  tried: ['eu/eu-2 521'],
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

export const drilledSample: RunReport = {
  ...base,
  kind: 'drill',
  scenario: { ...base.scenario, file: 'scenarios/drills/a-scenario-with-quite-a-long-name-of-its-own.yaml' },
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
