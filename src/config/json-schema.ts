/**
 * The JSON Schema of a configuration file, for editors: made from the shapes, so that it cannot say anything else.
 */
import * as z from 'zod';
import { configShape } from './config-file.ts';
import { notesOf } from './shape.ts';

type Json = Record<string, unknown>;

/** Draft 2020-12, with descriptions and defaults; `switchyard schema config` prints it. */
export function configJsonSchema(): Json {
  return toJsonSchema(configShape);
}

/** Works for any zod schema; fields made with shape.ts bring their notes along. */
export function toJsonSchema(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      const made = jsonSchema as Json;
      const note = notesOf(zodSchema);
      // Editors show "integer or null" for every field that may be left out; the type alone reads better.
      const [only, nothing] = Array.isArray(made['anyOf']) ? (made['anyOf'] as Json[]) : [];
      if (only !== undefined && nothing?.['type'] === 'null' && (made['anyOf'] as Json[]).length === 2) {
        delete made['anyOf'];
        Object.assign(
          made,
          only,
          typeof only['type'] === 'string' ? { type: [only['type'], 'null'] } : { anyOf: [only, nothing] },
        );
        if (Array.isArray(made['enum'])) made['enum'] = [...(made['enum'] as unknown[]), null];
        if ('const' in made) {
          made['enum'] = [made['const'], null];
          delete made['const'];
        }
      }
      // Large bounds that only say "a safe integer" are noise.
      for (const bound of ['minimum', 'maximum'] as const) {
        if (Math.abs(Number(made[bound])) === Number.MAX_SAFE_INTEGER) delete made[bound];
      }
      if (note === undefined) return;
      const valid = note.valid ? ` (${note.valid})` : '';
      made['description'] = `${note.description}${valid}`;
      if (note.fallback !== undefined) made['default'] = note.fallback;
      if (note.use === 'read_only') made['readOnly'] = true;
    },
  }) as Json;
}
