/** What may go away around a running edge without taking it along: the reader of its log, the folder of its configuration. */
import { mkdirSync, rmSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { ask, configOf, NamedOrigin, Serve, until } from './support.ts';

const running: (Serve | NamedOrigin)[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) {
    if (each instanceof Serve) await each.end();
    else each.kill();
  }
});

async function startOver(name: string): Promise<{ serve: Serve; at: string }> {
  const origin = await NamedOrigin.start(name);
  running.push(origin);
  const serve = new Serve(configOf({ main: [origin] }));
  running.push(serve);
  return { serve, at: (await serve.ready()).listen! };
}

test('whoever reads the log goes away: the edge serves on, and still takes a new configuration', async () => {
  const { serve, at } = await startOver('one');
  serve.process.stderr!.destroy();
  const second = await NamedOrigin.start('two');
  running.push(second);
  serve.write(configOf({ main: [second] }));
  serve.process.kill('SIGHUP');
  await until(
    () => ask(at, { headers: { host: 'www.example.com' } }),
    ({ body }) => body === 'two',
  );
});

test('the folder of the configuration is deleted and made again: the edge serves on, then reads the new file by itself', async () => {
  const { serve, at } = await startOver('one');
  const second = await NamedOrigin.start('two');
  running.push(second);
  rmSync(serve.folder, { recursive: true });
  expect((await ask(at, { headers: { host: 'www.example.com' } })).body).toBe('one');
  mkdirSync(serve.folder);
  serve.write(configOf({ main: [second] }));
  await until(
    () => ask(at, { headers: { host: 'www.example.com' } }),
    ({ body }) => body === 'two',
  );
});

test('a reload takes away the pool in use: requests under way end as they began, the next ones go elsewhere', async () => {
  const first = await NamedOrigin.start('first');
  const second = await NamedOrigin.start('second');
  running.push(first, second);
  const held: (() => void)[] = [];
  first.answer = (request, respond) => {
    if (request.url === '/slow') held.push(() => respond(200, 'slow but whole'));
    return request.url === '/slow';
  };
  const serve = new Serve(configOf({ old: [first] }));
  running.push(serve);
  const at = (await serve.ready()).listen!;
  const headers = { host: 'www.example.com' };
  const slow = ask(at, { path: '/slow', headers });
  await until(
    async () => held.length,
    (count) => count === 1,
  );
  serve.write(configOf({ other: [second] }));
  await until(
    () => ask(at, { headers }),
    ({ body }) => body === 'second',
  );
  held[0]!();
  expect(await slow).toMatchObject({ status: 200, body: 'slow but whole' });
});
