/**
 * What carries the traffic: this process (`LocalPlane`), or several workers (`fleet.ts`). The service above sees no difference.
 */
import { networkInterfaces } from 'node:os';
import type { Problem } from '../../core/problem.ts';
import type { HealthBoard } from '../../health/view.ts';
import type { Samples } from '../../live/counter-table.ts';
import type { ListenOptions } from '../../live/proxy/engine.ts';
import type { Configuration } from './configuration.ts';
import type { RecordedProbe } from './health.ts';
import type { EdgeNode } from './node.ts';
import { type Endpoint, printEndpoint, type ServeOptions } from './options.ts';
import type { TlsSettings } from './tls.ts';

export interface Addresses {
  readonly listen: Endpoint | undefined;
  readonly listenTls: Endpoint | undefined;
}

export interface DataPlane {
  /** Listeners up, or why not. */
  start(): Promise<{ readonly addresses: Addresses } | { readonly problems: readonly Problem[] }>;
  adopt(configuration: Configuration, board: HealthBoard): void;
  /** A probe's result was recorded on the board. */
  recorded(probe: RecordedProbe): void;
  /** Of each process that carries traffic. */
  samples(): Promise<readonly Samples[]>;
  readonly workers: number;
  /** Files that somebody may have replaced: logs that were moved away, certificates. */
  reopenFiles(): void;
  /** Running requests end, new connections are not taken; resolves when all is quiet or the time is over. */
  drain(graceMs: number): Promise<void>;
  stop(): void;
}

export class LocalPlane implements DataPlane {
  readonly workers = 1;
  readonly #node: EdgeNode;
  readonly #options: Pick<ServeOptions, 'listen' | 'listenTls'>;
  readonly #tls: TlsSettings | undefined;

  constructor(node: EdgeNode, options: Pick<ServeOptions, 'listen' | 'listenTls'>, tls: TlsSettings | undefined) {
    this.#node = node;
    this.#options = options;
    this.#tls = tls;
  }

  start(): ReturnType<DataPlane['start']> {
    return listenAll(this.#node, this.#options, this.#tls);
  }

  adopt({ model }: Configuration, board: HealthBoard): void {
    this.#node.adopt(model, board);
    this.#tls?.adopt(model);
  }

  recorded(): void {
    // The node steers by the very board that the probe was recorded on.
  }

  samples(): Promise<readonly Samples[]> {
    return Promise.resolve([]);
  }

  reopenFiles(): void {
    // The service has the log of this process.
    this.#tls?.renew();
  }

  drain(graceMs: number): Promise<void> {
    return this.#node.engine.drain(graceMs);
  }

  stop(): void {
    this.#node.engine.stop();
  }
}

/** Bring up the listeners of one process. */
export async function listenAll(
  node: EdgeNode,
  options: Pick<ServeOptions, 'listen' | 'listenTls'>,
  tls: TlsSettings | undefined,
): Promise<{ readonly addresses: Addresses } | { readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  const open = async (
    flag: string,
    at: Endpoint | undefined,
    more: Partial<ListenOptions>,
  ): Promise<Endpoint | undefined> => {
    if (at === undefined) return undefined;
    try {
      const { host, port } = await node.engine.listen({ ...at, ...more });
      for (const each of reachableAt(host)) node.ownAddress(each, port);
      return { host, port };
    } catch (error) {
      problems.push(listenProblem(flag, at, error));
      return undefined;
    }
  };
  const listen = await open('--listen', options.listen, {});
  const listenTls = await open('--listen-tls', options.listenTls, tls?.listenOptions(node) ?? {});
  if (problems.length > 0) {
    node.engine.stop();
    return { problems };
  }
  if (listenTls !== undefined) node.httpsAt(listenTls.port);
  return { addresses: { listen, listenTls } };
}

/** `0.0.0.0` and `::` are reached at loopback too; an origin that names the edge will mostly say that. */
function reachableAt(host: string): readonly string[] {
  if (host === '0.0.0.0') return ['127.0.0.1', 'localhost', ...ownAddresses(4)];
  if (host === '::') return ['127.0.0.1', '::1', 'localhost', ...ownAddresses(4), ...ownAddresses(6)];
  return host === '127.0.0.1' || host === '::1' ? [host, 'localhost'] : [host];
}

function ownAddresses(family: 4 | 6): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter((each) => each.family === `IPv${family}`).map((each) => each.address),
  );
}

/** Why an address cannot be had, in words (issue: port taken, port below 1024). */
export function listenProblem(flag: string, at: Endpoint, error: unknown): Problem {
  const where = printEndpoint(at);
  const { code, message } = error as NodeJS.ErrnoException;
  const say = (what: string, hint: string): Problem => ({
    severity: 'error',
    file: flag,
    line: 0,
    column: 0,
    path: '',
    message: what,
    hint,
  });
  switch (code) {
    case 'EADDRINUSE':
      return say(
        `${where} is in use by another process`,
        'stop it, choose another port, or write port 0 for a free one',
      );
    case 'EACCES':
      return at.port < 1024
        ? say(
            `port ${at.port} needs more rights than this user has`,
            'choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE',
          )
        : say(`${where} may not be listened at (permission denied)`, 'choose another port');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EINVAL':
      return say(`this machine has no address ${at.host}`, 'write 127.0.0.1, 0.0.0.0 or an address of this machine');
    default:
      return say(`${where} cannot be listened at: ${message}`, '');
  }
}
