/** A small configuration for tests of this room, from YAML. */
import { parseConfig } from '../../src/config/config-file.ts';
import { readDocument } from '../../src/config/document.ts';
import type { Model } from '../../src/core/model.ts';
import { COUNTRIES, POPS } from '../../src/geo/tables.ts';

export const CODES = {
  pops: new Set<string>(POPS.map((pop) => pop.code)),
  countries: new Set<string>(COUNTRIES.keys()),
};

export function modelOf(yaml: string): Model {
  const read = readDocument(`version: 1\n${yaml}`, 'test.yaml');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const { model, findings } = parseConfig(read.value.value, CODES);
  if (model === undefined) throw new Error(JSON.stringify(findings));
  return model;
}
