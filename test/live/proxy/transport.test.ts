/** The seam for other transports: a make-believe one that takes payload and gives payload, beside `http1`. */
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestHead } from '../../../src/http1/head.ts';
import { ResponseHead } from '../../../src/http1/head.ts';
import { RESPONSE_LIMITS } from '../../../src/http1/limits.ts';
import { type RequestEdit, writeRequestHead } from '../../../src/http1/write-head.ts';
import type { LegBody, LegSink, OriginLeg, OriginTransport } from '../../../src/live/proxy/transport.ts';
import { dial, type Edge, fieldValues, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

class PaperLeg implements OriginLeg {
  readonly form = 'payload';
  ready = false;
  readonly reused = false;
  blocked = false;
  readonly sink: LegSink;
  head = '';
  body = '';
  ended = false;
  aborted = false;
  paused = false;
  readonly #told: () => void;

  constructor(sink: LegSink, told: () => void) {
    this.sink = sink;
    this.#told = told;
  }
  begin(head: RequestHead, edit: RequestEdit): void {
    this.head = writeRequestHead(head, edit);
  }
  send(buf: Buffer, start: number, end: number): void {
    this.body += buf.toString('latin1', start, end);
    this.#told();
  }
  sendText(): void {
    throw new Error('payload has no framing');
  }
  sendEnd(): void {
    this.ended = true;
    this.#told();
  }
  flush(): void {}
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  abort(): void {
    this.aborted = true;
    this.#told();
  }

  become(): void {
    this.ready = true;
    this.sink.legReady();
  }
  answer(head: string, body: LegBody): void {
    const parsed = new ResponseHead(RESPONSE_LIMITS);
    parsed.clear();
    parsed.parse(Buffer.from(head, 'latin1'), 0, head.length);
    this.sink.legHead(parsed, body);
  }
  span(text: string): void {
    const buf = Buffer.from(text, 'latin1');
    this.sink.bodySpan(buf, 0, buf.length);
    this.sink.legFlush();
  }
}

class Paper implements OriginTransport {
  readonly legs: PaperLeg[] = [];
  #waiting: (() => void)[] = [];
  open(_attempt: unknown, sink: LegSink): OriginLeg {
    const leg = new PaperLeg(sink, () => this.#wake());
    this.legs.push(leg);
    this.#wake();
    return leg;
  }
  close(): void {}
  async when(holds: (leg: PaperLeg) => boolean): Promise<PaperLeg> {
    while (!this.legs.some(holds)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.legs.find(holds) as PaperLeg;
  }
  #wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }
}

async function bench(): Promise<{ paper: Paper; edge: Edge; client: Wire; origin: RawOrigin }> {
  const paper = new Paper();
  const origin = await RawOrigin.start();
  const edge = await startEdge([], { transports: new Map([['paper', paper]]) });
  edge.brain.attempts = [{ kind: 'paper', host: undefined }, toOrigin(origin.port)];
  const client = await dial(edge.port);
  cleanups.push(() => {
    client.socket.destroy();
    edge.engine.stop();
    origin.stop();
  });
  return { paper, edge, client, origin };
}

const CHUNKED = 'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a transport of another kind', () => {
  it('gets the payload of a chunked request, also what came before it was ready', async () => {
    const { paper, client } = await bench();
    client.send(`${CHUNKED}5;x=y\r\nhello\r\n`);
    const leg = await paper.when(() => true);
    expect(leg.head).toBe('');
    leg.become();
    expect(leg.head).toMatch(/^POST \/x HTTP\/1\.1\r\n/);
    client.send('1\r\n!\r\n0\r\nX-T: 1\r\n\r\n');
    await paper.when(({ ended }) => ended);
    expect(leg.body).toBe('hello!');
  });

  it.each([
    ['1.1', /\r\nTransfer-Encoding: chunked\r\n.*\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n$/s],
    ['1.0', /\r\n\r\nabcde$/],
  ])('gives payload of unknown length to a client of HTTP/%s', async (version, expected) => {
    const { paper, client } = await bench();
    client.send(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const leg = await paper.when(() => true);
    leg.become();
    leg.answer('HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n', 'payload');
    leg.span('abc');
    leg.span('de');
    leg.sink.legEnd(undefined);
    expect(await client.end()).toMatch(expected);
  });

  it('gives a body of known length as it is', async () => {
    const { paper, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const leg = await paper.when(() => true);
    leg.become();
    leg.answer('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'length');
    leg.span('abcde');
    leg.sink.legEnd(undefined);
    await client.until('\r\n\r\nabcde');
    expect(fieldValues(client.text, 'content-length')).toEqual(['5']);
  });

  it('that fails before it was ready falls back to http1 with the body chunked again', async () => {
    const { paper, edge, client, origin } = await bench();
    client.send(`${CHUNKED}5\r\nhello\r\n`);
    const leg = await paper.when(() => true);
    leg.sink.legFault('unavailable', 'no lane', false);
    const wire = await origin.wire();
    await wire.until('hello');
    client.send('6\r\n world\r\n0\r\nX-T: 1\r\n\r\n');
    await wire.until('X-T: 1\r\n\r\n');
    expect(wire.text.endsWith('\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n')).toBe(true);
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await client.until('ok');
    expect(edge.brain.told).toMatchObject([{ outcome: 'completed', attempts: 2 }]);
  });

  it('that breaks off in the middle of its answer cuts the client short, without a last chunk', async () => {
    const { paper, edge, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const leg = await paper.when(() => true);
    leg.become();
    leg.answer('HTTP/1.1 200 OK\r\n\r\n', 'payload');
    leg.span('abc');
    leg.sink.legFault('reset', 'lane lost', true);
    expect((await client.end()).endsWith('3\r\nabc')).toBe(true);
    expect(edge.brain.told).toMatchObject([{ outcome: 'origin_cut' }]);
  });

  it('is told when the client is gone', async () => {
    const { paper, client } = await bench();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const leg = await paper.when(() => true);
    leg.become();
    client.socket.resetAndDestroy();
    await paper.when(({ aborted }) => aborted);
  });

  it('that is blocked holds the client back until it has drained', async () => {
    const { paper, client } = await bench();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n');
    const leg = await paper.when(() => true);
    leg.become();
    leg.blocked = true;
    client.socket.write(Buffer.alloc(20_000_000, 'x'));
    await paper.when(({ body }) => body.length > 0);
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(leg.body.length).toBeLessThan(200_000);
    leg.blocked = false;
    leg.sink.legDrained();
    await paper.when(({ ended }) => ended);
    expect(leg.body).toHaveLength(20_000_000);
  });
});
