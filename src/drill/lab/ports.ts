/**
 * Addresses of the lab on loopback. Each way from an edge to an origin gets an address of its own and they share one port: then one
 * monitor's port fits all origins, no two origins of a pool have the same address, and a DNS answer says which origin is meant. Linux has
 * all of 127.0.0.0/8; elsewhere addresses beyond 127.0.0.1 have to be added first.
 */
import { createServer, type AddressInfo } from 'node:net';
import { type Endpoint, LabError } from '../lab.ts';

/** Ports tried until one is free at every address. */
const TRIES = 20;

const ADD_ADDRESSES =
  'Linux has all of 127.0.0.0/8; on macOS add one address for each edge and origin: sudo ifconfig lo0 alias 127.77.1.1 (edge 1, origin 1), and so on';

/** 127.77.EDGE.ORIGIN, both from 1. */
export function wayAddress(edge: number, origin: number): string {
  return `127.77.${edge + 1}.${origin + 1}`;
}

export async function freePort(host = '127.0.0.1', port = 0): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ host, port }, () => {
      const { port: found } = server.address() as AddressInfo;
      server.close(() => resolve(found));
    });
  });
}

/** A port that is free at all of these addresses. */
export async function commonPort(hosts: readonly string[]): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = await freePort(hosts[0]);
    if (port === undefined) throw new LabError(`${hosts[0] ?? ''} cannot be listened at`, ADD_ADDRESSES);
    const free = await Promise.all(hosts.slice(1).map((host) => freePort(host, port)));
    if (free.every((each) => each === port)) return port;
  }
  throw new LabError('no port is free at all of the addresses of the lab', 'does another program use 127.77.0.0/16?');
}

export async function freeEndpoint(): Promise<Endpoint> {
  const port = await freePort();
  if (port === undefined) throw new LabError('no port is free on 127.0.0.1');
  return { host: '127.0.0.1', port };
}
