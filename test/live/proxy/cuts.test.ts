/**
 * RFC 9112 8: a message that is cut at any byte, by FIN or by reset, is never passed on as a whole one, in either direction; a whole
 * one is, whatever follows it. Every offset of every message is tried, so there is no chance in it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dial, type Edge, RawOrigin, startEdge, toOrigin, type Wire } from './harness.ts';

const HOWS = ['FIN', 'reset'] as const;
type How = (typeof HOWS)[number];
const AT_ONCE = 32;

interface Message {
  readonly name: string;
  readonly text: string;
  /** From this offset on a FIN does not cut it: the end of the connection is its end. */
  readonly openFrom?: number;
}

const CLOSE_HEAD = 'HTTP/1.1 200 OK\r\nX: 1\r\n\r\n';
const ANSWERS: readonly Message[] = [
  { name: 'length', text: 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes' },
  {
    name: 'chunked',
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ntwelve\r\n6;a=b\r\n bytes\r\n0\r\n\r\n',
  },
  {
    name: 'trailers',
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\ntwelve bytes\r\n0\r\nX-Sum: 1\r\nX-End: yes\r\n\r\n',
  },
  {
    name: 'hints',
    text: 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ntwelve bytes',
  },
  { name: 'until-close', text: `${CLOSE_HEAD}twelve bytes`, openFrom: CLOSE_HEAD.length },
  { name: 'no-content', text: 'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n' },
];

/** The fields and bodies of requests; the request line names the case. */
const REQUESTS: readonly Message[] = [
  { name: 'get', text: 'Host: a\r\nX-A: 1\r\n\r\n' },
  { name: 'length', text: 'Host: a\r\nContent-Length: 12\r\n\r\ntwelve bytes' },
  { name: 'chunked', text: 'Host: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ntwelve\r\n6;a=b\r\n bytes\r\n0\r\n\r\n' },
  { name: 'trailers', text: 'Host: a\r\nTransfer-Encoding: chunked\r\n\r\nc\r\ntwelve bytes\r\n0\r\nX-Sum: 1\r\n\r\n' },
];

let origin: RawOrigin;
let edge: Edge;
/** What the origin has been sent, by target. */
const seen = new Map<string, Wire>();

function end(wire: Wire, how: How): void {
  if (how === 'FIN') wire.socket.end();
  else wire.socket.resetAndDestroy();
}

/** `/answer/<name>/<offset>/<how>`: so much of that answer, and then the end. `/request/…`: whatever comes is written down. */
function behave(wire: Wire): void {
  const look = (): void => {
    const target = /^[A-Z]+ (\S+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/.exec(wire.text)?.[1];
    if (target === undefined) return;
    wire.socket.removeListener('data', look);
    const [, kind, name, offset, how] = target.split('/');
    seen.set(target, wire);
    if (kind === 'request') {
      const answer = (): void => {
        if (wholeRequest(wire.text)) wire.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
      };
      wire.socket.on('data', answer);
      answer();
      return;
    }
    const { text } = ANSWERS.find((each) => each.name === name)!;
    const part = text.slice(0, Number(offset));
    // An end right behind the bytes would let a reset overtake them.
    if (part === '') end(wire, how as How);
    else wire.socket.write(part, () => setImmediate(() => end(wire, how as How)));
  };
  wire.socket.on('data', look);
}

/** Does this read as a whole request? Written without any knowledge of what was sent. */
function wholeRequest(text: string): boolean {
  const at = text.indexOf('\r\n\r\n') + 4;
  if (at === 3) return false;
  return wholeBody(text.slice(0, at), text.slice(at));
}

function wholeBody(head: string, body: string): boolean {
  if (/^transfer-encoding:/im.test(head))
    return /^(?:[1-9a-f][0-9a-f]*\r\n[^\r]*\r\n)*0\r\n(?:[^\r]+\r\n)*\r\n$/.test(body);
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return length === undefined || body.length === Number(length);
}

/** The final answer that a client finds whole in these bytes, if there is one. */
function wholeAnswer(text: string): string | undefined {
  let rest = text;
  for (;;) {
    const at = rest.indexOf('\r\n\r\n') + 4;
    if (at === 3) return undefined;
    const head = rest.slice(0, at);
    rest = rest.slice(at);
    if (/^HTTP\/1\.1 1\d\d /.test(head)) continue;
    if (head.startsWith('HTTP/1.1 204 ')) return head;
    return wholeBody(head, rest) ? head + rest : undefined;
  }
}

beforeAll(async () => {
  origin = await RawOrigin.start(behave);
  edge = await startEdge([toOrigin(origin.port)], { limits: { originIdleMax: 0 } });
});

afterAll(() => {
  edge.engine.stop();
  origin.stop();
});

async function inTurn(count: number, one: (offset: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('RFC 9112 8 a message cut at any byte', () => {
  const both = <T>(list: readonly T[]): (readonly [T, How])[] =>
    list.flatMap((each) => HOWS.map((how) => [each, how] as const));

  it.each(both(ANSWERS).map(([message, how]) => ({ ...message, how })))(
    'RFC 9112 8 an answer ($name) that the origin ends by $how is whole for the client only when it is',
    async ({ name, text, openFrom, how }) => {
      await inTurn(text.length + 1, async (offset) => {
        const client = await dial(edge.port);
        client.send(`GET /answer/${name}/${offset}/${how} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        const got = wholeAnswer(await client.end());
        client.socket.destroy();
        const complete = offset === text.length && (how === 'FIN' || openFrom === undefined);
        const may = complete || (how === 'FIN' && openFrom !== undefined && offset >= openFrom);
        const status = got?.slice(9, 12);
        // Either nothing whole at all, or the edge's own word that there is no answer.
        const expected = may ? [/^HTTP\/1\.1 20[04] /.exec(text)?.[0].slice(9, 12) ?? '200'] : [undefined, '520'];
        expect(expected, `${name} ${how} at ${offset}: ${JSON.stringify(client.text)}`).toContain(status);
      });
    },
  );

  it.each(both(REQUESTS).map(([message, how]) => ({ ...message, how })))(
    'RFC 9112 8 a request ($name) that the client ends by $how is whole for the origin only when it is',
    async ({ name, text, how }) => {
      await inTurn(text.length + 1, async (offset) => {
        const target = `/request/${name}/${offset}/${how}`;
        const client = await dial(edge.port);
        const part = `${name === 'get' ? 'GET' : 'POST'} ${target} HTTP/1.1\r\n${text.slice(0, offset)}`;
        await new Promise<void>((resolve) => client.socket.write(part, () => setImmediate(resolve)));
        end(client, how);
        await client.end();
        client.socket.destroy();
        const there = seen.get(target);
        if (offset < text.length) {
          // The origin's side ends, too, and what it has is no whole request.
          await there?.end();
          expect(wholeRequest(there?.text ?? ''), `${target}: ${JSON.stringify(there?.text)}`).toBe(false);
        } else if (how === 'FIN') expect(client.text).toMatch(/\r\n\r\ndone$/);
      });
    },
  );

  it('and afterwards nothing is left open', async () => {
    while (edge.engine.counts().connections > 0 || edge.engine.counts().originConnections > 0) {
      edge.clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(edge.engine.counts()).toMatchObject({ inFlight: 0 });
    expect(edge.brain.told.filter(({ outcome }) => outcome === 'completed').length).toBeGreaterThan(10);
  });
});
