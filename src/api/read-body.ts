/** Bodies of requests: JSON objects of bounded size, with known fields of known types. */
import type { Context } from 'hono';
import { didYouMean } from '../core/suggest.ts';
import { CODE, fail } from './envelope.ts';
import type { Plain } from './ports.ts';

/** A Railgun's body is a hundred bytes; a balancer with all its rules some hundred thousand. */
const BODY_BYTES_MAX = 1_048_576;

/** The object, or the answer that says why there is none. */
export async function readBody(c: Context): Promise<Plain | Response> {
  const text = await boundedText(c, BODY_BYTES_MAX);
  if (text === undefined)
    return fail(c, 413, { code: CODE.invalid, message: 'the body is too large: validation failed' });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail(c, 400, { code: CODE.invalid, message: 'the body is no JSON: validation failed' });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Plain;
  return fail(c, 400, { code: CODE.invalid, message: 'the body is no object: validation failed' });
}

/** The body, or `undefined` when it is longer than `most` bytes, whatever length was announced. */
export async function boundedText(c: Context, most: number): Promise<string | undefined> {
  const { body } = c.req.raw;
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What is wrong with the fields of a body; `undefined` when nothing is. */
export function onlyFields(
  body: Plain,
  fields: Readonly<Record<string, 'string' | 'boolean'>>,
  required: readonly string[],
): readonly { readonly path: string; readonly message: string }[] | undefined {
  const wrong: { path: string; message: string }[] = [];
  for (const name of required) {
    if (body[name] === undefined) wrong.push({ path: `/${name}`, message: `${name} is required` });
  }
  for (const [name, value] of Object.entries(body)) {
    const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (type === undefined) {
      const hint = didYouMean(name, Object.keys(fields));
      wrong.push({ path: `/${name}`, message: `unknown field ${name}${hint === '' ? '' : `, ${hint}`}` });
    } else if (typeof value !== type) {
      wrong.push({ path: `/${name}`, message: `${name} must be a ${type}` });
    }
  }
  return wrong.length === 0 ? undefined : wrong;
}
