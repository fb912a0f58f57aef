/**
 * One request over the link, as the proxy engine sees it: an `OriginLeg` beside that of HTTP/1.1. Turns the engine's spans into what
 * the sender's machine takes, and the machine's events into a head and spans for the visitor, `Cf-Railgun` included.
 *
 * Back-pressure: a visitor who takes nothing is not asked for more than one window, because RAW bytes are reported as consumed only
 * when he took them; an origin that takes nothing blocks the visitor's upload through `body` returning false.
 */
import { STATUS_CODES } from 'node:http';
import { ResponseHead, type RequestHead } from '../../http1/head.ts';
import { RESPONSE_LIMITS } from '../../http1/limits.ts';
import { type RequestEdit, writeRequestHead } from '../../http1/write-head.ts';
import { DirectReason, formatCfRailgun } from '../../railgun/cf-railgun.ts';
import { type Fault, faultCode, mayRetry } from '../../railgun/faults.ts';
import type { HeadLine } from '../../railgun/head.ts';
import type { AttemptFault } from '../../core/attempt-fault.ts';

import type { LegSink, OriginLeg } from '../proxy/transport.ts';
import type { EventOf, LinkDriver, LinkSink } from './link-driver.ts';

export interface LinkTarget {
  readonly https: boolean;
  /** `CF-ORIGIN-IP`: a literal address with its port, IPv6 in brackets. */
  readonly originAddress: string;
}

export interface LegOptions {
  readonly retryIdempotentDirect: boolean;
  /** Longest wait for an answer over the link, in microseconds; 0 = the listener's own limits. */
  readonly timeoutUs: number;
}

const EMPTY = new Uint8Array(0);
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');
const LENGTH_REQUIRED = Buffer.from('HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n');
/** Fields of this connection, and those that the machine or this leg sets anew. */
const LEFT_BEHIND = new Set(['connection', 'transfer-encoding', 'expect', 'upgrade', 'cf-railgun']);

export class LinkLeg implements OriginLeg, LinkSink {
  readonly form = 'payload';
  readonly reused = false;
  ready = true;
  blocked = false;
  readonly #driver: LinkDriver;
  readonly #options: LegOptions;
  #target: LinkTarget | undefined;
  #sink: LegSink | undefined;
  #request: number | undefined;
  #method = 'GET';
  #hasBody = false;
  #paused = false;
  /** RAW bytes that the visitor has not taken. */
  #held = 0;
  #at: { readonly lane: number; readonly stream: number } | undefined;

  /** `target` undefined: the origin's name is being resolved; `resolved` or `unresolved` follows. */
  constructor(driver: LinkDriver, sink: LegSink, target: LinkTarget | undefined, options: LegOptions) {
    this.#driver = driver;
    this.#sink = sink;
    this.#target = target;
    this.#options = options;
    this.ready = target !== undefined;
  }

  resolved(target: LinkTarget): void {
    if (this.#sink === undefined) return;
    this.#target = target;
    this.ready = true;
    this.#sink.legReady();
  }

  unresolved(detail: string): void {
    this.#fault('unavailable', detail, false);
  }

  // ---- the exchange's side -------------------------------------------------------------------------------------

  begin(head: RequestHead, edit: RequestEdit): void {
    const target = this.#target;
    if (target === undefined) return this.#fault('unavailable', DirectReason.internal, false);
    this.#method = head.method;
    this.#hasBody = head.chunked || head.contentLength > 0;
    const placement = this.#driver.request(
      {
        // What the visitor asked for names the site; `Host` towards the origin may be another, shared by many sites.
        zone: siteOf(head.host),
        https: target.https,
        method: head.method,
        authority: edit.host ?? head.host,
        path: head.path,
        originAddress: target.originAddress,
        head: linesOf(writeRequestHead(head, { ...edit, upgrade: false })),
        hasBody: this.#hasBody,
        wantsDelta: true,
        timeoutUs: this.#options.timeoutUs,
      },
      this,
    );
    if (placement.kind === 'direct') {
      return this.#fault('unavailable', placement.reason ?? '', false);
    }
    this.#request = placement.request;
    // The listener has no way to pass the origin's 100 on, so the visitor gets ours.
    if (head.expectContinue && this.#hasBody) this.#sink?.legInterim(parsed(CONTINUE));
  }

  send(buf: Buffer, start: number, end: number): void {
    if (this.#request === undefined || end === start) return;
    // The span lies in a buffer that all visitors share.
    const more = this.#driver.body(this.#request, Uint8Array.prototype.slice.call(buf, start, end), false);
    if (!more) this.blocked = true;
  }

  /** Chunk framing: the link has its own. */
  sendText(): void {}

  sendEnd(): void {
    if (this.#request !== undefined && this.#hasBody) this.#driver.body(this.#request, EMPTY, true);
  }

  flush(): void {
    if (this.#request !== undefined) this.#driver.flush();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#release();
  }

  abort(): void {
    this.#sink = undefined;
    const request = this.#request;
    this.#request = undefined;
    if (request !== undefined) this.#driver.cancel(request);
    this.#release();
  }

  // ---- the link's side -------------------------------------------------------------------------------------------

  linkResponse(event: EventOf<'response'>): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    const { status, head, bodyLength } = event;
    const bodiless = this.#method === 'HEAD' || status === 204 || status === 304;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (const [name, value] of head) {
      const lower = name.toLowerCase();
      if (LEFT_BEHIND.has(lower) || (lower === 'content-length' && !bodiless)) continue;
      text += `${name}: ${value}\r\n`;
    }
    if (!bodiless && bodyLength !== undefined) text += `Content-Length: ${bodyLength}\r\n`;
    const parsedHead = parsed(Buffer.from(`${text}Cf-Railgun: ${formatCfRailgun(event.cfRailgun)}\r\n\r\n`, 'latin1'));
    if (parsedHead.fault !== undefined) {
      const request = this.#request;
      this.#request = undefined;
      if (request !== undefined) this.#driver.cancel(request);
      return this.#fault('malformed', parsedHead.fault, true);
    }
    sink.legHead(parsedHead, bodiless ? 'none' : bodyLength === undefined ? 'payload' : 'length');
  }

  linkBody(event: EventOf<'body'>): void {
    const { bytes } = event;
    this.#at = event;
    this.#held += bytes.length;
    const sink = this.#sink;
    if (sink !== undefined) {
      sink.bodySpan(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
      sink.legFlush();
    }
    if (!this.#paused) this.#release();
  }

  linkEnd(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#request = undefined;
    sink?.legFlush();
    sink?.legEnd(undefined);
    this.#release();
  }

  linkFailed(event: EventOf<'failed'>): void {
    this.#request = undefined;
    const { fault, headSent } = event;
    if (fault.kind === 'bad_request_body') return this.#lengthRequired();
    const kind = attemptFault(fault, this.#method, this.#options);
    this.#fault(kind, kind === 'unavailable' ? this.#reason() : detailOf(fault), headSent);
  }

  /** RG-026: the visitor's own mistake, told without asking anybody else. */
  #lengthRequired(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.legHead(parsed(LENGTH_REQUIRED), 'length');
    sink?.legFlush();
    sink?.legEnd(undefined);
  }

  linkDrained(): void {
    this.blocked = false;
    this.#sink?.legDrained();
  }

  /** Of a request that was taken and given back: what one would be told that came now. */
  #reason(): string {
    const probe = this.#driver.probe();
    return probe === 'ready' ? DirectReason.internal : (probe.reason ?? '');
  }

  #release(): void {
    const bytes = this.#held;
    this.#held = 0;
    if (bytes > 0 && this.#at !== undefined) this.#driver.consumed(this.#at.lane, this.#at.stream, bytes);
  }

  #fault(kind: AttemptFault, detail: string, sawAnswer: boolean): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#release();
    sink?.legFault(kind, detail, sawAnswer);
  }
}

/**
 * What a fault of the link is to the edge. `unavailable`: nobody acted on the request, so it goes direct; `link_lost`: handed over,
 * and only the link could have known its fate (RG-012); the rest is the origin's own doing, seen from the listener.
 */
export function attemptFault(fault: Fault, method: string, options: LegOptions): AttemptFault {
  switch (fault.kind) {
    case 'origin_connect_timeout':
      return 'connect_timeout';
    case 'origin_refused':
      return 'refused';
    case 'origin_read_timeout':
    case 'deadline':
      return 'read_timeout';
    // The listener's documentation has 520 for both.
    case 'origin_tls':
    case 'origin_reset':
      return 'reset';
    default:
      return mayRetry(fault, method, options) ? 'unavailable' : 'link_lost';
  }
}

/** A stable code and a sentence, for logs. */
function detailOf(fault: Fault): string {
  return 'why' in fault ? `${faultCode(fault)}: ${fault.why}` : faultCode(fault);
}

function parsed(bytes: Buffer): ResponseHead {
  const head = new ResponseHead(RESPONSE_LIMITS);
  head.clear();
  head.parse(bytes, 0, bytes.length);
  return head;
}

/** Lines of a written head, start line and framing left out. */
function linesOf(text: string): readonly HeadLine[] {
  const lines: HeadLine[] = [];
  for (let at = text.indexOf('\r\n') + 2; ; ) {
    const end = text.indexOf('\r\n', at);
    if (end <= at) return lines;
    const colon = text.indexOf(':', at);
    const name = text.slice(at, colon);
    if (!LEFT_BEHIND.has(name.toLowerCase())) lines.push([name, text.slice(colon + 1, end).trim()]);
    at = end + 2;
  }
}

/** Lower case, without a port. */
function siteOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}
