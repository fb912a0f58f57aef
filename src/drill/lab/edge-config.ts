/**
 * The scenario's configuration as one edge of the lab gets it: the same objects, with addresses, ports and keys of the lab in them. Pure.
 * Monitors probe where the lab's origins listen; origins behind a link get a Host of their own, so that the listener's map can tell them
 * apart (the map goes by host, RG-082).
 */
import { isRecord } from '../../config/plain-value.ts';
import type { Model } from '../../core/model.ts';
import { type Endpoint, LabError } from '../lab.ts';

export interface LabAddresses {
  /** By global number: where this edge meets the origin. */
  readonly origins: readonly Endpoint[];
  readonly link: (Endpoint & { readonly key: string }) | undefined;
  /** Origins get the Host `o<number>.lab.invalid`. */
  readonly ownHosts: boolean;
  readonly tls: boolean;
  /** One port for all origins, which differ by their addresses: a monitor has but one port. */
  readonly port: number;
}

export function hostOf(origin: number): string {
  return `o${origin}.lab.invalid`;
}

/** `raw` is what `model` was read from. */
export function edgeConfig(raw: unknown, model: Model, lab: LabAddresses): Readonly<Record<string, unknown>> {
  if (!isRecord(raw)) throw new LabError('the configuration is no object');
  const pools = listOf(raw, 'pools');
  let number = 0;
  const madePools = model.pools.map((pool, index) => {
    const written = pools[index];
    const origins = isRecord(written) ? listOf(written, 'origins') : [];
    return {
      ...(isRecord(written) ? written : {}),
      origins: pool.origins.map((origin, at) => {
        const endpoint = lab.origins[number];
        const header = lab.ownHosts ? { header: { Host: [hostOf(number)] } } : {};
        number += 1;
        const before = origins[at];
        // A name that was the address has to be said now that the address is another.
        const after = { ...(isRecord(before) ? before : {}), name: origin.name, ...header };
        return { ...after, address: endpoint?.host ?? '', port: endpoint?.port ?? 0 };
      }),
    };
  });
  const { link } = lab;
  return {
    ...raw,
    pools: madePools,
    ...(raw['monitors'] === undefined ? {} : { monitors: listOf(raw, 'monitors').map((one) => monitorOf(one, lab)) }),
    ...(raw['railguns'] === undefined
      ? {}
      : {
          railguns: listOf(raw, 'railguns').map((one) =>
            isRecord(one) && link !== undefined
              ? { ...one, railgun_host: link.host, port: link.port, activation_key: link.key }
              : one,
          ),
        }),
  };
}

function monitorOf(written: unknown, { port, tls }: LabAddresses): unknown {
  if (!isRecord(written)) return written;
  const { type } = written;
  if (type === 'tcp') return { ...written, port };
  if (type === 'https') return { ...written, type: tls ? 'https' : 'http', port };
  // A monitor that did not look at certificates must not begin to.
  return tls ? { ...written, type: 'https', port, allow_insecure: true } : { ...written, port };
}

function listOf(value: Readonly<Record<string, unknown>>, key: string): readonly unknown[] {
  const list = value[key];
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}
