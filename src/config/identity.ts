/**
 * Ids. In the public API the server makes them; in a file they may be left out, and then the object's name serves.
 */
import * as z from 'zod';
import { checked, maybe } from './shape.ts';

/** Spec 1: every documented id has at most 32 characters. A defaulted id is as long as its name. */
const MAX_ID = 32;

export const idField = maybe(
  checked(z.string(), (id) => {
    if (id === '' || /\s/.test(id)) return { kind: 'bad_format', message: 'id must be text without spaces' };
    if (id.length > MAX_ID) {
      return {
        kind: 'out_of_range',
        message: `id must have at most ${MAX_ID} characters`,
        hint: `it is ${id.length} long`,
      };
    }
    return undefined;
  }),
  'The name by which other objects refer to this one. The API makes 32 hex digits; any text will do here.',
  'at most 32 characters, no spaces; default: the `name`',
);
