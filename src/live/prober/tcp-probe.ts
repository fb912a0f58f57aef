/** A tcp probe: the connection is established, and closed (spec 3.1). */
import type { Attempt } from './attempt.ts';
import { type Lookup, open, resolve } from './connect.ts';

export function probeTcp(attempt: Attempt, lookup: Lookup): void {
  const { address, port } = attempt.request;
  resolve(attempt, lookup, address, (resolved) => {
    attempt.begin();
    open(attempt, resolved, port, () => attempt.passed());
  });
}
