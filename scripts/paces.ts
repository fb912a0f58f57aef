/**
 * How fast a shipped drill is played, as its head says: `# pace: 10, quick: 20`. `pace` is that of the table in docs/fidelity.md, `quick` that
 * of the tests; where only one is said, both are that one.
 */
const DEFAULT_PACE = 10;

export interface Paces {
  readonly pace: number;
  readonly quick: number;
}

export function pacesOf(text: string): Paces {
  const said = /^# pace: (\d+)(?:, quick: (\d+))?\s*$/m.exec(text);
  const pace = Number(said?.[1] ?? DEFAULT_PACE);
  return { pace, quick: Number(said?.[2] ?? pace) };
}
