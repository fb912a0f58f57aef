/**
 * The clients of a drill: the table that the replay keeps, and beside it each client's real cookies. A visitor who leaves takes the jar
 * along; the next one behind the same number begins with an empty one.
 *
 * Not known here: Max-Age, Secure and Path. The edge judges the age of its own cookie, and plain HTTP on loopback stands for HTTPS.
 */
import type { Location } from '../core/location.ts';
import { ClientTable } from '../replay/clients.ts';

/** Cookies of one client. An origin that sets more than this is not what drills are about. */
const MAX_COOKIES = 50;

export class DrillClients extends ClientTable {
  readonly #jars = new Map<number, Map<string, string>>();
  readonly #refusing = new Set<number>();

  override add(location: Location, hash: number, keepsCookies: boolean): number {
    const client = super.add(location, hash, keepsCookies);
    if (!keepsCookies) this.#refusing.add(client);
    return client;
  }

  override endSession(client: number): void {
    super.endSession(client);
    this.#jars.delete(client);
  }

  /** `Cookie` of the next request; empty = none. */
  cookie(client: number): string {
    const jar = this.#jars.get(client);
    if (jar === undefined) return '';
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** @param lines Values of `Set-Cookie`. */
  keep(client: number, lines: readonly string[]): void {
    if (lines.length === 0 || this.#refusing.has(client)) return;
    let jar = this.#jars.get(client);
    if (jar === undefined) this.#jars.set(client, (jar = new Map()));
    for (const line of lines) {
      const pair = line.split(';', 1)[0]!;
      const equals = pair.indexOf('=');
      if (equals <= 0) continue;
      const name = pair.slice(0, equals).trim();
      if (/;\s*max-age\s*=\s*(?:0|-\d+)\s*(?:;|$)/i.test(line)) jar.delete(name);
      else if (jar.has(name) || jar.size < MAX_COOKIES) jar.set(name, pair.slice(equals + 1).trim());
    }
  }
}
