/**
 * The JSON Schema of a scenario file: the shape that the reader uses, with the one part that the shape leaves open, the faults, written
 * out from their catalogue, so that an editor offers each fault with its own parameters.
 */
import { toJsonSchema } from '../config/json-schema.ts';
import { assert } from '../core/assert.ts';
import { scenarioSchema } from '../replay/scenario-schema.ts';
import { FAULTS } from '../sim/faults/catalogue.ts';
import type { Fault, Parameter, ParameterKind, TargetKind } from '../sim/faults/fault.ts';

type Json = Record<string, unknown>;

/** How the targets of each kind begin. */
const TARGETS: Readonly<Record<TargetKind, readonly string[]>> = {
  pool: ['pool'],
  origin: ['origin'],
  link: ['link'],
  listener: ['listener'],
  store: ['memcached', 'redis', 'store'],
  pop: ['pop'],
  region: ['region'],
  resolver: ['resolver'],
};

/** These stand for all there are when they are not named. */
const HAVE_DEFAULT: ReadonlySet<TargetKind> = new Set<TargetKind>(['link', 'listener', 'store', 'resolver']);

const WRITTEN: Readonly<Record<ParameterKind, Json>> = {
  duration: { type: 'string', examples: ['500ms', '90s', '5m'] },
  share: { type: ['string', 'number'], examples: ['40%', 0.4] },
  number: { type: 'number' },
  bitrate: { type: 'string', examples: ['50Mbit'] },
};

export function scenarioJsonSchema(): Json {
  const schema = toJsonSchema(scenarioSchema);
  const timeline = (schema['properties'] as Json)['timeline'] as Json;
  const entry = timeline['items'] as { anyOf: Json[] };
  const open = entry.anyOf.findIndex((one) => 'fault' in ((one['properties'] ?? {}) as Json));
  assert(open >= 0, 'the timeline has no entry with a fault');
  const common = entry.anyOf[open]!['properties'] as Json;
  entry.anyOf.splice(open, 1, ...[...FAULTS.values()].map((fault) => faultEntry(fault, common)));
  return schema;
}

function faultEntry(fault: Fault, common: Json): Json {
  const words = fault.targets.flatMap((kind) => TARGETS[kind]);
  const needed = !(fault.targets.length === 1 && HAVE_DEFAULT.has(fault.targets[0]!));
  return {
    type: 'object',
    description: `${fault.name}: ${fault.summary}.`,
    properties: {
      ...common,
      fault: { const: fault.name, description: `${fault.summary}.` },
      target: {
        type: 'string',
        pattern: `^(${words.join('|')})(/|$)`,
        description: words.map((word) => `${word}/NAME`).join(' or '),
      },
      ...Object.fromEntries(Object.entries(fault.parameters).map(([name, one]) => [name, parameterSchema(one)])),
    },
    required: needed ? ['at', 'fault', 'target'] : ['at', 'fault'],
    additionalProperties: false,
  };
}

function parameterSchema({ kind, summary, default: fallback }: Parameter): Json {
  return { ...WRITTEN[kind], description: `${summary}. Default ${shown(kind, fallback)}.` };
}

/** A default in the words of a scenario. */
function shown(kind: ParameterKind, value: number): string {
  switch (kind) {
    case 'duration':
      return value % 1_000_000 === 0 ? `${value / 1_000_000}s` : `${value / 1000}ms`;
    case 'share':
      return `${value * 100}%`;
    case 'bitrate':
      return `${(value * 8) / 1_000_000}Mbit`;
    case 'number':
      return String(value);
  }
}
