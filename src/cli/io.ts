/**
 * The terminal as a value: where results and progress go, whether anyone is looking, and the exit codes that never change
 * (DESIGN 2). Verbs take an `Io`, so tests run them without a process.
 */
import { styleText } from 'node:util';

/** 0 all checks held · 1 internal error · 2 usage or invalid file · 3 a check failed · 4 to 6 drills · 130 interrupted. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  checkFailed: 3,
  notSteady: 4,
  stopped: 5,
  rollback: 6,
  interrupted: 130,
} as const;

export interface Io {
  /** Results. */
  out(text: string): void;
  /** Progress, warnings, errors. */
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Columns of the terminal, 100 where there is none. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by the first Ctrl-C; a second one ends the process. */
  readonly interrupted: AbortSignal;
}

/** Colour on stdout: only for a terminal that wants it (no-color.org). */
export function wantsColour(io: Io, stream: 'out' | 'err' = 'out'): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = io.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return true;
  return TERM !== 'dumb' && (stream === 'out' ? io.outIsTerminal : io.errIsTerminal);
}

export type Style = Parameters<typeof styleText>[0];

export function paint(colour: boolean, style: Style, text: string): string {
  return colour ? styleText(style, text, { validateStream: false }) : text;
}

/** The real terminal. A reader that goes away (`| head`) ends the process quietly. */
export function processIo(): Io {
  const interrupted = new AbortController();
  let presses = 0;
  process.on('SIGINT', () => {
    presses += 1;
    if (presses > 1) process.exit(EXIT.interrupted);
    interrupted.abort();
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  // Whoever read the log has gone: no reason for an edge to go too.
  process.stderr.on('error', () => {});
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.columns ?? 100,
    env: process.env,
    cwd: process.cwd(),
    interrupted: interrupted.signal,
  };
}
