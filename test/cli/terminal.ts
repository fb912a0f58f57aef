/** A terminal that nobody looks at, for verbs run within a test: what was said, and the exit code. */
import { main } from '../../src/cli/main.ts';
import type { Io } from '../../src/cli/io.ts';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function switchyard(argv: readonly string[], more: Partial<Io> = {}): Promise<Said> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    outIsTerminal: false,
    errIsTerminal: false,
    columns: 100,
    env: {},
    cwd: process.cwd(),
    interrupted: new AbortController().signal,
    ...more,
  };
  const code = await main(argv, io);
  return { code, out, err };
}
