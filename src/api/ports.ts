/**
 * What the API asks of whoever serves it. It keeps no state of its own: all it shows and changes is the configuration as written, which
 * is checked as a whole like a file before it is adopted. Clock, chance and the network are the server's.
 */
import type { Model, Railgun } from '../core/model.ts';
import type { Problem } from '../core/problem.ts';
import type { Micros } from '../core/time.ts';
import type { Diagnosis } from './diagnosis.ts';

export type Plain = Readonly<Record<string, unknown>>;

export interface ApiPorts {
  /** The configuration in force: as written, and what it means. */
  readonly current: () => { readonly written: Plain; readonly model: Model };
  /** Checks it and puts it in force, or says what is wrong. `why`: for logs and events. */
  readonly change: (written: Plain, why: string) => { readonly problems: readonly Problem[] } | undefined;
  readonly now: () => Micros;
  /** Of this program, for `upgrade_info`. */
  readonly version: string;
  /** 32 hex digits that no object has. */
  readonly newId: () => string;
  /** 32 letters and digits that nobody can guess. */
  readonly newToken: () => string;
  /** One real request for `host` and `path` by way of this link, whether the zone uses it or not. */
  readonly diagnose: (railgun: Railgun, host: string, path: string) => Promise<Diagnosis>;
  /** Signs a listener's certificate request (PKCS #10, PEM) for `name`; `undefined` when the request is none. */
  readonly sign: (request: string, name: string) => Promise<string | undefined>;
  /** What happened to a Railgun, for people who watch. */
  readonly tell: (facts: Plain) => void;
}
