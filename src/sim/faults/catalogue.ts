/** Every fault there is, by name. A scenario that names another is refused with a suggestion. */
import { blackhole } from './blackhole.ts';
import { brownout } from './brownout.ts';
import { crash } from './crash.ts';
import { errors } from './errors.ts';
import type { Fault } from './fault.ts';
import { flap } from './flap.ts';
import { ignoreTtl } from './ignore-ttl.ts';
import { cut, delay, halfOpen, loss, rate } from './link-faults.ts';
import { badCert, drain, flush, kill, loseNode, stop, wrongToken } from './listener-faults.ts';
import { powerLoss } from './power-loss.ts';
import { refuse } from './refuse.ts';
import { reset } from './reset.ts';
import { slow } from './slow.ts';
import { tlsExpired } from './tls-expired.ts';
import { unreachable } from './unreachable.ts';
import { withdraw } from './withdraw.ts';

const ALL: readonly Fault[] = [
  ...[powerLoss, refuse, reset, blackhole, unreachable, tlsExpired, slow, errors, flap, brownout],
  ...[delay, rate, loss, cut, halfOpen],
  ...[kill, stop, drain, badCert, wrongToken, loseNode, flush],
  ...[withdraw, crash, ignoreTtl],
];

export const FAULTS: ReadonlyMap<string, Fault> = new Map(ALL.map((fault) => [fault.name, fault]));
