/**
 * The envelope of the public API (LB spec 7.1): every answer has `success`, `errors`, `messages` and `result`, a list `result_info` too.
 * The one place that knows it; resources return values. Codes are those that users of the service have seen (7.3).
 */
import type { Context } from 'hono';
import type { Problem } from '../core/problem.ts';

export interface ApiError {
  readonly code: number;
  readonly message: string;
  readonly source?: { readonly pointer: string };
}

export interface ResultInfo {
  readonly page: number;
  readonly per_page: number;
  readonly count: number;
  readonly total_count: number;
  readonly total_pages: number;
}

export const CODE = {
  internal: 1000,
  notFound: 1001,
  invalid: 1002,
  notUnique: 1003,
  noRoute: 7000,
  couldNotRoute: 7003,
  unauthenticated: 10_000,
} as const;

export function ok(c: Context, result: unknown, info?: ResultInfo): Response {
  const envelope = { success: true, errors: [], messages: [], result };
  return c.json(info === undefined ? envelope : { ...envelope, result_info: info });
}

export function fail(c: Context, status: 400 | 401 | 403 | 404 | 413 | 500, ...errors: readonly ApiError[]): Response {
  return c.json({ success: false, errors, messages: [], result: null }, status);
}

/** Each problem with the pointer to its place; the message ends as the service's do. */
export function invalid(c: Context, problems: readonly Pick<Problem, 'path' | 'message'>[]): Response {
  return fail(
    c,
    400,
    ...problems.map(({ path, message }) => {
      const unique = message.includes('value not unique');
      const source = path === '' ? {} : { source: { pointer: path } };
      const text = message.endsWith('validation failed') ? message : `${message}: validation failed`;
      return { code: unique ? CODE.notUnique : CODE.invalid, message: unique ? message : text, ...source };
    }),
  );
}

export function notFound(c: Context, what: string): Response {
  return fail(c, 404, { code: CODE.notFound, message: `${what} not found` });
}

export function unauthenticated(c: Context): Response {
  c.header('WWW-Authenticate', 'Bearer');
  return fail(c, 401, { code: CODE.unauthenticated, message: 'Authentication error' });
}

export function internalError(c: Context): Response {
  return fail(c, 500, { code: CODE.internal, message: 'Internal error' });
}

/** LB-245. */
export function noRoute(c: Context): Response {
  const { path } = c.req;
  return fail(
    c,
    404,
    { code: CODE.couldNotRoute, message: `Could not route to ${path}, perhaps your object identifier is invalid?` },
    { code: CODE.noRoute, message: 'No route for that URI' },
  );
}
