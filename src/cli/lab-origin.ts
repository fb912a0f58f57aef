/** `switchyard lab-origin`, hidden: one origin of a drill's lab, told what to be over IPC by the drill that started it. */
import type { Io } from './io.ts';
import { EXIT } from './io.ts';

export async function runLabOrigin(io: Io): Promise<number> {
  if (process.send === undefined) return refuseAlone('lab-origin', io);
  const { runOrigin } = await import('../drill/lab/origin-process.ts');
  return runOrigin();
}

export function refuseAlone(verb: string, io: Io): number {
  io.err(`switchyard ${verb}: error: this is a part of "switchyard drill", which starts it itself\n`);
  return EXIT.usage;
}
