/** Templates: each one, as written, is valid, plays, and keeps what it promises. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEMPLATES } from '../../src/cli/init.ts';
import { switchyard } from './terminal.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'switchyard-init-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('init', () => {
  it('has at least five templates', () => {
    expect(TEMPLATES.length).toBeGreaterThanOrEqual(5);
  });

  it.each(TEMPLATES)('$name: what is written is valid and plays, and its checks hold', async ({ name }) => {
    const dir = join(root, name);
    const made = await switchyard(['init', name, '--dir', dir, '--json']);
    expect({ code: made.code, err: made.err }).toEqual({ code: 0, err: '' });
    const { files, next } = JSON.parse(made.out) as { files: string[]; next: string[] };
    const scenario = join(dir, `${name}.yaml`);
    expect(files).toContain(scenario);
    expect(await switchyard(['validate', ...files.filter((file) => file.endsWith('.yaml'))])).toMatchObject({
      code: 0,
    });
    // An editor finds the schema from the first line.
    const schema = /^# yaml-language-server: \$schema=(\S+)/.exec(readFileSync(scenario, 'utf8'))?.[1];
    expect(files).toContain(join(dir, schema ?? ''));

    expect(next).toHaveLength(3);
    for (const command of next) {
      const [npx, tool, ...words] = command.split(' ');
      expect([npx, tool]).toEqual(['npx', 'switchyard']);
      const out = words[0] === 'replay' ? ['--out', join(dir, 'out')] : [];
      const said = await switchyard([...words, ...out]);
      expect(said.code, `${command}\n${said.out}${said.err}`).toBe(0);
    }
  });

  it('without a name: the list, and nothing is asked', async () => {
    const { code, out } = await switchyard(['init']);
    expect(code).toBe(0);
    for (const { name } of TEMPLATES) expect(out).toContain(`  ${name} `);
  });

  it('files that exist stay as they are, unless --force', async () => {
    const dir = join(root, 'twice');
    await switchyard(['init', 'failover', '--dir', dir]);
    const file = join(dir, 'failover.yaml');
    writeFileSync(file, 'mine\n');
    const again = await switchyard(['init', 'failover', '--dir', dir]);
    expect(again.code).toBe(2);
    expect(again.err).toContain(`${file}: error: the file exists already, --force overwrites it`);
    expect(readFileSync(file, 'utf8')).toBe('mine\n');
    expect(await switchyard(['init', 'failover', '--dir', dir, '--force'])).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(file, 'utf8')).toContain('power_loss');
  });

  it('an unknown template: what was meant', async () => {
    const { code, err } = await switchyard(['init', 'stickyshop', '--dir', root]);
    expect({ code, err }).toEqual({
      code: 2,
      err: 'switchyard: there is no template "stickyshop", did you mean "sticky-shop"?\n',
    });
  });

  it('a folder that cannot be made', async () => {
    const file = join(root, 'a-file');
    writeFileSync(file, '');
    const { code, err } = await switchyard(['init', 'geo', '--dir', file]);
    expect(err).toContain('is in the way: it is not a folder');
    expect(code).toBe(2);
  });
});
