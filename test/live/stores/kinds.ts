/** How tests open each kind of store, and the servers behind them. */
import { expect } from 'vitest';
import { type OpenedStore, openStore } from '../../../src/live/stores/open-store.ts';
import type { Store, StoreOptions } from '../../../src/live/stores/store.ts';
import type { StoreKind } from '../../contract/byte-store.ts';
import { missing, type RealServer, startServer } from '../../contract/servers.ts';

export function opened(result: OpenedStore): Store {
  if (!result.ok) throw new Error(result.message);
  return result.store;
}

/** Polls; gives up after so many turns that something is wrong, on any machine. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 4_000; turn++) {
    if (await holds()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`never: ${what}`);
}

export async function connected(spec: string | readonly string[], options: StoreOptions): Promise<Store> {
  const store = opened(openStore(spec, options));
  expect(await store.ready(60_000), 'the store answers').toBe(true);
  return store;
}

/** A server that is started once, when the first test asks for it. */
function once<Value>(start: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | undefined;
  return () => {
    value ??= start().catch((error: unknown) => {
      // Whoever asks next, or again, is not to be told of a start that failed before.
      value = undefined;
      throw error;
    });
    return value;
  };
}

const redis = once(() => startServer('redis-server'));
const redisSocket = once(() => startServer('redis-server', { unixSocket: true }));
const memcached = once(() => startServer('memcached'));
const memcachedSocket = once(() => startServer('memcached', { unixSocket: true }));
const secondMemcached = once(() => startServer('memcached'));
const cluster = once(startCluster);

/** Three masters with a third of the slots each. */
export async function startCluster(): Promise<readonly RealServer[]> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '15000'];
  const nodes: RealServer[] = [];
  for (let i = 0; i < 3; i++) {
    nodes.push(
      await startServer('redis-server', {
        args: [...args, '--cluster-config-file', `nodes-${process.pid}-${Math.trunc(performance.now() * 1e3)}.conf`],
      }),
    );
  }
  const [first] = nodes;
  for (const [i, node] of nodes.entries()) {
    const [from, to] = [Math.ceil((i * 16_384) / 3), Math.ceil(((i + 1) * 16_384) / 3) - 1];
    await node.tell(`CLUSTER ADDSLOTSRANGE ${from} ${to}`, /^\+OK/);
    if (node !== first) await node.tell(`CLUSTER MEET 127.0.0.1 ${first?.port}`, /^\+OK/);
  }
  await until('the cluster is whole', async () => {
    const views = await Promise.all(
      nodes.map((node) => node.tell('CLUSTER INFO', /cluster_known_nodes:\d+[\s\S]*\r\n\r\n/)),
    );
    return views.every((view) => view.includes('cluster_state:ok') && view.includes('cluster_known_nodes:3'));
  });
  return nodes;
}

export const KINDS: readonly StoreKind[] = [
  { name: 'memory', missing: undefined, open: (options) => connected('memory', options) },
  { name: 'mock', missing: undefined, open: (options) => connected('mock', options) },
  {
    name: 'redis',
    missing: missing('redis-server'),
    open: async (options) => connected(`redis://127.0.0.1:${(await redis()).port}/2`, options),
  },
  {
    name: 'redis on a Unix socket',
    missing: missing('redis-server'),
    open: async (options) => connected(`redis://${(await redisSocket()).path}`, options),
  },
  {
    name: 'redis cluster',
    missing: missing('redis-server'),
    open: async (options) => {
      const places = (await cluster()).map((node) => `127.0.0.1:${node.port}`);
      return connected(`redis-cluster://${places.join(',')}`, options);
    },
  },
  {
    name: 'memcached',
    missing: missing('memcached'),
    open: async (options) => connected(`memcached://127.0.0.1:${(await memcached()).port}`, options),
  },
  {
    name: 'memcached on a Unix socket',
    missing: missing('memcached'),
    open: async (options) => connected([(await memcachedSocket()).path], options),
  },
  {
    name: 'two memcached nodes',
    missing: missing('memcached'),
    open: async (options) => {
      const places = [await memcached(), await secondMemcached()].map((node) => `127.0.0.1:${node.port}`);
      return connected(places.join(' '), options);
    },
  },
];
