/**
 * `switchyard explain`: one request, the whole decision, each rule tried and why it was passed over. With a scenario the world is played up
 * to the moment asked for; with a configuration alone everything is healthy.
 */
import type { Rung } from '../core/decision.ts';
import type { Problem } from '../core/problem.ts';
import { parseMoment } from '../core/quantities.ts';
import { toRfc3339 } from '../core/time.ts';
import { readDocument } from '../config/document.ts';
import { findPop } from '../geo/tables.ts';
import { type Explanation, explainAt } from '../replay/run.ts';
import { looksLikeScenario } from '../replay/scenario.ts';
import { httpFacts } from '../steering/request.ts';
import { FLAGSHIP, fileProblem, readTextFile } from './files.ts';
import { EXIT, type Io, paint, wantsColour } from './io.ts';
import { prepareScenario } from './prepare.ts';
import { refuse } from './refuse.ts';

export interface ExplainFlags {
  readonly from?: string;
  readonly ip?: string;
  readonly country?: string;
  readonly host?: string;
  readonly path: string;
  readonly method: string;
  readonly header: readonly string[];
  readonly cookie?: string;
  readonly at?: string;
  readonly seed?: string;
  readonly set: readonly string[];
  readonly geoDb?: string;
  readonly json?: boolean;
}

/** Where somebody is who does not say: the PoP of the documentation's examples. */
const DEFAULT_FROM = 'LHR';

export async function runExplain(file: string | undefined, flags: ExplainFlags, io: Io): Promise<number> {
  const path = file ?? FLAGSHIP;
  const read = readTextFile(path);
  if ('reason' in read) return refuse([fileProblem(path, read.reason)], flags, io);
  const document = readDocument(read.text, path);
  if (!document.ok) return refuse(document.problems, flags, io);

  const isScenario = looksLikeScenario(document.value.value);
  const text = isScenario ? read.text : scenarioAround(path);
  const prepared = await prepareScenario(text, path, flags);
  if (!prepared.ok) return refuse(prepared.problems, flags, io);
  const input = prepared.value;

  const problems: Problem[] = [];
  const complain = (flag: string, message: string, hint: string): void => {
    problems.push({ severity: 'error', file: flag, line: 0, column: 0, path: '', message, hint });
  };
  const at = flags.at === undefined ? input.start : parseMoment(flags.at, input.start);
  if (at === undefined) complain('--at', `"${flags.at}" is no moment`, 'write 12:03, +3m or RFC 3339');
  else if (at < input.start || at > input.end) {
    complain(
      '--at',
      `"${flags.at}" is outside the run`,
      `it runs from ${toRfc3339(input.start)} to ${toRfc3339(input.end)}`,
    );
  }
  if (flags.from !== undefined && findPop(flags.from) === undefined)
    complain('--from', `unknown PoP "${flags.from}"`, 'three letters, such as LHR');
  const balancer = input.balancerOf(flags.host);
  const names = input.model.loadBalancers.map((one) => one.name).join(', ');
  if (balancer < 0) complain('--host', `no load balancer answers for "${flags.host ?? ''}"`, `known: ${names}`);
  const headers: Record<string, string> = {};
  for (const header of flags.header) {
    const colon = header.indexOf(':');
    if (colon <= 0) complain('--header', `"${header}" is no header`, 'write name:value');
    else headers[header.slice(0, colon).trim().toLowerCase()] = header.slice(colon + 1).trim();
  }
  const claimed = flags.cookie === undefined ? undefined : findOrigin(input.model.pools, flags.cookie);
  if (flags.cookie !== undefined && claimed === undefined) {
    const known = input.model.pools.flatMap((pool) => pool.origins.map((origin) => `${pool.name}/${origin.name}`));
    complain('--cookie', `there is no origin "${flags.cookie}"`, `known: ${known.slice(0, 12).join(', ')}`);
  }
  if (problems.length > 0 || at === undefined || balancer < 0) return refuse(problems, flags, io);

  const address = flags.ip ?? '203.0.113.7';
  const nothingSaid = flags.from === undefined && flags.ip === undefined && flags.country === undefined;
  const location = input.locator.find({
    ...(flags.ip === undefined ? {} : { address: flags.ip }),
    ...(flags.country === undefined ? {} : { country: flags.country }),
    ...(nothingSaid ? { pop: DEFAULT_FROM } : flags.from === undefined ? {} : { pop: flags.from }),
  });
  const host = flags.host ?? input.model.loadBalancers[balancer]!.name;
  const [pathOnly = '/', query = ''] = flags.path.split('?', 2) as [string, string?];
  const explanation = await explainAt(input, {
    at,
    balancer,
    location,
    clientAddress: address,
    facts: httpFacts({ method: flags.method, host, path: pathOnly, query, headers }),
    claim:
      claimed === undefined
        ? undefined
        : { loadBalancer: input.model.loadBalancers[balancer]!.id, ...claimed, issuedAt: Math.floor(at / 1e6) - 60 },
  });
  if (flags.json === true) {
    const { decision, rungs } = explanation;
    const { settings: _settings, ...shown } = 'settings' in decision ? decision : { ...decision, settings: undefined };
    io.out(`${JSON.stringify({ at: toRfc3339(at), location, decision: shown, rungs }, undefined, 2)}\n`);
    return EXIT.ok;
  }
  print(explanation, `${toRfc3339(at).slice(0, 19)}Z`, wantsColour(io), io);
  return EXIT.ok;
}

/** A configuration alone is asked about in a world without traffic and faults. */
function scenarioAround(path: string): string {
  const config = JSON.stringify(path.slice(path.lastIndexOf('/') + 1));
  return `{ version: 1, name: explain, config: ${config}, duration: 1m, traffic: [{ clients: { count: 1, rate: 1/h } }] }`;
}

function findOrigin(
  pools: Explanation['model']['pools'],
  text: string,
): { readonly pool: string; readonly origin: string } | undefined {
  const [poolName, originName] = text.split('/');
  for (const pool of pools) {
    if (originName !== undefined && pool.id !== poolName && pool.name !== poolName) continue;
    const wanted = originName ?? poolName;
    const origin = pool.origins.find((one) => one.name === wanted);
    if (origin !== undefined) return { pool: pool.id, origin: origin.name };
  }
  return undefined;
}

const MARKS: Readonly<Record<Rung['outcome'], string>> = {
  chosen: '✓',
  passed_over: '✗',
  matched: '•',
  not_matched: '·',
  noted: '·',
};

function print({ decision, rungs, model }: Explanation, at: string, colour: boolean, io: Io): void {
  const width = Math.max(...rungs.map((rung) => rung.subject.length), 8);
  io.out(`${paint(colour, 'bold', 'explain')}  at ${at}\n\n`);
  for (const rung of rungs) {
    const style = rung.outcome === 'chosen' ? 'green' : rung.outcome === 'passed_over' ? 'red' : 'dim';
    const detail = Object.entries(rung.detail)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ');
    io.out(
      `  ${paint(colour, style, MARKS[rung.outcome])} ${rung.step.padEnd(10)} ${rung.subject.padEnd(width)}  ${rung.reason}${detail === '' ? '' : paint(colour, 'dim', `  ${detail}`)}\n`,
    );
  }
  io.out(`\n${paint(colour, 'bold', 'answer')}  ${answer(decision, model)}\n`);
}

function answer(decision: Explanation['decision'], model: Explanation['model']): string {
  switch (decision.kind) {
    case 'origin':
    case 'fallback': {
      const pool = model.pools[decision.pool]!;
      const origin = pool.origins[decision.origin]!;
      const as = decision.kind === 'fallback' ? ' as fallback pool, whatever its health' : '';
      return `pool ${pool.name}, origin ${origin.name} (${origin.address})${as}: ${decision.because}`;
    }
    case 'fixed_response':
      return `fixed response ${decision.response.statusCode}, no pool is asked`;
    case 'records':
      return 'the balancer is disabled: the zone’s own records answer, if there are any';
    default:
      return 'nothing may serve: SOA for a DNS query, 530 with 1016 for a proxied request';
  }
}
