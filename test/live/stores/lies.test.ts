/** Servers that answer garbage, halves, too much, the wrong thing or nothing: they cost compression, never an error, never the process. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Socket } from 'node:net';
import { openStore } from '../../../src/live/stores/open-store.ts';
import type { Store, StoreOptions } from '../../../src/live/stores/store.ts';
import { opened, until } from './kinds.ts';
import { binaryAnswer, binaryRequests, type LyingServer, lyingServer } from './lying-server.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function server(
  onData: (socket: Socket, data: Buffer) => void,
  onConnect?: (socket: Socket) => void,
): Promise<LyingServer> {
  const lying = await lyingServer(onData, onConnect);
  closers.push(() => lying.close());
  return lying;
}

function open(spec: string, options: StoreOptions = {}): Store {
  const store = opened(openStore(spec, options));
  closers.unshift(() => store.close());
  return store;
}

function total(
  store: Store,
  of: 'hits' | 'timeouts' | 'errors' | 'skipped' | 'stored' | 'rests' | 'refused' | 'tooLarge',
): number {
  return store.report().reduce((sum, node) => sum + node[of], 0);
}

/**
 * The server is honest until the store trusts it, then lies. Whatever comes, every question settles, none with a value.
 */
async function lieTo(kind: 'redis' | 'memcached', lie: (socket: Socket, data: Buffer) => void): Promise<Store> {
  let lying = false;
  const honest = kind === 'redis' ? honestRedis : honestMemcached;
  const { port } = await server((socket, data) => (lying ? lie(socket, data) : honest(socket, data)));
  const store = open(`${kind}://127.0.0.1:${port}`, { limitBytes: 100_000 });
  expect(await store.ready(20_000)).toBe(true);
  lying = true;
  for (let i = 0; i < 20; i++) {
    const [found, taken] = await Promise.all([
      store.lookup(`key-${i}`),
      store.set(`key-${i}`, Buffer.from('value'), 60),
    ]);
    expect(found.kind).not.toBe('hit');
    expect(taken).toBe(false);
  }
  await until('it is left alone', () => !store.available);
  expect(total(store, 'rests')).toBeGreaterThan(0);
  expect(await store.lookup('key')).toEqual({ kind: 'down' });
  lying = false;
  await until('an honest server is trusted again', async () => (await store.lookup('key')).kind === 'miss');
  return store;
}

function honestRedis(socket: Socket, data: Buffer): void {
  const text = data.toString('latin1').toLowerCase();
  for (const command of text.match(/\r\n(info|get|set|del|select)\r\n/g) ?? []) {
    if (command.includes('info')) socket.write('$15\r\nredis_version:7\r\n');
    else socket.write(command.includes('get') ? '$-1\r\n' : '+OK\r\n');
  }
}

function honestMemcached(socket: Socket, data: Buffer): void {
  for (const request of binaryRequests(data)) socket.write(binaryAnswer(request, { status: request[1] === 0 ? 1 : 0 }));
}

const EVERYWHERE: readonly [string, (socket: Socket) => void][] = [
  ['never answers', () => {}],
  ['closes', (socket) => socket.end()],
  ['resets', (socket) => socket.resetAndDestroy()],
  ['answers like a web server', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['answers zeros', (socket) => socket.write(Buffer.alloc(70_000))],
  ['answers 0xff', (socket) => socket.write(Buffer.alloc(70_000, 0xff))],
  ['answers one byte and stalls', (socket) => socket.write('\x81')],
];

const REDIS: readonly [string, (socket: Socket) => void][] = [
  ['answers half a value and stalls', (socket) => socket.write('$100\r\nhalf')],
  ['answers half a value and closes', (socket) => socket.end('$100\r\nhalf')],
  ['names an array of four billion', (socket) => socket.write('*4294967295\r\n')],
  ['names an array longer than an array may be', (socket) => socket.write('*99999999999\r\n')],
  ['nests without end', (socket) => socket.write('*1\r\n'.repeat(50_000))],
  ['names a length below nothing', (socket) => socket.write('$-7\r\n')],
  ['answers numbers', (socket) => socket.write(':7\r\n:7\r\n')],
  ['answers errors', (socket) => socket.write('-ERR no\r\n-ERR no\r\n')],
  ['asks for a password', (socket) => socket.write('-NOAUTH Authentication required.\r\n'.repeat(2))],
];

const MEMCACHED: readonly [string, (socket: Socket, data: Buffer) => void][] = [
  ['names a length of four billion', (socket, data) => socket.write(binaryAnswer(data, { length: 0xffff_ffff }))],
  ['names a length a little too large', (socket, data) => socket.write(binaryAnswer(data, { length: 102_000 }))],
  ['names a key longer than the body', (socket, data) => socket.write(binaryAnswer(data, { keyLength: 9_999 }))],
  ['answers what nobody asked', (socket, data) => socket.write(binaryAnswer(data, { opaque: 0x7fff_ffff }))],
  ['answers another command', (socket, data) => socket.write(binaryAnswer(data, { opcode: 0x0a }))],
  ['asks for a password', (socket, data) => socket.write(binaryAnswer(data, { status: 0x20 }))],
  [
    'knows no command',
    (socket, data) => binaryRequests(data).forEach((one) => socket.write(binaryAnswer(one, { status: 0x81 }))),
  ],
  ['answers half a header and closes', (socket, data) => socket.end(binaryAnswer(data, {}).subarray(0, 11))],
  ['answers half a value and stalls', (socket, data) => socket.write(binaryAnswer(data, { length: 1_000 }))],
];

describe('a store that lies', () => {
  it.each([...EVERYWHERE, ...REDIS])('RG-054 redis %s', async (_what, lie) => {
    await lieTo('redis', lie);
  });

  it.each([...EVERYWHERE, ...MEMCACHED])('RG-054 memcached %s', async (_what, lie) => {
    await lieTo('memcached', lie);
  });

  it('sends bytes without end: the connection is cut, memory stays', async () => {
    const flood = Buffer.alloc(65_536, 'x');
    const pour = (socket: Socket): void => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(flood));
      };
      socket.on('drain', more);
      more();
    };
    for (const kind of ['redis', 'memcached'] as const) {
      let pouring = false;
      const sockets = new Set<Socket>();
      const honest = kind === 'redis' ? honestRedis : honestMemcached;
      const { port } = await server(
        (socket, data) => {
          if (!pouring) honest(socket, data);
        },
        (socket) => sockets.add(socket),
      );
      const store = open(`${kind}://127.0.0.1:${port}`, { limitBytes: 100_000 });
      expect(await store.ready(20_000)).toBe(true);
      // The beginning of an honest bulk of 500 MB, for Redis; for memcached any byte is too many.
      pouring = true;
      const poured = [...sockets];
      for (const socket of poured) {
        socket.write('$500000000\r\n');
        pour(socket);
      }
      // Nobody asks, and yet it is cut.
      await until('the flood is cut', () => poured.every((socket) => socket.destroyed));
      for (const socket of poured) expect(socket.bytesWritten).toBeLessThan(50_000_000);
      expect(await store.get('key')).toBeUndefined();
    }
  });

  it("gives a value to every question, and it is the wrong one: passed on as it is, the digest is the caller's", async () => {
    const { port } = await server((socket, data) => {
      for (const request of binaryRequests(data))
        socket.write(binaryAnswer(request, { value: Buffer.from('of another page') }));
    });
    const store = open(`memcached://127.0.0.1:${port}`, { budgetMs: 10_000 });
    expect(await store.ready(20_000)).toBe(true);
    expect(Buffer.from((await store.get('mine')) ?? []).toString()).toBe('of another page');
    expect(store.available).toBe(true);
  });

  it('RG-057 gives a value larger than the limit: a miss', async () => {
    const { port } = await server((socket, data) => {
      for (const request of binaryRequests(data)) {
        socket.write(
          binaryAnswer(
            request,
            request[12] === 0 && request[15] === 1 ? { status: 1 } : { value: Buffer.alloc(1_001) },
          ),
        );
      }
    });
    const store = open(`memcached://127.0.0.1:${port}`, { limitBytes: 1_000, budgetMs: 10_000 });
    expect(await store.ready(20_000)).toBe(true);
    expect(await store.lookup('a')).toEqual({ kind: 'miss' });
    expect(total(store, 'tooLarge')).toBe(1);
  });
});

describe('a store that answers in pieces', () => {
  it.each([1, 7, 23, 24, 25, 60])('is understood when memcached sends %d bytes at a time', async (size) => {
    const value = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff));
    const queue: [Socket, Buffer][] = [];
    let busy = false;
    const trickle = (): void => {
      const next = queue.shift();
      if (next === undefined) {
        busy = false;
        return;
      }
      busy = true;
      next[0].write(next[1], () => setImmediate(trickle));
    };
    const { port } = await server((socket, data) => {
      socket.setNoDelay(true);
      const answers = Buffer.concat(binaryRequests(data).map((request) => binaryAnswer(request, { value })));
      for (let at = 0; at < answers.length; at += size) queue.push([socket, answers.subarray(at, at + size)]);
      if (!busy) trickle();
    });
    const store = open(`memcached://127.0.0.1:${port}`, { budgetMs: 10_000 });
    expect(await store.ready(20_000)).toBe(true);
    const found = await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.get(key)));
    for (const one of found) expect(Buffer.from(one ?? [])).toEqual(value);
  });
});

describe('a store that is slow', () => {
  it('RG-055 a lookup that is not answered ends with its budget, as a miss', async () => {
    const { port } = await server(() => {});
    const { port: honestPort } = await server(honestMemcached);
    const store = open(`memcached://127.0.0.1:${honestPort},127.0.0.1:${port}?weight=1,1000000`);
    // Only the first node is ever ready; nearly all keys live on the other, which is not waited for at all.
    await until('one node answers', () => store.available);
    expect(await store.lookup('any key')).toEqual({ kind: 'miss' });
    expect(total(store, 'timeouts')).toBe(0);
  });

  it('RG-055 pays the budget for the first few questions, then for none', async () => {
    let silent = false;
    const { port } = await server((socket, data) => {
      if (!silent) honestMemcached(socket, data);
    });
    const store = open(`memcached://127.0.0.1:${port}`);
    expect(await store.ready(20_000)).toBe(true);
    silent = true;
    for (let i = 0; i < 200; i++) expect((await store.lookup(`${i}`)).kind).toBe('down');
    expect(total(store, 'timeouts')).toBeLessThanOrEqual(3);
    expect(total(store, 'timeouts') + total(store, 'errors')).toBeGreaterThan(0);
    expect(total(store, 'skipped')).toBeGreaterThanOrEqual(190);
  });

  it('never waits for a connection: a store that is not there is a miss from the first question on', async () => {
    const { port } = await server(() => {});
    for (const kind of ['redis', 'memcached']) {
      const store = open(`${kind}://127.0.0.1:${port}`);
      expect(await store.lookup('a')).toEqual({ kind: 'down' });
      expect(await store.set('a', new Uint8Array(1), 60)).toBe(false);
      expect(total(store, 'timeouts')).toBe(0);
    }
  });

  it('leaves no connection behind when it is closed', async () => {
    const silent = await server(() => {});
    for (const kind of ['redis', 'memcached', 'redis-cluster']) {
      const before = silent.accepted();
      const store = opened(openStore(`${kind}://127.0.0.1:${silent.port}`));
      await until('it connects', () => silent.accepted() > before);
      await store.close();
      await until('it is gone', () => silent.open() === 0);
    }
  });
});
