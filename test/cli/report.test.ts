/** `switchyard report`: the files again from report.json, and more checks of a run that is long over. */
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { switchyard } from './terminal.ts';

const FILES = ['junit.xml', 'report.html', 'report.json', 'summary.md'];
let root = '';
let run = '';
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-report-'));
  run = join(root, 'run');
  await switchyard(['replay', 'scenarios/zero-downtime.yaml', '--out', run]);
});
afterAll(() => rmSync(root, { recursive: true }));

describe('report', () => {
  it('makes each file again, byte for byte', async () => {
    const out = join(root, 'again');
    const { code, err } = await switchyard(['report', join(run, 'report.json'), '--out', out]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(readdirSync(out).toSorted()).toEqual(FILES);
    for (const file of FILES) {
      expect(readFileSync(join(out, file), 'utf8'), file).toBe(readFileSync(join(run, file), 'utf8'));
    }
  });

  it('without --out the files are made beside report.json', async () => {
    const beside = mkdtempSync(join(root, 'beside-'));
    copyFileSync(join(run, 'report.json'), join(beside, 'report.json'));
    await switchyard(['report', join(beside, 'report.json')]);
    expect(readdirSync(beside).toSorted()).toEqual(FILES);
  });

  it('a check that does not hold: it stands in every file, code 3; asked twice, it stands there once', async () => {
    const out = join(root, 'asked');
    const argv = ['--check', 'failed_requests == 17', '--out', out];
    expect(await switchyard(['report', join(run, 'report.json'), ...argv])).toMatchObject({ code: 3 });
    for (const file of FILES) expect(readFileSync(join(out, file), 'utf8'), file).toContain('failed_requests == 17');
    expect(await switchyard(['report', join(out, 'report.json'), ...argv])).toMatchObject({ code: 3 });
    expect(readFileSync(join(out, 'report.json'), 'utf8').match(/failed_requests == 17/g)).toHaveLength(1);
  });

  it.each([
    { name: 'not JSON', text: 'version: 1\n', says: 'not JSON' },
    { name: 'other JSON', text: '{"a":1}', says: 'not a report of this version' },
    { name: 'a later version', text: '{"schema":"switchyard.report/9"}', says: 'found "switchyard.report/9"' },
    { name: 'half a report', text: '{"schema":"switchyard.report/1","kind":"replay"}', says: 'tool: ' },
  ])('$name: refused, nothing written', async ({ text, says }) => {
    const folder = mkdtempSync(join(root, 'bad-'));
    writeFileSync(join(folder, 'report.json'), text);
    const { code, err } = await switchyard(['report', join(folder, 'report.json')]);
    expect(err).toContain(says);
    expect(code).toBe(2);
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  it('a check on a pool that the run did not have', async () => {
    const { code, err } = await switchyard(['report', join(run, 'report.json'), '--check', 'share(pool/asia) < 5%']);
    expect(err).toContain('there is no pool "asia" here in "share(pool/asia) < 5%"');
    expect(code).toBe(2);
  });
});
