/** Certificates of the HTTPS listener: files that were named, or the local authority with one certificate per name (SNI). */
import type { TlsOptions } from 'node:tls';
import type { Model } from '../../core/model.ts';
import { type LocalCa, openLocalCa, readCertificate } from '../../live/local-ca.ts';
import type { ListenOptions } from '../../live/proxy/engine.ts';
import type { Problem } from '../../core/problem.ts';
import type { EdgeNode } from './node.ts';
import type { ServeOptions } from './options.ts';

export interface TlsSettings {
  /** The authority's file, for the ready line; undefined with certificates of one's own. */
  readonly caFile: string | undefined;
  listenOptions(node: EdgeNode): Partial<ListenOptions>;
  /** A new configuration: certificates for its names are made before they are asked for. */
  adopt(model: Model): void;
}

/** Names for which certificates are made ahead; others are made when first asked for. */
const AHEAD_MAX = 50;

export async function openTls(
  options: ServeOptions,
  folder: string,
  model: Model,
  ticketKeys: Buffer | undefined,
): Promise<{ readonly tls: TlsSettings } | { readonly problem: Problem }> {
  const { tlsCert, tlsKey } = options;
  const tickets = ticketKeys === undefined ? {} : { ticketKeys };
  if (tlsCert !== undefined && tlsKey !== undefined) {
    const read = readCertificate(tlsCert, tlsKey);
    if (read.kind === 'fault') return { problem: problem(read.file, `the file ${read.reason}`, '') };
    const { cert, key } = read;
    return { tls: { caFile: undefined, listenOptions: () => ({ tls: { cert, key, ...tickets } }), adopt: () => {} } };
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

  listenOptions(): Partial<ListenOptions> {
    const SNICallback: NonNullable<TlsOptions['SNICallback']> = (servername, done) => {
      const name = servername.toLowerCase();
      if (!/^[a-z0-9_.-]{1,253}$/.test(name)) return done(null, undefined);
      this.#ca.contextFor(name).then(
        (context) => done(null, context),
        (error: Error) => done(error),
      );
    };
    // Clients that name nobody (an address in the URL) get the certificate of localhost.
    return { tls: { ...this.#standard, SNICallback } };
  }

  adopt(model: Model): void {
    const names = model.loadBalancers
      .filter((each) => each.proxied && !each.name.startsWith('*.'))
      .map((each) => each.name);
    for (const name of names.slice(0, AHEAD_MAX)) void this.#ca.contextFor(name).catch(() => {});
  }
}

function problem(file: string, message: string, hint: string): Problem {
  return { severity: 'error', file, line: 0, column: 0, path: '', message, hint };
}
