import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { accessLine, emptyAccessEntry } from '../../../src/live/access-log.ts';
import { type LineFile, openLineFile } from '../../../src/live/line-file.ts';
import { readAccessLog } from '../../../src/replay/access-log.ts';
import { tempFolder, until } from './support.ts';

function open(path: string): { file: LineFile; told: string[] } {
  const told: string[] = [];
  const opened = openLineFile(path, {
    onBroken: (error) => told.push(String(error.code)),
    onMended: (dropped) => told.push(`mended, ${dropped} missing`),
  });
  if (opened.kind === 'fault') throw opened.error;
  return { file: opened.file, told };
}

test('every line is there, in order, also one that is longer than a block', async () => {
  const path = join(tempFolder(), 'log');
  const { file } = open(path);
  const lines = Array.from({ length: 5_000 }, (_, i) =>
    i % 1_000 === 7 ? `${i}${'ü€'.repeat(70_000)}` : `${i} ${'x'.repeat(i % 90)}`,
  );
  for (const line of lines) file.add(line);
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe(`${lines.join('\n')}\n`);
  expect(file.dropped).toBe(0);
});

test('a file that was moved away goes on under its name', async () => {
  const path = join(tempFolder(), 'log');
  const { file } = open(path);
  file.add('one');
  await until(
    () => Promise.resolve(readFileSync(path, 'utf8')),
    (text) => text === 'one\n',
  );
  renameSync(path, `${path}.1`);
  file.reopen();
  file.add('two');
  await file.close();
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('one\n');
  expect(readFileSync(path, 'utf8')).toBe('two\n');
});

test.skipIf(!existsSync('/dev/full'))('a full disk is told once, and what is lost is counted', async () => {
  const from = performance.now();
  const { file, told } = open('/dev/full');
  for (let i = 0; i < 30_000; i += 1) file.add('x'.repeat(100));
  await until(
    () => Promise.resolve(told.length),
    (count) => count > 0,
  );
  for (let i = 0; i < 100; i += 1) file.add('y');
  await file.close();
  expect(told).toEqual(['ENOSPC', ...told.slice(1).map(() => 'ENOSPC')]);
  // Once more at the end, and whenever it was tried again, each five seconds.
  expect(told.length).toBeLessThanOrEqual(2 + Math.floor((performance.now() - from) / 5_000));
  expect(file.dropped).toBe(30_100);
});

test('a line is JSON whatever the client sent, and the replay reads it back', async () => {
  const entry = {
    ...emptyAccessEntry(),
    clientAddress: '198.51.100.7',
    clientCountry: 'GB',
    host: 'www.example.com',
    method: 'GET',
    target: '/a"b\\c\u00e9?q=\u0001',
    pop: 'LHR',
    startUs: 1_772_366_400_123_456,
    endUs: 1_772_366_400_123_999,
    status: 200,
    responseBytes: 1_234,
    tried: ['eu/"1", and 521', 'eu/eu-2 522'],
  };
  const line = accessLine(entry);
  expect(JSON.parse(line)).toMatchObject({
    ClientRequestURI: entry.target,
    EdgeStartTimestamp: 1_772_366_400_123_456_000,
    tried: entry.tried,
  });
  const log = readAccessLog(
    (async function* () {
      yield Buffer.from(`${line}\n`);
    })(),
  );
  for await (const [read] of log.batches()) {
    expect(read).toMatchObject({
      atUs: entry.startUs,
      client: '198.51.100.7',
      pop: 'LHR',
      country: 'gb',
      status: 200,
      bytes: 1_234,
      host: 'www.example.com',
    });
  }
  expect(log.stats).toMatchObject({ entries: 1, brokenLines: 0 });
});
