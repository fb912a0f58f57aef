/**
 * The process behind `switchyard lab-network`: the lab's network (`network.ts`) at the end of calls, and the lab's keeper. When the
 * drill is gone without a word (`kill -9`), the keeper ends every process in the drill's ledger, frozen ones too, and removes its folder.
 */
import { rmSync } from 'node:fs';
import { seededRandom } from '../../core/random.ts';
import type { L4CheckSettings } from '../../railgun/l4-checks.ts';
import type { Endpoint } from '../lab.ts';
import { answerCalls } from './calls.ts';
import { endAll, readLedger } from './ledger.ts';
import { type DoorEffect, type DoorOrder, LabNetwork } from './network.ts';

/** What the balancer tells of its targets. */
export interface BalancerNews {
  readonly kind: 'in_service' | 'out_of_service';
  readonly target: string;
}

export function runNetwork(seed: string, folder: string): Promise<number> {
  return new Promise((resolve) => {
    const network = new LabNetwork(seededRandom(seed).fork('network'), (event) => {
      if (event.kind === 'in_service' || event.kind === 'out_of_service')
        tell({ kind: event.kind, target: event.target.id } satisfies BalancerNews);
    });
    let left = false;
    const tell = answerCalls(
      {
        door: (order: DoorOrder) => network.openDoor(order),
        prepareHoles: () => network.prepareHoles(),
        lay: ({ doors, effect }: { doors: readonly string[]; effect: DoorEffect }) => network.lay(doors, effect),
        lift: (effect: number) => network.lift(effect),
        counts: () => network.counts(),
        balancer: (order: {
          listen: Endpoint;
          checks: L4CheckSettings;
          targets: readonly { id: string; at: Endpoint }[];
        }) => network.openBalancer(order),
        addTarget: ({ id, at }: { id: string; at: Endpoint }) => network.addTarget(id, at),
        removeTarget: (id: string) => network.removeTarget(id),
        inService: () => network.inService(),
        /** The drill ends in order: nothing is left to keep. */
        leave: () => {
          left = true;
        },
      },
      () => {
        if (!left) {
          endAll(readLedger(folder));
          rmSync(folder, { recursive: true, force: true });
        }
        process.exit(0);
      },
    );
    process.on('SIGTERM', () => {
      void network.close().then(() => {
        resolve(0);
        process.exit(0);
      });
    });
    tell({ kind: 'ready' });
  });
}
