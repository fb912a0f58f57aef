/**
 * `switchyard doctor`: is this machine fit to run the edge, the listener and the drills? `doctor --decode HEADER` explains a
 * `Cf-Railgun` header, or its four flag digits alone, as `rg-diag` did (RG-068, RG-069).
 *
 * Exit code 0 when nothing is wrong that anything needs; 3 when something is; 2 for a header that is none.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { openStore } from '../live/stores/open-store.ts';
import { explainCfRailgun } from '../railgun/cf-railgun.ts';
import { EXIT, type Io, paint, wantsColour } from './io.ts';
import { VERSION } from './version.ts';

export interface DoctorFlags {
  readonly decode?: string;
  readonly store?: readonly string[];
  readonly json?: boolean;
}

/** `bad`: something will not run. `missing`: something optional is not there. */
export interface Finding {
  readonly what: string;
  readonly state: 'good' | 'missing' | 'bad';
  readonly text: string;
}

const NEEDED_NODE = 26;
/** What `serve` and `listener` take unless told otherwise. */
const PORTS: readonly (readonly [number, string])[] = [
  [8_080, 'serve --listen'],
  [8_787, 'serve --admin'],
  [2_408, 'listener (wan.port)'],
];
/** Stores that `railgun.conf` and `--store` name by default. */
const STORES = ['memcached://127.0.0.1:11211', 'redis://127.0.0.1:6379'];
const STORE_WAIT_MS = 1_500;
const TOOLS: readonly (readonly [string, string])[] = [
  ['memcached', 'page versions of the link; store tests'],
  ['redis-server', 'stores and sweeps over several machines; store tests'],
  ['nginx', 'the peer of bench:proxy and bench:link'],
  ['wrk', 'load for bench:proxy'],
];

export async function runDoctor(flags: DoctorFlags, io: Io): Promise<number> {
  if (flags.decode !== undefined) return decode(flags.decode, flags, io);
  const findings = await examine(flags.store ?? [], io.env);
  if (flags.json === true) {
    io.out(`${JSON.stringify({ version: VERSION, findings })}\n`);
  } else {
    const colour = wantsColour(io);
    io.out(`switchyard ${VERSION}\n`);
    for (const { what, state, text } of findings) {
      const mark =
        state === 'good' ? paint(colour, 'green', 'ok  ') : state === 'bad' ? paint(colour, 'red', 'bad ') : '-   ';
      io.out(`${mark} ${what.padEnd(30)} ${text}\n`);
    }
  }
  return findings.some((one) => one.state === 'bad') ? EXIT.checkFailed : EXIT.ok;
}

function decode(header: string, flags: DoctorFlags, io: Io): number {
  const lines = explainCfRailgun(header);
  if (lines === undefined) {
    io.err(
      `switchyard doctor: "${header.slice(0, 80)}" is no Cf-Railgun header; it reads "ID RATIO SECONDS FLAGS VERSION", "direct (REASON)", or four hex digits of flags\n`,
    );
    return EXIT.usage;
  }
  io.out(flags.json === true ? `${JSON.stringify({ header, lines })}\n` : `${lines.join('\n')}\n`);
  return EXIT.ok;
}

async function examine(stores: readonly string[], env: Io['env']): Promise<readonly Finding[]> {
  const major = Number(process.versions.node.split('.')[0]);
  const findings: Finding[] = [
    {
      what: 'Node.js',
      state: major >= NEEDED_NODE ? 'good' : 'bad',
      text: `${process.version} on ${process.platform} ${process.arch}; ${NEEDED_NODE} or newer is needed`,
    },
    {
      what: 'machine',
      state: 'good',
      text: `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`,
    },
    writable(tmpdir()),
  ];
  for (const [port, whose] of PORTS) findings.push(await portFinding(port, whose));
  for (const url of stores.length > 0 ? stores : STORES) findings.push(await storeFinding(url, stores.length > 0));
  for (const [name, use] of TOOLS) findings.push(toolFinding(name, use, env));
  return findings;
}

function writable(folder: string): Finding {
  try {
    accessSync(folder, constants.W_OK);
    return { what: 'temporary files', state: 'good', text: folder };
  } catch {
    return { what: 'temporary files', state: 'bad', text: `${folder} may not be written to` };
  }
}

function portFinding(port: number, whose: string): Promise<Finding> {
  const what = `port ${port}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ what, state: 'missing', text: `taken (${error.code ?? error.message}); ${whose} needs another` });
    });
    server.listen({ host: '127.0.0.1', port }, () => {
      server.close(() => resolve({ what, state: 'good', text: `free for ${whose}` }));
    });
  });
}

async function storeFinding(url: string, asked: boolean): Promise<Finding> {
  const what = url.replace(/\/\/[^@/]*@/, '//');
  const opened = openStore(url);
  if (!opened.ok) return { what, state: 'bad', text: opened.message };
  const there = await opened.store.ready(STORE_WAIT_MS);
  await opened.store.close();
  if (there) return { what, state: 'good', text: 'answers' };
  return { what, state: asked ? 'bad' : 'missing', text: 'does not answer' };
}

function toolFinding(name: string, use: string, env: Io['env']): Finding {
  const path = (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  const found = path.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) return { what: name, state: 'missing', text: `not installed; only for: ${use}` };
  return { what: name, state: 'good', text: `${found}${versionOf(found)}` };
}

function versionOf(file: string): string {
  try {
    const text = execFileSync(file, ['-v'], { encoding: 'utf8', timeout: 2_000, stdio: ['ignore', 'pipe', 'pipe'] });
    const version = /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0];
    return version === undefined ? '' : ` ${version}`;
  } catch {
    return '';
  }
}
