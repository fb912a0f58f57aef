/**
 * `switchyard schema [config|scenario]`: prints a JSON Schema for editors. `schema/` of the package holds the same files.
 */
import { configJsonSchema } from '../config/json-schema.ts';
import { didYouMean } from '../core/suggest.ts';
import { EXIT, type Io } from './io.ts';

const SCHEMAS: Readonly<Record<string, () => Promise<unknown>>> = {
  config: async () => configJsonSchema(),
  scenario: async () => (await import('./scenario-json-schema.ts')).scenarioJsonSchema(),
};

export async function runSchema(name: string, io: Io): Promise<number> {
  const make = Object.hasOwn(SCHEMAS, name) ? SCHEMAS[name] : undefined;
  if (make === undefined) {
    const known = Object.keys(SCHEMAS);
    io.err(
      `switchyard: there is no schema "${name.slice(0, 60)}", ${didYouMean(name, known) || `known: ${known.join(', ')}`}\n`,
    );
    return EXIT.usage;
  }
  io.out(`${JSON.stringify(await make(), undefined, 2)}\n`);
  return EXIT.ok;
}
