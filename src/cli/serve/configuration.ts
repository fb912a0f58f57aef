/** The configuration that `serve` runs: from a file or the demo, checked as a whole; what keeps it from running is a list of problems. */
import { DEFAULT_LIMITS } from '../../config/context.ts';
import { readDocument } from '../../config/document.ts';
import { configHash } from '../../config/hash.ts';
import { checkConfig } from '../../config/load-config.ts';
import type { Model } from '../../core/model.ts';
import type { Checked, Problem } from '../../core/problem.ts';
import { COUNTRIES, POPS } from '../../geo/tables.ts';
import { fileProblem, readTextFile } from '../files.ts';

export interface Configuration {
  readonly model: Model;
  readonly hash: string;
  readonly file: string;
  readonly text: string;
}

const PLACES = { pops: new Set<string>(POPS.map((pop) => pop.code)), countries: new Set<string>(COUNTRIES.keys()) };

/** `minInterval`: shortest monitor interval, seconds. The service asks for 10 (C11); who probes only their own machine may ask for less. */
export function readConfiguration(file: string, minInterval: number): Checked<Configuration> {
  const read = readTextFile(file);
  if ('reason' in read) return { ok: false, problems: [fileProblem(file, read.reason)] };
  return parseConfiguration(read.text, file, minInterval);
}

export function parseConfiguration(text: string, file: string, minInterval: number): Checked<Configuration> {
  const document = readDocument(text, file);
  if (!document.ok) return document;
  const limits = { ...DEFAULT_LIMITS, intervalSeconds: [minInterval, DEFAULT_LIMITS.intervalSeconds[1]] as const };
  const checked = checkConfig(document.value, { ...PLACES, limits });
  if (!checked.ok) return checked;
  const { model } = checked.value;
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
    value: { model, hash: configHash(document.value.value), file, text },
    warnings: checked.warnings,
  };
}

/** One line per problem, for logs: `shop.yaml:12:5: unknown key "steering_polcy", did you mean "steering_policy"?` */
export function problemLine({ file, line, column, message, hint }: Problem): string {
  return `${line === 0 ? file : `${file}:${line}:${column}`}: ${message}${hint === '' ? '' : `, ${hint}`}`;
}
