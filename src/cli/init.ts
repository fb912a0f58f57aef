/**
 * `switchyard init TEMPLATE`: copies a story of the library, with its configuration, to where its user will change it. It asks nothing, so
 * that scripts can call it; what is missing is listed. Files that exist stay as they are unless `--force` is given.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean } from '../core/suggest.ts';
import { displayPath, fileProblem, packageFile, reasonOf, writeWhole } from './files.ts';
import { EXIT, type Io, paint, wantsColour } from './io.ts';
import { refuse } from './refuse.ts';

interface Template {
  readonly name: string;
  readonly about: string;
  /** A file of `scenarios/`. */
  readonly scenario: string;
  readonly pop: string;
}

export const TEMPLATES: readonly Template[] = [
  {
    name: 'failover',
    about: 'a pool loses power; how many requests fail before anyone notices?',
    scenario: 'pool-loses-power.yaml',
    pop: 'LHR',
  },
  {
    name: 'geo',
    about: 'a region’s own list is exhausted; who serves it then?',
    scenario: 'geo-exhausted.yaml',
    pop: 'FRA',
  },
  {
    name: 'sticky-shop',
    about: 'rolling maintenance of a shop with carts; who loses one?',
    scenario: 'sticky-maintenance.yaml',
    pop: 'CDG',
  },
  {
    name: 'dns-failover',
    about: 'an outage behind a DNS-only balancer, with resolvers that cache',
    scenario: 'dns-only-failover.yaml',
    pop: 'IAD',
  },
  {
    name: 'railgun-fallback',
    about: 'the Railgun listener cannot be reached for ten minutes',
    scenario: 'railgun-listener-unreachable.yaml',
    pop: 'SYD',
  },
  {
    name: 'weighted-canary',
    about: 'a canary pool grows from 5 % to 50 %, fails and is taken back',
    scenario: 'weighted-canary.yaml',
    pop: 'SIN',
  },
];

export interface InitFlags {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export async function runInit(name: string | undefined, flags: InitFlags, io: Io): Promise<number> {
  if (name === undefined) {
    if (flags.json === true)
      io.out(`${JSON.stringify({ templates: TEMPLATES.map(({ name: one, about }) => ({ name: one, about })) })}\n`);
    else io.out(listing(wantsColour(io)));
    return EXIT.ok;
  }
  const template = TEMPLATES.find((one) => one.name === name);
  if (template === undefined) {
    const known = TEMPLATES.map((one) => one.name);
    io.err(
      `switchyard: there is no template "${name.slice(0, 60)}", ${didYouMean(name, known) || `known: ${known.join(', ')}`}\n`,
    );
    return EXIT.usage;
  }
  const files = filesOf(template).map(([file, text]) => ({ path: join(flags.dir, file), text }));
  const there = flags.force === true ? [] : files.filter(({ path }) => existsSync(path));
  if (there.length > 0) {
    const problems = there.map(({ path }) => ({
      ...fileProblem(path, 'exists already'),
      hint: '--force overwrites it, --dir writes elsewhere',
    }));
    return refuse(problems, flags, io);
  }
  try {
    for (const { path, text } of files) writeWhole(path, text);
  } catch (error) {
    return refuse([fileProblem(flags.dir, reasonOf(error), 'choose another folder with --dir')], flags, io);
  }
  const scenario = displayPath(join(flags.dir, `${template.name}.yaml`));
  const next = [
    `npx switchyard validate ${scenario}`,
    `npx switchyard replay ${scenario}`,
    `npx switchyard explain ${scenario} --from ${template.pop}`,
  ];
  if (flags.json === true)
    io.out(`${JSON.stringify({ template: template.name, files: files.map(({ path }) => path), next })}\n`);
  else {
    for (const { path } of files) io.out(`wrote ${displayPath(path)}\n`);
    io.out(`\nNext    ${next.join('\n        ')}\n`);
  }
  return EXIT.ok;
}

function listing(colour: boolean): string {
  const width = Math.max(...TEMPLATES.map(({ name }) => name.length));
  const rows = TEMPLATES.map(({ name, about }) => `  ${paint(colour, 'bold', name.padEnd(width))}  ${about}`);
  return `Templates\n${rows.join('\n')}\n\nNext    npx switchyard init ${TEMPLATES[0]!.name} --dir my-scenario\n`;
}

/**
 * The scenario under the template's name, the configuration that it names beside it, and the schemas that an editor finds from
 * their first lines.
 */
function filesOf({ name, scenario }: Template): [file: string, text: string][] {
  const text = readFileSync(packageFile(`scenarios/${scenario}`), 'utf8');
  const files: [string, string][] = [];
  const config = /^config: (\S+\.ya?ml)$/m.exec(text)?.[1];
  if (config !== undefined) {
    const own = readFileSync(packageFile(`scenarios/${config}`), 'utf8');
    files.push([config, own.replace('$schema=../../schema/', '$schema=../schema/')]);
  }
  for (const schema of ['scenario', 'config']) {
    const file = `schema/${schema}.schema.json`;
    files.push([file, readFileSync(packageFile(file), 'utf8')]);
  }
  return [[`${name}.yaml`, text.replace('$schema=../schema/', '$schema=schema/')], ...files];
}
