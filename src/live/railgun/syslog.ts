/**
 * Lines to a syslog server over UDP (RFC 3164), as `syslog.addr` names it. Never holds anything up and never fails: what cannot be
 * sent is lost, as syslog is. Socket paths are not spoken (Node has no datagram sockets of that kind); stderr is what remains.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Facility "daemon"; severities error, informational, debug. */
const DAEMON = 3 * 8;
const SEVERITY: { readonly [level: number]: number } = { 0: 3, 1: 6, 5: 7 };
/** RFC 3164 section 4.1. */
const MAX_BYTES = 1_024;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface SyslogTarget {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:port`, `host`; `undefined` for a path or nothing. */
export function syslogTarget(text: string): SyslogTarget | undefined {
  const match = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 514);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

export class Syslog {
  readonly #target: SyslogTarget;
  readonly #socket: Socket;
  readonly #host = hostname().split('.')[0] ?? 'localhost';

  constructor(target: SyslogTarget) {
    this.#target = target;
    this.#socket = createSocket(isIP(target.host) === 6 ? 'udp6' : 'udp4');
    this.#socket.on('error', () => {});
    this.#socket.unref();
  }

  /** `line` begins with its tag: `railgun[peer]: …`. */
  send(level: 0 | 1 | 5, line: string, at: Date): void {
    const day = String(at.getDate()).padStart(2, ' ');
    const time = at.toTimeString().slice(0, 8);
    const priority = DAEMON + (SEVERITY[level] ?? 6);
    const text = `<${priority}>${MONTHS[at.getMonth()] ?? ''} ${day} ${time} ${this.#host} ${line}`;
    this.#socket.send(
      Buffer.from(text, 'latin1').subarray(0, MAX_BYTES),
      this.#target.port,
      this.#target.host,
      () => {},
    );
  }

  close(): void {
    this.#socket.close();
  }
}
