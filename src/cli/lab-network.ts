/** `switchyard lab-network`, hidden: the relays and the balancer of a drill's lab, and its keeper. */
import type { Io } from './io.ts';
import { refuseAlone } from './lab-origin.ts';

export async function runLabNetwork(
  flags: { readonly seed: string; readonly folder: string },
  io: Io,
): Promise<number> {
  if (process.send === undefined) return refuseAlone('lab-network', io);
  const { runNetwork } = await import('../drill/lab/network-process.ts');
  return runNetwork(flags.seed, flags.folder);
}
