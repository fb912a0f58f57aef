/**
 * Certificates of the HTTPS listener: files that were named, which are read again when they change, or the local authority with one
 * certificate per name (SNI). Connections that stand keep the certificate they began with.
 */
import type { Server as TlsServer, TlsOptions } from 'node:tls';
import type { Model } from '../../core/model.ts';
import { type LocalCa, openLocalCa, readCertificate } from '../../live/local-ca.ts';
import type { ListenOptions } from '../../live/proxy/engine.ts';
import { serveHttp2 } from '../../live/proxy/http2-session.ts';
import type { Problem } from '../../core/problem.ts';
import type { TellLog } from './access-log-file.ts';
import type { EdgeNode } from './node.ts';
import type { ServeOptions } from './options.ts';

export interface TlsSettings {
  /** The authority's file, for the ready line; undefined with certificates of one's own. */
  readonly caFile: string | undefined;
  listenOptions(node: EdgeNode): Partial<ListenOptions>;
  /** A new configuration: certificates for its names are made before they are asked for. */
  adopt(model: Model): void;
  /** Read the files again (SIGHUP, a change on disk). A broken pair changes nothing, and one line says why. */
  renew(): void;
}

export interface TlsPorts {
  /** One for all workers; undefined: Node's own. */
  readonly ticketKeys: Buffer | undefined;
  readonly tell: TellLog;
}

/** PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Names for which certificates are made ahead; others are made when first asked for. */
const AHEAD_MAX = 50;

export async function openTls(
  options: ServeOptions,
  folder: string,
  model: Model,
  { ticketKeys, tell }: TlsPorts,
): Promise<{ readonly tls: TlsSettings } | { readonly problem: Problem }> {
  const { tlsCert, tlsKey } = options;
  const tickets = ticketKeys === undefined ? {} : { ticketKeys };
  if (tlsCert !== undefined && tlsKey !== undefined) {
    const read = readCertificate(tlsCert, tlsKey);
    if (read.kind === 'fault') return { problem: problem(read.file, `the file ${read.reason}`, '') };
    return { tls: new FileTls(tlsCert, tlsKey, read, tickets, tell) };
  }
  const opened = await openLocalCa(folder);
  if (opened.kind === 'fault') {
    return {
      problem: problem(
        '--listen-tls',
        opened.reason,
        'or name another folder with --state, or give --tls-cert and --tls-key',
      ),
    };
  }
  const standard = await opened.ca.leafFor(['localhost', '127.0.0.1', '::1']);
  return { tls: new LocalTls(opened.ca, { ...standard, ...tickets }, model) };
}

class FileTls implements TlsSettings {
  readonly caFile = undefined;
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #tickets: { readonly ticketKeys?: Buffer };
  readonly #tell: TellLog;
  #pair: Pair;
  #server: TlsServer | undefined;

  constructor(certFile: string, keyFile: string, pair: Pair, tickets: { ticketKeys?: Buffer }, tell: TellLog) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#pair = pair;
    this.#tickets = tickets;
    this.#tell = tell;
  }

  listenOptions(node: EdgeNode): Partial<ListenOptions> {
    const onTlsServer = (server: TlsServer): void => {
      this.#server = server;
    };
    return { tls: this.#options(), ...http2(node), onTlsServer };
  }

  adopt(): void {
    // The names are in the certificate.
  }

  renew(): void {
    const read = readCertificate(this.#certFile, this.#keyFile);
    if (read.kind === 'fault') {
      return this.#tell('error', `the file ${read.file} ${read.reason}: the certificate before it stays in use`);
    }
    if (read.cert === this.#pair.cert && read.key === this.#pair.key) return;
    this.#pair = read;
    this.#server?.setSecureContext(this.#options());
    this.#tell('info', `the certificate in ${this.#certFile} is in use from here on`);
  }

  #options(): TlsOptions {
    const { cert, key } = this.#pair;
    return { cert, key, ...this.#tickets };
  }
}

class LocalTls implements TlsSettings {
  readonly caFile: string;
  readonly #ca: LocalCa;
  readonly #standard: TlsOptions;

  constructor(ca: LocalCa, standard: TlsOptions, model: Model) {
    this.#ca = ca;
    this.#standard = standard;
    this.caFile = ca.file;
    this.adopt(model);
  }

  listenOptions(node: EdgeNode): Partial<ListenOptions> {
    const SNICallback: NonNullable<TlsOptions['SNICallback']> = (servername, done) => {
      const name = servername.toLowerCase();
      if (!/^[a-z0-9_.-]{1,253}$/.test(name)) return done(null, undefined);
      this.#ca.contextFor(name).then(
        (context) => done(null, context),
        (error: Error) => done(error),
      );
    };
    // Clients that name nobody (an address in the URL) get the certificate of localhost.
    return { tls: { ...this.#standard, SNICallback }, ...http2(node) };
  }

  adopt(model: Model): void {
    const names = model.loadBalancers
      .filter((each) => each.proxied && !each.name.startsWith('*.'))
      .map((each) => each.name);
    for (const name of names.slice(0, AHEAD_MAX)) void this.#ca.contextFor(name).catch(() => {});
  }

  renew(): void {
    // Made here, and good for longer than a process lives.
  }
}

/** Visitors choose by ALPN. */
function http2(node: EdgeNode): Pick<ListenOptions, 'onHttp2'> {
  return { onHttp2: (socket) => serveHttp2(node.engine, socket) };
}

function problem(file: string, message: string, hint: string): Problem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message, hint };
}
