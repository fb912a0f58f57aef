/** The configuration that `serve` runs: from a file or the demo, checked as a whole; what keeps it from running is a list of problems. */
import { DEFAULT_LIMITS, LAB_LIMITS } from '../../config/context.ts';
import { readDocument } from '../../config/document.ts';
import { configHash } from '../../config/hash.ts';
import { checkConfig } from '../../config/load-config.ts';
import { isRecord } from '../../config/plain-value.ts';
import type { Model } from '../../core/model.ts';
import type { Checked, Problem } from '../../core/problem.ts';
import { COUNTRIES, POPS } from '../../geo/tables.ts';
import { fileProblem, readTextFile } from '../files.ts';

export interface Configuration {
  readonly model: Model;
  readonly hash: string;
  readonly file: string;
  /** Of the file, also after the control API has changed what is in force. */
  readonly text: string;
  /** The objects as they are written, changes by the control API included. */
  readonly written: Readonly<Record<string, unknown>>;
}

const PLACES = { pops: new Set<string>(POPS.map((pop) => pop.code)), countries: new Set<string>(COUNTRIES.keys()) };

/**
 * `minInterval`: shortest monitor interval, seconds. The service asks for 10 (C11); who probes only their own machine may ask for less, and
 * then TTLs may be shorter, too (`LAB_LIMITS`): a pressed drill shortens all of them alike.
 */
export function readConfiguration(file: string, minInterval: number): Checked<Configuration> {
  const read = readTextFile(file);
  if ('reason' in read) return { ok: false, problems: [fileProblem(file, read.reason)] };
  return parseConfiguration(read.text, file, minInterval);
}

export function parseConfiguration(text: string, file: string, minInterval: number): Checked<Configuration> {
  const document = readDocument(text, file);
  if (!document.ok) return document;
  const [usual, most] = DEFAULT_LIMITS.intervalSeconds;
  const limits = {
    ...(minInterval < usual ? LAB_LIMITS : DEFAULT_LIMITS),
    intervalSeconds: [minInterval, most] as const,
  };
  const checked = checkConfig(document.value, { ...PLACES, limits });
  if (!checked.ok) return checked;
  const { model } = checked.value;
  const written: unknown = document.value.value;
  if (model.loadBalancers.length === 0) {
    const problem: Problem = {
      severity: 'error',
      file,
      line: 0,
      column: 0,
      path: '',
      message: 'there is no load balancer in it',
      hint: 'add one under "load_balancers"',
    };
    return { ok: false, problems: [problem] };
  }
  return {
    ok: true,
    value: { model, hash: configHash(document.value.value), file, text, written: isRecord(written) ? written : {} },
    warnings: checked.warnings,
  };
}

/** What the control API makes of the configuration in force: checked like a file. A file that changes later takes its place. */
export function changedConfiguration(
  current: Configuration,
  written: Configuration['written'],
  minInterval: number,
): Checked<Configuration> {
  const changed = parseConfiguration(JSON.stringify(written), current.file, minInterval);
  return changed.ok ? { ...changed, value: { ...changed.value, text: current.text } } : changed;
}

/** One line per problem, for logs: `shop.yaml:12:5: unknown key "steering_polcy", did you mean "steering_policy"?` */
export function problemLine({ file, line, column, message, hint }: Problem): string {
  return `${line === 0 ? file : `${file}:${line}:${column}`}: ${message}${hint === '' ? '' : `, ${hint}`}`;
}
