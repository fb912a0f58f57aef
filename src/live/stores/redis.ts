/**
 * Redis by `ioredis`, single or cluster. What of ioredis is switched off, and why: its queue for the time without a connection and its
 * resending (a page version that comes late is worth nothing), so that a command fails at once and `guard.ts` decides.
 */
import { AbstractConnector, Cluster, Redis, type RedisOptions } from 'ioredis';
import { Allowance, AROUND_VALUE_BYTES, connectStore, type StoreAddress } from './socket-guard.ts';
import type { StoreBackend } from './store.ts';

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
  readonly tls: boolean;
}

export interface RedisTarget extends RedisLogin {
  readonly address: StoreAddress;
  readonly db: number;
}

export interface RedisClusterTarget extends RedisLogin {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
}

/** A handshake that takes longer is a dead or far host; the next attempt may meet a better one. */
const CONNECT_TIMEOUT_MS = 1_000;
/** With the longest rest of the breaker, and connecting, well below five seconds. */
const LONGEST_RETRY_MS = 500;
/** Answers that may be on their way, of the largest size: as many as `guard.ts` lets be asked at once. */
const MOST_ANSWERS = 64;

export function redisBackend(target: RedisTarget, limitBytes: number): StoreBackend {
  const allowance = new Allowance(MOST_ANSWERS * (limitBytes + AROUND_VALUE_BYTES));
  const redis = new Redis({
    ...commonOptions(target, allowance),
    ...target.address,
    db: target.db,
    enableOfflineQueue: false,
    retryStrategy: retryAfter,
  });
  return backendOf(redis, limitBytes, allowance);
}

export function redisClusterBackend(target: RedisClusterTarget, limitBytes: number): StoreBackend {
  const allowance = new Allowance(MOST_ANSWERS * (limitBytes + AROUND_VALUE_BYTES));
  const cluster = new Cluster(
    target.nodes.map((node) => ({ ...node })),
    {
      redisOptions: commonOptions(target, allowance),
      enableOfflineQueue: false,
      clusterRetryStrategy: retryAfter,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    },
  );
  return backendOf(cluster, limitBytes, allowance);
}

function retryAfter(times: number): number {
  return Math.min(LONGEST_RETRY_MS, 10 * 2 ** Math.min(times, 10));
}

function commonOptions(login: RedisLogin, allowance: Allowance): Omit<RedisOptions, 'host' | 'port' | 'path'> {
  return {
    ...(login.username !== undefined && { username: login.username }),
    ...(login.password !== undefined && { password: login.password }),
    ...(login.tls && { tls: {} }),
    Connector: connectorWith(allowance),
    autoResendUnfulfilledCommands: false,
    // With 0, commands without an answer are rejected whenever a connection ends.
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxLoadingRetryTime: LONGEST_RETRY_MS,
    disableClientInfo: true,
  };
}

/** Makes ioredis use guarded sockets, and end them at once: half-closing would wait for a server that may have stopped. */
function connectorWith(allowance: Allowance): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;

    constructor(options: unknown) {
      super(0);
      this.#options = options as RedisOptions;
    }

    override async connect(): ReturnType<AbstractConnector['connect']> {
      const { host = '127.0.0.1', port = 6_379, path, tls } = this.#options;
      this.connecting = true;
      allowance.idle();
      const address = path === undefined || path === null ? { host, port } : { path };
      const stream = connectStore(address, tls === undefined ? false : host, allowance);
      stream.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return stream;
    }

    override disconnect(): void {
      this.connecting = false;
      if (this.stream !== undefined) this.stream.destroy();
    }
  };
}

function backendOf(redis: Redis | Cluster, limitBytes: number, allowance: Allowance): StoreBackend {
  // Failures are told by the commands; without a listener ioredis prints them.
  redis.on('error', () => {});
  let open = 0;
  const ask = async <Reply>(answerBytes: number, command: () => Promise<Reply>): Promise<Reply> => {
    open += 1;
    allowance.asked(answerBytes + AROUND_VALUE_BYTES);
    try {
      return await command();
    } finally {
      open -= 1;
      if (open === 0) allowance.idle();
    }
  };
  return {
    get: (key) =>
      ask(limitBytes, async () => {
        try {
          // A server may answer with any type.
          const value: unknown = await redis.getBuffer(key);
          if (value === null) return undefined;
          if (value instanceof Uint8Array) return value;
          throw new Error('not an answer to GET');
        } catch (error) {
          // Somebody else's list or set under our key.
          if (messageOf(error).startsWith('WRONGTYPE ')) return undefined;
          throw error;
        }
      }),
    set: (key, value, expirationSeconds) =>
      ask(0, async () => {
        // A cluster may hold a command until the connection to its node is there; a single server's is written at once.
        const bytes =
          redis instanceof Cluster ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.length);
        try {
          const reply: unknown = await (expirationSeconds === 0
            ? redis.set(key, bytes)
            : redis.set(key, bytes, 'EX', expirationSeconds));
          if (reply === 'OK') return true;
          throw new Error('not an answer to SET');
        } catch (error) {
          if (/^(?:OOM|MISCONF|READONLY|WRONGTYPE) /.test(messageOf(error))) return false;
          throw error;
        }
      }),
    delete: (key) =>
      ask(0, async () => {
        await redis.del(key);
      }),
    reset: () => redis.disconnect(true),
    close: async () => {
      // Between two attempts there is nothing to wait for, and ioredis then tells no end.
      const connected = ['connecting', 'connect', 'ready'].includes(redis.status);
      const ended = new Promise<void>((done) => redis.once('end', done));
      redis.disconnect();
      if (connected) await Promise.race([ended, new Promise((done) => setTimeout(done, CONNECT_TIMEOUT_MS).unref())]);
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
