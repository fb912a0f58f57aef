/** What never came to `route` is told of once, with what could be read of it. */
import { afterEach, expect, it } from 'vitest';
import type { RefusedRequest } from '../../../src/live/proxy/brain.ts';
import { bareAnswer } from '../../../src/live/proxy/local-answer.ts';
import { dial, type Edge, startEdge } from './harness.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanups.splice(0)) each();
});

async function bench(): Promise<{ edge: Edge; told: RefusedRequest[] }> {
  const edge = await startEdge([]);
  edge.brain.answer = () => bareAnswer(200);
  const told: RefusedRequest[] = [];
  edge.brain.unrouted = (request) => told.push(request);
  cleanups.push(() => edge.engine.stop());
  return { edge, told };
}

it('a head that takes too long: 408, of which nothing but the client is known', async () => {
  const { edge, told } = await bench();
  const wire = await dial(edge.port);
  wire.send('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
  while (edge.engine.counts().connections === 0) await new Promise((resolve) => setImmediate(resolve));
  // The head has begun to come before time moves on.
  while (wire.text === '') {
    edge.clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await wire.end()).toContain('408');
  expect(told).toMatchObject([
    { status: 408, fault: 'timeout', seen: { method: '', target: '', host: '' }, client: { address: '127.0.0.1' } },
  ]);
  expect(told[0]?.responseBytes).toBe(wire.text.length);
});

it('a head in pieces: the fault, and nothing that would only be half of it', async () => {
  const { edge, told } = await bench();
  const wire = await dial(edge.port);
  for (const piece of ['GET /a HTTP/1.1\r\nHo', 'st: a\r\nHost', ': b\r\n\r\n']) {
    wire.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await wire.end()).toContain('400');
  expect(told).toMatchObject([{ status: 400, fault: 'two_hosts' }]);
  expect(['', '/a']).toContain(told[0]?.seen.target);
});

it('requests that were routed, or answered on the way, are not told of here', async () => {
  const { edge, told } = await bench();
  const wire = await dial(edge.port);
  wire.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\nTRACE / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n');
  await edge.brain.whenDone(3);
  expect(told).toEqual([]);
  wire.socket.destroy();
});

it('a log that throws costs nothing but a word about it', async () => {
  const mistakes: unknown[] = [];
  const edge = await startEdge([], { onMistake: (error) => mistakes.push(error) });
  cleanups.push(() => edge.engine.stop());
  edge.brain.unrouted = () => {
    throw new Error('mine');
  };
  const wire = await dial(edge.port);
  wire.send('nonsense\r\n\r\n');
  expect(await wire.end()).toContain('400');
  expect(mistakes).toHaveLength(1);
});
