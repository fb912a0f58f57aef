/**
 * Our own mistakes. An assertion that fails is a bug in Switchyard, never a user's or a peer's doing: it throws,
 * and nobody in the core catches it. Live logs it and answers 500; a replay stops and prints the seed.
 */

export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

export function assert(holds: unknown, what: string): asserts holds {
  if (!holds) throw new AssertionFailed(what);
}

/** For the `default` of a `switch` over a union: the compiler refuses a forgotten member, and so does the run. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${JSON.stringify(value)}`);
}
