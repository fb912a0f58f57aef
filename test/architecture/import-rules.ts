/**
 * Who may import whom (STYLE 2), as one table, and the reader of imports that it is applied to. dependency-cruiser finds and resolves
 * the imports, types included; what they mean for the house is decided here. The rules about clock, chance and network that no import
 * gives away are in `hidden-inputs.ts`.
 */
import { cruise, type ICruiseResult } from 'dependency-cruiser';

interface Rights {
  /** Rooms it may import from, its own aside. */
  readonly rooms: readonly string[];
  /** Packages from npm. `any` for the rims of the house. */
  readonly packages: readonly string[] | 'any';
  /** Modules of Node beyond `PURE_BUILTINS`. */
  readonly builtins?: 'any';
}

/** Of Node itself, rooms that run in both worlds may use what only computes. */
const PURE_BUILTINS: readonly string[] = ['assert', 'buffer', 'crypto', 'util', 'zlib'];

const SIX = ['config', 'geo', 'health', 'steering', 'http1', 'railgun'];

const ROOMS: Readonly<Record<string, Rights>> = {
  core: { rooms: [], packages: ['seedrandom'] },
  config: { rooms: ['core'], packages: ['ipaddr.js', 'yaml', 'zod'] },
  geo: { rooms: ['core'], packages: ['ipaddr.js', 'lru-cache', 'maxmind'] },
  health: { rooms: ['core'], packages: [] },
  steering: { rooms: ['core'], packages: ['ipaddr.js'] },
  http1: { rooms: ['core'], packages: [] },
  railgun: { rooms: ['core'], packages: [] },
  sim: { rooms: ['core', 'http1', 'railgun'], packages: [] },
  live: { rooms: ['core', 'http1', 'railgun'], packages: 'any', builtins: 'any' },
  edge: { rooms: ['core', ...SIX], packages: [] },
  api: { rooms: ['core', 'config', 'edge'], packages: 'any' },
  dashboard: { rooms: ['core', 'config', 'edge'], packages: 'any' },
  checks: { rooms: ['core'], packages: [] },
  report: {
    rooms: ['core'],
    packages: [
      ...['cli-table3', 'd3-geo', 'echarts', 'junit-report-builder', 'string-width'],
      ...['topojson-client', 'topojson-specification', 'world-atlas', 'zod'],
    ],
  },
  replay: { rooms: ['core', 'config', 'geo', 'health', 'steering', 'edge', 'sim', 'checks'], packages: ['zod'] },
  sweep: { rooms: ['core', ...SIX, 'edge', 'sim', 'checks', 'replay'], packages: 'any', builtins: 'any' },
  drill: {
    rooms: ['core', 'config', 'geo', 'health', 'http1', 'railgun', 'edge', 'sim', 'live', 'replay', 'checks'],
    packages: 'any',
    builtins: 'any',
  },
  cli: { rooms: ['*'], packages: 'any', builtins: 'any' },
};

export interface Import {
  /** Both relative to the folder that holds `src`. */
  readonly from: string;
  readonly to: string;
  /** As written: `node:net`, `zod`, `../core/time.ts`. */
  readonly written: string;
  readonly kind: 'file' | 'package' | 'builtin' | 'missing';
}

export interface Imports {
  readonly modules: readonly string[];
  readonly imports: readonly Import[];
}

/** Every import below `base/src`, imports of types too. */
export async function readImports(base: string): Promise<Imports> {
  const { output } = await cruise(
    ['src'],
    { baseDir: base, tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, exclude: { path: '\\.json$' } },
    { extensions: ['.ts', '.js', '.json'] },
  );
  const { modules } = output as ICruiseResult;
  const own = modules.filter((module) => module.source.startsWith('src/'));
  const imports = own.flatMap((module) =>
    module.dependencies.map((dependency): Import => {
      const { module: written, resolved, coreModule, couldNotResolve } = dependency;
      const relative = written.startsWith('.');
      const kind = coreModule ? 'builtin' : !relative ? 'package' : couldNotResolve ? 'missing' : 'file';
      return { from: module.source, to: resolved, written, kind };
    }),
  );
  return { modules: own.map((module) => module.source), imports };
}

/** One sentence per broken rule, in the order of the files. */
export function brokenImportRules({ modules, imports }: Imports): string[] {
  // A reader that finds nothing (a compiler it cannot use, a moved folder) would let everything pass.
  if (modules.length === 0) return ['no module was seen: the reader of imports is broken'];
  const homeless = modules.filter((module) => ROOMS[roomOf(module)] === undefined);
  return [
    ...homeless.map((module) => `${module} is in no room of the house (STYLE 2)`),
    ...imports.flatMap((one) => objection(one) ?? []),
  ].toSorted();
}

function objection({ from, to, written, kind }: Import): string | undefined {
  const room = roomOf(from);
  const rights = ROOMS[room];
  if (rights === undefined) return undefined;
  switch (kind) {
    case 'missing':
      return `${from} imports ${written}, which is not there`;
    case 'builtin': {
      const name = written.replace(/^node:/, '');
      if (rights.builtins === 'any' || PURE_BUILTINS.includes(name)) return undefined;
      return `${from} imports node:${name}: ${room} may use only ${PURE_BUILTINS.join(', ')} of Node`;
    }
    case 'package': {
      const name = packageOf(written);
      if (rights.packages === 'any' || rights.packages.includes(name)) return undefined;
      return `${from} imports the package ${name}, which ${room} may not`;
    }
    case 'file': {
      // package.json and data files outside src belong to the rims.
      const target = to.startsWith('src/') ? roomOf(to) : `${to.split('/')[0]} (outside src)`;
      if (target === room || rights.rooms.includes('*') || rights.rooms.includes(target)) return undefined;
      return `${from} imports ${to}: ${room} may import ${rights.rooms.join(', ') || 'no other room'}`;
    }
  }
}

/** `src/core/time.ts` is in `core`. */
function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function packageOf(written: string): string {
  return written
    .split('/')
    .slice(0, written.startsWith('@') ? 2 : 1)
    .join('/');
}
